"""Ids: one pattern everywhere."""

from __future__ import annotations

import re

ID = re.compile(r"[A-Za-z0-9_./-]{1,200}\Z", re.ASCII)


def bad_id(id: object) -> str | None:
    """What is wrong with `id`, or None."""
    if isinstance(id, str) and ID.match(id):
        return None
    if isinstance(id, str) and len(id) > 200:
        return f"an id of {len(id)} characters given, at most 200 expected; shorten it"
    return f"id {id!r} given, 1 to 200 letters, digits, '_', '-', '.' or '/' expected; rename it"


def bad_title(name: object) -> str | None:
    """What is wrong with the name of a graph, or None."""
    if isinstance(name, str) and name.isprintable() and 0 < len(name) <= 200:
        return None
    return f"name {name!r} given, a text of one line, 1 to 200 characters, expected"
