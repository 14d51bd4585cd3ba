"""Attributes of nodes in words: all of them for a closer look, and a note of those that matter most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from nngraph.ir.graph import Graph
from nngraph.ir.op import Attribute, Op
from nngraph.ir.text import format_attribute

LONGEST = 300  # characters of one attribute; an array of a constant may have thousands
NOTED = 34
UNTOLD = ("any", "array", "node", "pairs")  # types of attributes that no note tells of
COUNTED = ("units", "filters", "channels")
SIZES = ("kernel_size", "size")


def attribute_texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Every attribute as text; graphs inside of nodes are drawn, not told."""
    return {name: shortened(text_of(item)) for name, item in attributes.items() if not isinstance(item, Graph)}


def text_of(item: Any) -> str:
    if isinstance(item, Mapping):
        pairs = cast("Mapping[Any, Any]", item)
        return ", ".join(f"{name} {text_of(each)}" for name, each in pairs.items())
    return format_attribute(item)


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def note_of(op: Op | None, attributes: Mapping[str, Any]) -> str:
    """The attributes that are not at their defaults, as many as there is room for."""
    known: Mapping[str, Attribute] = op.attributes if op else {}
    parts: list[str] = []
    for name, item in attributes.items():
        if name not in known or known[name].type in UNTOLD or item == known[name].default or is_long(item):
            continue
        part = worded(name, item)
        if sum(map(len, parts)) + len(part) + 2 * len(parts) > NOTED:
            break
        parts.append(part)
    return ", ".join(parts)


def is_long(item: Any) -> bool:
    return isinstance(item, tuple) and len(cast("tuple[Any, ...]", item)) > 4


def worded(name: str, item: Any) -> str:
    """One attribute as people say it."""
    if name in COUNTED:
        return f"{plain(item)} {name}"
    if name in SIZES:
        return plain(item if isinstance(item, tuple) else (item, item))
    if isinstance(item, bool):
        return name.replace("_", " ") if item else f"no {name.replace('_', ' ')}"
    return f"{name.replace('_', ' ')} {plain(item)}"


def plain(item: Any) -> str:
    """As a reader writes it: pairs that are equal once, no brackets."""
    if isinstance(item, Mapping):
        spec = cast("Mapping[str, Any]", item)
        rest = [f"{name} {each}" for name, each in spec.items() if name in ("k", "p", "m")]
        return " ".join([str(spec.get("type", "")).upper(), *rest])
    if isinstance(item, tuple):
        return "×".join(map(plain, cast("tuple[Any, ...]", item)))
    return format_attribute(item)


def brief(number: int) -> str:
    """A count in three digits: 442k, 1.84M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def figures(parameters: int, multiply_adds: int) -> str:
    """Parameters and multiply-adds, those that are not none."""
    parts = [f"{brief(parameters)} par."] if parameters else []
    return " · ".join([*parts, f"{brief(multiply_adds)} MACs"] if multiply_adds else parts)
