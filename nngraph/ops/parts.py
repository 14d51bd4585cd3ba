"""Composites that are made of other declarable ops: a list of parts says what they are, and all else follows.

A part's nodes are called ``<node>/<part>``, and its parameters ``<node>/<part>.<parameter>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import REGISTRY, Op, Parameter
from nngraph.ir.types import Batch, Dim, TensorType
from nngraph_kernels.record import record

NOTHING: Mapping[str, Any] = {}


@record
class Part:
    """One op of a composite.

    Attributes
    ----------
    id : str
        Unique among the parts.
    op : str
    inputs : tuple of str or int
        Parts before this one, by id, or the composite's own inputs, by position.
    attributes : mapping
        Those that are not left at their defaults.
    """

    id: str
    op: str
    inputs: tuple[str | int, ...]
    attributes: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@record
class TypedPart:
    """A part, and what follows from the types of the composite's inputs.

    Attributes
    ----------
    attributes : mapping
        All of them.
    parameters : tuple of Parameter
        As the part's op names them.
    result : TensorType
    flops : Dim
    """

    part: Part
    op: Op
    attributes: Mapping[str, Any]
    parameters: tuple[Parameter, ...]
    result: TensorType
    flops: Dim


Typed = Sequence[TypedPart]


def typed(parts: Iterable[Part], *types: TensorType) -> Typed:
    """The parts on inputs of these types; the last one makes the composite's result."""
    known: dict[str | int, TensorType] = dict(enumerate(types))
    found: list[TypedPart] = []
    for part in parts:
        op = REGISTRY[part.op]
        defaults = {name: a.default for name, a in op.attributes.items() if not a.required}
        given = {**defaults, **part.attributes}
        inputs = [known[source] for source in part.inputs]
        (known[part.id],) = op.result_types(inputs, given)
        parameters = op.parameters(*inputs, **given) if op.parameters else ()
        flops = op.flops(*inputs, **given) if op.flops else 0
        found.append(TypedPart(part, op, given, parameters, known[part.id], flops))
    return tuple(found)


def parameters_of(parts: Typed) -> tuple[Parameter, ...]:
    """Those of all parts, in order, each under its part's id."""
    return tuple(
        replace(parameter, name=f"{each.part.id}.{parameter.name}") for each in parts for parameter in each.parameters
    )


def flops_of(parts: Typed) -> Dim:
    """Operations in all parts; beside what grows with the batch what does not is left out."""
    batched = sum(each.flops.factor for each in parts if isinstance(each.flops, Batch))
    return Batch(batched) if batched else sum(each.flops for each in parts if isinstance(each.flops, int))


def expanded(b: Builder, parts: Typed, count: int, values: Sequence[Value]) -> Value:
    """Append all parts; `values` are the composite's `count` inputs, then the parameters of all parts in order."""
    root, parameters = b.prefix, iter(values[count:])
    made: dict[str | int, Value] = dict(enumerate(values[:count]))
    for each in parts:
        part = each.part
        inputs = [made[source] for source in part.inputs]
        inputs += islice(parameters, len(each.parameters))
        made[part.id] = applied(b, f"{root}/{part.id}" if root else part.id, each, inputs)
    b.prefix = root
    return made[parts[-1].part.id]


def applied(b: Builder, id: str, each: TypedPart, values: Sequence[Value]) -> Value:
    """Append one part; the node that makes its result is called `id`, and those before it ``id/...``."""
    if not each.op.expand or b.keeps(each.op):
        return b.append(each.op, values, (each.result,), each.attributes, id)[0]
    before = len(b.nodes)
    b.prefix = id
    result: Value = each.op.expand(b, *values, **each.attributes)
    return b.name_result(b.unique(id), result, before)


def computed(parts: Typed, count: int, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """What the references of all parts make of the inputs, and of the parameters after them."""
    parameters = iter(arrays[count:])
    made: dict[str | int, Any] = dict(enumerate(arrays[:count]))
    for each in parts:
        inputs = [made[source] for source in each.part.inputs]
        inputs += islice(parameters, len(each.parameters))
        made[each.part.id] = each.op.reference(*inputs, **each.attributes)
    return made[parts[-1].part.id]
