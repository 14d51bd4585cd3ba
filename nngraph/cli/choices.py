"""Losses, optimizers and data as the command line names them: ``sgd:momentum=0.9``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nngraph.errors import OptionError

Choice = str | dict[str, Any]


def choice(option: str, text: str) -> Choice:
    """A name, or a name with options, as a model file would hold it."""
    name, colon, rest = text.partition(":")
    if not colon:
        return name
    options: dict[str, Any] = {"type": name}
    for pair in filter(None, rest.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise OptionError(f"{option}: '{pair}' in '{text}' is no option; write name:key=value,key=value")
        options[key] = scalar(value)
    return options


def switches(option: str, text: str) -> dict[str, Any]:
    """``crop=4,flip``: options by name, of which those without a value are true."""
    options: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not key or (equals and not value) or key in options:
            raise OptionError(
                f"{option}: '{pair}' in '{text}' is no option; write name=value or name, joined by commas"
            )
        options[key] = scalar(value) if equals else True
    return options


def scalar(text: str) -> Any:
    """A number, true, false or null as in JSON; anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def data_spec(given: str | Mapping[str, Any]) -> str:
    """The form that the data's loader reads, from the one that a model file may hold."""
    if isinstance(given, str):
        return given
    options = ",".join(f"{name}={value}" for name, value in given.items() if name != "type")
    return f"{given.get('type', '')}:{options}" if options else str(given.get("type", ""))


def seeds_of(option: str, text: str) -> list[int]:
    """``0-4``, ``3`` or ``0,2,7-9``."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise OptionError(f"{option}: '{text}' given, whole numbers and ranges like 0-4 expected")
        found += range(int(first), int(last or first) + 1)
    if not found:
        raise OptionError(f"{option}: '{text}' holds no number; write the smaller one first, as in 0-4")
    return list(dict.fromkeys(found))
