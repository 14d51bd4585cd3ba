"""Losses, optimizers, regularizers and initializers where a declaration names them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from nngraph.declare.check import Problems, is_list, is_object
from nngraph.errors import OptionError
from nngraph.ops.specification import to_spec


def check_choice(family: str, given: Any) -> Any:
    """`given` in the form that files hold: a name, a number or an object; Problems where it is none."""
    try:
        made = getattr(import_module(f"nngraph.ops.{family}"), f"{family}_from")(given)
    except OptionError as error:
        raise Problems(str(error)) from None
    return given if isinstance(given, (str, int, float)) or is_object(given) else to_spec(made)


def check_choices(family: str, given: Any) -> Any:
    """One choice, or an object with one for each name."""
    if not is_object(given) or "type" in given:
        return check_choice(family, given)
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for name, item in given.items():
        try:
            found[name] = check_choice(family, item)
        except Problems as problem:
            wrong += [f"'{name}': {message}" for message in problem.messages]
    if wrong:
        raise Problems(*wrong)
    return found


def not_finite(item: Any) -> Iterator[float]:
    """Every number in `item` that no file may hold."""
    if isinstance(item, float):
        if not math.isfinite(item):
            yield item
    elif is_object(item) or is_list(item):
        for part in item.values() if is_object(item) else item:
            yield from not_finite(part)
