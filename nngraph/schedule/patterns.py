"""Regions that differ in nothing but names are scheduled once: deep nets consist of few different ones."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from nngraph.ir.graph import Value
from nngraph.ir.program import KernelCall, Operand
from nngraph.schedule.region import Region
from nngraph_kernels.record import record


@record
class Pattern:
    """A call, and for its operands and statements the places of their values within the region."""

    call: KernelCall
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    origins: tuple[int, ...]


Patterns = dict[Hashable, list[Pattern]]


def recalled(
    kind: str, region: Region, patterns: Patterns, schedule: Callable[[Region], list[KernelCall]]
) -> list[KernelCall]:
    """The calls of `region`: those of an equal one before, about this one's values, or new ones."""
    places: dict[Value, int] = {}
    key = signature(kind, region, places)
    try:
        known = patterns.get(key)
    except TypeError:  # an attribute that has no hash
        return schedule(region)
    if known is None:
        calls = schedule(region)
        patterns[key] = [pattern_of(call, places) for call in calls]
        return calls
    values = list(places)
    return [about(pattern, values, region.ids) for pattern in known]


def signature(kind: str, region: Region, places: dict[Value, int]) -> Hashable:
    """All that a region's calls depend on; values become the `places` where they first occur."""
    parts: list[Any] = [kind, region.space, region.inner]
    for node in region.members:
        inputs = tuple(places.setdefault(value, len(places)) for value in node.inputs)
        for value in node.results:
            places.setdefault(value, len(places))
        parts.append((node.op.name, inputs, tuple([distinct(item) for item in node.attributes.items()])))
    parts.append(tuple([places[value] for value in region.results]))
    parts += [value.type for value in places]
    parts += [(place, value.narrow) for value, place in places.items() if value.narrow]
    return tuple(parts)


def distinct(item: tuple[str, Any]) -> Any:
    """An attribute, where 0.0 and −0.0, which Python holds equal, are two."""
    name, value = item
    return (name, repr(value)) if isinstance(value, (float, list, np.ndarray)) else item  # pyright: ignore[reportUnknownArgumentType]


def pattern_of(call: KernelCall, places: dict[Value, int]) -> Pattern:
    by_name = {value.name: place for value, place in places.items()}
    return Pattern(
        call,
        tuple(places[operand.value] for operand in call.outputs),
        tuple(places[operand.value] for operand in call.inputs),
        tuple(by_name[name] for name in call.origins),
    )


def about(pattern: Pattern, values: list[Value], ids: tuple[str, ...]) -> KernelCall:
    """The pattern's call on these values."""
    call = pattern.call
    outputs = [Operand(values[k], o.offset, o.fixed) for k, o in zip(pattern.outputs, call.outputs, strict=True)]
    inputs = [Operand(values[k], o.offset, o.fixed) for k, o in zip(pattern.inputs, call.inputs, strict=True)]
    return KernelCall(
        call.kernel, tuple(outputs), tuple(inputs), call.integers, call.numbers, ids, call.scratch, call.in_place,
        call.flops, call.traffic, call.parallel, call.reports, tuple([values[k].name for k in pattern.origins]),
        call.listed,
    )  # fmt: skip
