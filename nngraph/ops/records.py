"""How the records of elementwise ops are made: what all of them share is said once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nngraph.ir.builder import Builder
from nngraph.ir.elementwise import work_of
from nngraph.ir.expr import Expr, argument
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Absent, Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import FLOATS, Batch, Dim, Shape, TensorType, broadcast_shapes, format_shape, multiply

ACCEPTED = {"float": FLOATS, "number": (*FLOATS, "int32"), "bool": ("bool",)}
BACKWARD = Absent("made by differentiation only, and never differentiated itself")
TRAINING_ONLY = Absent("made for training only, and a file holds what predicts")
AFTER_EXPORT = Absent("made by passes only, which come after what is exported")
EXPANDED = Absent("what it expands into is written")

Rule = Callable[..., tuple[Value | None, ...]]
Infer = Callable[..., TensorType]


def elementwise(
    name: str,
    summary: str,
    family: str,
    expr: Callable[..., Expr],
    reference: Callable[..., Any],
    *,
    vjp: Rule | Absent,
    samples: tuple[Sample, ...],
    operands: tuple[str, ...] = ("x",),
    attributes: Mapping[str, Attribute] | None = None,
    accepts: str | tuple[str, ...] = "float",
    dtype: str | None = None,
    infer: Infer | None = None,
    errors: tuple[ErrorSample, ...] = (),
    **facets: Any,
) -> Op:
    """Register an op that is one expression of its broadcast inputs.

    Parameters
    ----------
    vjp : callable or Absent
        ``vjp(builder, node, dy)``; its results may have the shape of the op's result, and are summed back.
    accepts : str or tuple of str
        "float", "number" (int32 too), "bool" or "any" (one dtype, whichever), for all operands or for each.
    dtype : str, optional
        The result's; by default the attribute of that name, or else the one that the inputs share.
    infer : callable, optional
        In place of broadcasting.
    """
    kinds = tuple(accepts for _ in operands) if isinstance(accepts, str) else accepts
    infer = infer or broadcasting(operands, kinds, dtype)
    return register_op(
        Op(
            name, summary, family, operands, infer, reference, attributes or {},
            vjp=vjp if isinstance(vjp, Absent) else summed_back(vjp), expr=expr, samples=samples,
            errors=errors or usual_errors(kinds, samples), flops=operations(expr, infer), **facets,
        )
    )  # fmt: skip


def broadcasting(operands: tuple[str, ...], kinds: tuple[str, ...], dtype: str | None) -> Infer:
    """How an elementwise op infers its result, of `dtype` if that is given."""

    def infer(*types: TensorType, **given: Any) -> TensorType:
        shared = common_dtype(operands, kinds, types)
        shape = types[0].shape if len(types) == 1 else broadcast_shapes(*(t.shape for t in types))
        return TensorType(shape, dtype or given.get("dtype") or shared)

    return infer


def operations(expr: Callable[..., Expr], infer: Infer) -> Callable[..., Dim]:
    """Elements of the result times primitives of the formula."""

    def flops(*types: TensorType, **given: Any) -> Dim:
        tree = expr(*map(argument, range(len(types))), **given)
        return multiply(infer(*types, **given).size, work_of(tree))

    return flops


def usual_errors(kinds: tuple[str, ...], samples: tuple[Sample, ...]) -> tuple[ErrorSample, ...] | Absent:
    """What every elementwise op refuses: shapes that do not broadcast, and dtypes that it does not accept."""
    dtypes = tuple("bool" if kind == "bool" else "float32" for kind in kinds)
    errors: list[ErrorSample] = []
    if len(kinds) > 1:
        shapes = ((3, 5),) * (len(kinds) - 1) + ((4, 5),)
        errors.append(ErrorSample(shapes, samples[0].attributes, "do not broadcast", dtypes))
    last = kinds[len(kinds) - 1]
    if last != "any":
        refused = "float32" if last == "bool" else "bool"
        shapes = ((3, 5),) * len(kinds)
        errors.append(ErrorSample(shapes, samples[0].attributes, "expected, " + refused, (*dtypes[:-1], refused)))
    return tuple(errors) or Absent("it takes any input")


def common_dtype(operands: tuple[str, ...], kinds: tuple[str, ...], types: tuple[TensorType, ...]) -> str:
    """The one dtype of the operands (conditions apart); ValueError where they differ or are not accepted."""
    found: str | None = None
    for operand, kind, type in zip(operands, kinds, types, strict=True):
        if kind != "any" and type.dtype not in ACCEPTED[kind]:
            hint = "compare first" if kind == "bool" else "convert with cast"
            raise ValueError(f"'{operand}': a {kind} input expected, {type.dtype} given; {hint}")
        if kind == "bool":
            continue
        if found not in (None, type.dtype):
            raise ValueError(f"inputs of one dtype expected, {found} and {type.dtype} given; convert with cast")
        found = type.dtype
    return found or "bool"


def expect_float(type: TensorType) -> None:
    if type.dtype not in FLOATS:
        raise ValueError(f"a float input expected, {type.dtype} given; convert with cast")


def expect_number(type: TensorType) -> None:
    if type.dtype == "bool":
        raise ValueError("a number input expected, bool given; convert with cast")


def expect_integer(type: TensorType) -> None:
    if type.dtype != "int32":
        raise ValueError(f"an int32 input expected, {type.dtype} given; convert with cast")


def expect_rank(type: TensorType, minimum: int) -> None:
    if type.rank < minimum:
        raise ValueError(f"an input of at least {minimum} axes expected, {format_shape(type.shape)} given")


def expect_sizes(shape: Shape, axes: tuple[int, ...]) -> None:
    """Refuse `axes` that the batch is among."""
    for axis in axes:
        if isinstance(shape[axis], Batch):
            raise ValueError(f"axis {axis} of {format_shape(shape)} is the batch; expected one of the others")


def unbroadcast(b: Builder, dy: Value, type: TensorType) -> Value:
    """Sum `dy` over the axes along which a value of `type` was broadcast."""
    if dy.type.shape == type.shape:
        return dy
    lead = dy.type.rank - type.rank
    stretched = [a for a, dim in enumerate(type.shape, lead) if dim == 1 and dy.type.shape[a] != 1]
    if not stretched:
        return b.add("sum", dy, axis=tuple(range(lead)))
    total = b.add("sum", dy, axis=(*range(lead), *stretched), keepdims=True)
    return b.add("view", total, shape=type.shape) if lead else total


def summed_back(rule: Rule) -> Rule:
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
        valid = f"expected {-rank} to {rank - 1}" if rank else "it has none to name"
        raise ValueError(f"axis {axis} given, but the input has {rank} axes; {valid}")
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
