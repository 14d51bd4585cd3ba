"""Attributes as users give them: checked against an op's record, defaults filled in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, cast

import numpy as np

from nngraph.errors import did_you_mean
from nngraph.ir.op import Attribute, Op

PARAMETER_ATTRIBUTES: Mapping[str, Attribute] = {
    "trainable": Attribute("bool", "whether training changes this node's parameters", True),
    "shared_with": Attribute("node", "id of the node whose parameters this one uses too", None),
    "initializer": Attribute("any", "an initializer, or a mapping from parameter to initializer", None),
    "regularizer": Attribute("any", "a regularizer of this node's parameters", None),
}


def accepted_attributes(op: Op) -> dict[str, Attribute]:
    """The attributes of `op`, and those that all ops with parameters take."""
    return {**op.attributes, **(PARAMETER_ATTRIBUTES if op.parameters else {})}


def own_attributes(op: Op, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `attributes` that the op's functions take: all but `PARAMETER_ATTRIBUTES`."""
    return {name: value for name, value in attributes.items() if name in op.attributes}


def check_attributes(op: Op, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Every attribute that `op` accepts, as given or by default.

    Integers given for floats become floats, and lists tuples; dtype "float" stays: only the model knows it.

    Raises
    ------
    ValueError
        If a name is unknown, a required one is missing, or a value is of the wrong type, out of its bounds,
        not among the choices or not finite.
    """
    accepted = accepted_attributes(op)
    for name in attributes:
        if name not in accepted:
            raise ValueError(unknown_attribute(op, name, accepted))
    checked: dict[str, Any] = {}
    for name, attribute in accepted.items():
        if name in attributes:
            checked[name] = check_value(name, attribute, attributes[name])
        elif attribute.required:
            raise ValueError(f"attribute '{name}' missing: expected {expected(attribute)}, {attribute.doc}")
        else:
            checked[name] = attribute.default
    return checked


def unknown_attribute(op: Op, name: str, accepted: Mapping[str, Attribute]) -> str:
    hint = did_you_mean(name, accepted)
    listed = ", ".join(accepted) if accepted else "none"
    return f"attribute '{name}' given, but '{op.name}' has none of that name{hint} (expected: {listed})"


def check_value(name: str, attribute: Attribute, value: Any) -> Any:
    """`value` as an attribute of this type holds it; ValueError that says what was given and expected."""
    if value is None and attribute.default is None:
        return None
    found: Any
    try:
        found = CONVERSIONS[attribute.type](value)
    except (TypeError, ValueError):
        found = INVALID
    if found is INVALID or not (in_bounds(attribute, found) and is_choice(attribute, found)):
        raise ValueError(f"attribute '{name}': {value!r} given, {expected(attribute)} expected")
    return found


INVALID: Any = object()


def in_bounds(attribute: Attribute, value: Any) -> bool:
    if attribute.type == "pair" and isinstance(value, tuple):
        return all(in_bounds(attribute, item) for item in cast("tuple[int, ...]", value))
    if not isinstance(value, int | float):
        return True
    low = -math.inf if attribute.minimum is None else attribute.minimum
    high = math.inf if attribute.maximum is None else attribute.maximum
    return low < value < high if attribute.exclusive else low <= value <= high


def is_choice(attribute: Attribute, value: Any) -> bool:
    return not attribute.choices or value in attribute.choices


def to_bool(value: Any) -> bool:
    valid = isinstance(value, bool | np.bool_)
    return bool(cast("Any", value)) if valid else INVALID


def to_integer(value: Any) -> int:
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else INVALID


def to_float(value: Any) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    return float(cast("Any", value)) if number else INVALID


def to_string(value: Any) -> str:
    return value if isinstance(value, str) else INVALID


def to_integers(value: Any) -> tuple[int, ...]:
    items = tuple(to_integer(item) for item in value)
    return INVALID if any(item is INVALID for item in items) else items


def to_shape(value: Any) -> tuple[int, ...]:
    """Positive sizes; one may be -1, where the op says what that means."""
    shape = to_integers(value)
    if shape is INVALID or shape.count(-1) > 1 or any(size < 1 and size != -1 for size in shape):
        return INVALID
    return shape


def to_axes(value: Any) -> int | tuple[int, ...]:
    return to_integer(value) if isinstance(value, Integral) else to_integers(value)


def to_pairs(value: Any) -> tuple[tuple[int, ...], ...]:
    pairs = tuple(to_integers(pair) for pair in value)
    valid = all(pair is not INVALID and len(pair) == 2 and min(pair) >= 0 for pair in pairs)
    return pairs if valid else INVALID


def to_pair(value: Any) -> int | tuple[int, ...]:
    if isinstance(value, Integral):
        return to_integer(value)
    pair = to_integers(value)
    return pair if pair is not INVALID and len(pair) == 2 else INVALID


def to_padding(value: Any) -> str | int | tuple[Any, ...]:
    """A name, a number of pixels, one for each of two axes, or one for each of their ends."""
    if isinstance(value, str):
        return value if value in ("same", "valid") else INVALID
    if isinstance(value, Integral):
        pixels = to_integer(value)
        return pixels if pixels is not INVALID and pixels >= 0 else INVALID
    if all(isinstance(side, Integral) for side in value):
        pair = to_pair(value)
        return pair if pair is not INVALID and min(cast("tuple[int, ...]", pair)) >= 0 else INVALID
    pairs = to_pairs(value)
    return pairs if pairs is not INVALID and len(pairs) == 2 else INVALID


def to_array(value: Any) -> Any:
    """A number, or an array of finite numbers, as plain as it comes."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        return INVALID
    return array if array.ndim else array.item()


CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "bool": to_bool,
    "int": to_integer,
    "axis": to_integer,
    "float": to_float,
    "string": to_string,
    "node": to_string,
    "shape": to_shape,
    "axes": to_axes,
    "integers": to_integers,
    "pairs": to_pairs,
    "pair": to_pair,
    "padding": to_padding,
    "array": to_array,
    "wiring": lambda value: value,
    "any": lambda value: value,
}

NAMES: Mapping[str, str] = {
    "bool": "true or false",
    "int": "an integer",
    "axis": "an integer",
    "float": "a finite number",
    "string": "a string",
    "node": "the id of a node",
    "shape": "a list of positive integers",
    "axes": "an integer or a list of integers",
    "integers": "a list of integers",
    "pairs": "a list of pairs of integers of at least 0",
    "pair": "an integer or two",
    "padding": "'same', 'valid', a number of pixels, (rows, columns) or ((top, bottom), (left, right))",
    "array": "a finite number or an array of them",
    "wiring": "a wiring (its name, an object with its type, a networkx graph or a list of edges)",
    "any": "a value",
}


def expected(attribute: Attribute) -> str:
    """What `attribute` takes, in words: "an integer of at least 1"."""
    if attribute.choices:
        return "one of " + ", ".join(map(repr, attribute.choices))
    text = NAMES[attribute.type]
    low, high = attribute.minimum, attribute.maximum
    if low is not None and high is not None:
        text += f" between {low:g} and {high:g}" + (" (exclusive)" if attribute.exclusive else "")
    elif low is not None:
        text += f" above {low:g}" if attribute.exclusive else f" of at least {low:g}"
    elif high is not None:
        text += f" below {high:g}" if attribute.exclusive else f" of at most {high:g}"
    return text + (" or null" if attribute.default is None else "")
