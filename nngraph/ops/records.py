"""How the records of elementwise ops are made: what all of them share is said once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nngraph.ir.builder import Builder
from nngraph.ir.expr import Expr, argument
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, Op, Sample, register_op
from nngraph.ir.types import Dim, TensorType, broadcast_shapes, format_shape, multiply


def count(expr: Expr) -> int:
    """Primitives in `expr` that compute something."""
    own = expr.op not in ("argument", "constant", "index", "cast")
    return own + sum(map(count, expr.args))


def elementwise(
    name: str,
    summary: str,
    family: str,
    expr: Callable[..., Expr],
    reference: Callable[..., Any],
    *,
    vjp: Any,
    operands: tuple[str, ...] = ("x",),
    attributes: Mapping[str, Attribute] | None = None,
    dtype: str | None = None,
    samples: tuple[Sample, ...],
    **facets: Any,
) -> Op:
    """Register an op that is one expression of its broadcast inputs.

    Parameters
    ----------
    dtype : str, optional
        The result's; by default the attribute of that name, or else the one that the inputs share.
    """

    def infer(*types: TensorType, **given: Any) -> TensorType:
        result = dtype or given.get("dtype") or common_dtype(types)
        return TensorType(broadcast_shapes(*(t.shape for t in types)), result)

    def flops(*types: TensorType, **given: Any) -> Dim:
        tree = expr(*map(argument, range(len(types))), **given)
        return multiply(infer(*types, **given).size, count(tree))

    return register_op(
        Op(
            name, summary, family, operands, infer, reference, attributes or {},
            vjp=vjp, expr=expr, flops=flops, samples=samples, **facets,
        )
    )  # fmt: skip


def common_dtype(types: tuple[TensorType, ...]) -> str:
    """The one dtype of the inputs that are not bool; ValueError where they differ."""
    found = {t.dtype for t in types if t.dtype != "bool"} or {"bool"}
    if len(found) > 1:
        raise ValueError(f"inputs of one dtype expected, {' and '.join(sorted(found))} given; convert with cast")
    return found.pop()


def unbroadcast(b: Builder, dy: Value, type: TensorType) -> Value:
    """Sum `dy` over the axes along which a value of `type` was broadcast."""
    if dy.type.shape == type.shape:
        return dy
    lead = dy.type.rank - type.rank
    stretched = [a for a, dim in enumerate(type.shape, lead) if dim == 1 and dy.type.shape[a] != 1]
    axes = tuple(range(lead)) + tuple(stretched)
    total = b.add("sum", dy, axis=axes, keepdims=True) if axes else dy
    return b.add("view", total, shape=type.shape) if lead else total


def elementwise_vjp(rule: Callable[..., tuple[Value | None, ...]]) -> Callable[..., tuple[Value | None, ...]]:
    """Wrap ``rule(b, node, dy)``: each of its results is summed back to the shape of its input."""

    def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value | None, ...]:
        return tuple(
            None if dx is None else unbroadcast(b, dx, x.type)
            for dx, x in zip(rule(b, node, dy), node.inputs, strict=True)
        )

    return vjp


def normalize_axis(axis: int, rank: int) -> int:
    """`axis` counted from the front; ValueError where the rank has no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} given, but the input has {rank} axes; expected {-rank} to {rank - 1}")
    return axis % rank


def normalize_axes(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """The axes that `axis` names (None: all), counted from the front, ascending."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    found = tuple(sorted({normalize_axis(a, rank) for a in axes}))
    if len(found) != len(axes):
        raise ValueError(f"axis {axes} names one axis twice")
    return found


def expect_rank(type: TensorType, minimum: int) -> None:
    if type.rank < minimum:
        raise ValueError(f"an input of at least {minimum} axes expected, {format_shape(type.shape)} given")
