"""Sums and extremes over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, Shape, TensorType, size_of
from nngraph.ops.elementwise import NO_GRADIENT
from nngraph.ops.onnx import reduction as onnx_reduction
from nngraph.ops.records import AFTER_EXPORT, elementwise, expect_float, expect_number, normalize_axes, normalize_axis

AXES = {
    "axis": Attribute("axes", "axis or axes to reduce, counted from the end if negative; all by default", None),
    "keepdims": Attribute("bool", "keep the reduced axes, with size 1", False),
}
SAMPLES = tuple(
    Sample(shapes, {"axis": axis, "keepdims": keepdims}, ("distinct",))
    for shapes, axis, keepdims in [
        (((3, 5),), None, False), (((3, 37),), -1, True), (((37, 5),), 0, False),
        (((2, 3, 17),), (0, 2), True),
        (((2, 9, 3),), 1, False), (((4, 1, 40),), (1, 2), False),
    ]
)  # fmt: skip
ERRORS = (
    ErrorSample(((3, 5),), {"axis": 2}, "axis 2"),
    ErrorSample(((3, 5),), {"axis": (0, -2)}, "twice"),
    ErrorSample(((3, 5),), {"axis": ()}, "at least one axis"),
    ErrorSample(((3, 5),), {}, "bool given", ("bool",)),
)  # fmt: skip


def reduced_shape(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    axes = normalize_axes(axis, len(shape))
    if axis == ():
        raise ValueError("at least one axis to reduce expected, none given; leave axis out to reduce all")
    if keepdims:
        return tuple(1 if a in axes else dim for a, dim in enumerate(shape))
    return tuple(dim for a, dim in enumerate(shape) if a not in axes)


def infer(x: TensorType, axis: Any = None, keepdims: bool = False) -> TensorType:
    expect_number(x)
    return TensorType(reduced_shape(x.shape, axis, keepdims), x.dtype)


def kept(b: Builder, node: Node, value: Value) -> Value:
    """`value`, of the reduction's result shape, with the reduced axes back as ones."""
    x = node.inputs[0].type
    shape = reduced_shape(x.shape, node.attributes["axis"], True)
    return value if value.type.shape == shape else b.add("view", value, shape=shape)


def sum_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    return (b.add("broadcast_to", kept(b, node, dy), shape=node.inputs[0].type.shape),)


def extreme_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """The cotangent in equal parts to all elements that equal the extreme."""
    x, axis = node.inputs[0], node.attributes["axis"]
    winners = b.add("equal", x, kept(b, node, node.result))
    number = b.add("sum", b.add("cast", winners, dtype=x.type.dtype), axis=axis, keepdims=True)
    return (b.add("where", winners, b.add("divide", kept(b, node, dy), number), 0.0),)


def reduction(name: str, summary: str, reference: Callable[..., Any], vjp: Callable[..., Any], **facets: Any) -> Op:
    return register_op(
        Op(
            name, summary, "reduction", ("x",), facets.pop("infer", infer),
            lambda x, axis=None, keepdims=False: reference(x, axis=axis, keepdims=keepdims),
            AXES, vjp=vjp, flops=lambda x, **_: x.size, samples=SAMPLES, errors=ERRORS, **facets,
        )
    )  # fmt: skip


sum = reduction(
    "sum",
    "the sum over axes",
    np.sum,
    sum_vjp,
    kernel="reduce",
    onnx=onnx_reduction.SUM,
)
max = reduction(
    "max",
    "the largest over axes",
    np.max,
    extreme_vjp,
    kernel="reduce",
    onnx=onnx_reduction.MAX,
)
min = reduction(
    "min",
    "the smallest over axes",
    np.min,
    extreme_vjp,
    kernel="reduce",
    onnx=onnx_reduction.MIN,
)


def reduced_size(node: Node) -> Dim:
    x = node.inputs[0].type
    return size_of(tuple(x.shape[a] for a in normalize_axes(node.attributes["axis"], x.rank)))


def mean_infer(x: TensorType, axis: Any = None, keepdims: bool = False) -> TensorType:
    expect_float(x)
    return infer(x, axis, keepdims)


def mean_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    share = b.add("divide_by_size", dy, size=reduced_size(node))
    return (b.add("broadcast_to", kept(b, node, share), shape=node.inputs[0].type.shape),)


def mean_decompose(b: Builder, node: Node) -> tuple[Value]:
    total = b.add("sum", node.inputs[0], **node.attributes)
    return (b.add("divide_by_size", total, size=reduced_size(node)),)


mean = reduction(
    "mean",
    "the mean over axes",
    np.mean,
    mean_vjp,
    decompose=mean_decompose,
    infer=mean_infer,
    onnx=onnx_reduction.MEAN,
)


def argmax_infer(x: TensorType, axis: int = -1, keepdims: bool = False) -> TensorType:
    if isinstance(x.shape[normalize_axis(axis, x.rank)], Batch):
        raise ValueError(f"axis {axis} given, which is the batch; expected an axis of known size")
    return TensorType(infer(x, axis, keepdims).shape, "int32")


def argmax_decompose(b: Builder, node: Node) -> tuple[Value]:
    """The smallest position among those that hold the largest value."""
    x, axis = node.inputs[0], normalize_axis(node.attributes["axis"], node.inputs[0].type.rank)
    size = x.type.shape[axis]
    assert isinstance(size, int)
    largest = b.add("max", x, axis=axis, keepdims=True)
    if axis == x.type.rank - 1:
        positions = b.add("argmax_candidates", x, largest, size=size)
    else:
        along = np.arange(size).reshape(size, *(1,) * (x.type.rank - 1 - axis))
        # Not "x = largest": a NaN has to leave a valid position.
        smaller = b.add("less", x, largest)
        positions = b.add("where", smaller, b.constant(size, "int32"), b.add("constant", value=along, dtype="int32"))
    return (b.add("min", positions, axis=axis, keepdims=node.attributes["keepdims"]),)


def argmax_reference(x: np.ndarray, axis: int = -1, keepdims: bool = False) -> np.ndarray:
    return np.argmax(x, axis=axis, keepdims=keepdims).astype(np.int32)


argmax = register_op(
    Op(
        "argmax", "where along an axis the largest stands, the first of several", "reduction", ("x",),
        argmax_infer, argmax_reference,
        {"axis": Attribute("axis", "the axis, counted from the end if negative", -1),
        "keepdims": AXES["keepdims"]},
        vjp=NO_GRADIENT, decompose=argmax_decompose, flops=lambda x, **_: x.size,
        samples=(
            *(s for s in SAMPLES if isinstance(s.attributes["axis"], int)),
            Sample(((3, 17),), {}, (3,)), Sample(((4, 9),), {}, ((0, 0),)),
        ),
        errors=ERRORS[:1],
        onnx=onnx_reduction.ARGMAX,
    )
)  # fmt: skip


argmax_candidates = elementwise(
    "argmax_candidates", "the position along the last axis where x is the largest, elsewhere the axis's size",
    "reduction",
    lambda x, largest, size: e.select(x < largest, e.cast(e.Expr("constant", value=size), "int32"), e.index()),
    lambda x, largest, size: np.where(x < largest, size, np.arange(x.shape[-1])).astype(np.int32),
    operands=("x", "largest"), accepts="number", dtype="int32", internal=True, vjp=NO_GRADIENT,
    attributes={"size": Attribute("any", "what stands where x is smaller")},
    samples=(Sample(((3, 17), (3, 1)), {"size": 17}), Sample(((3, 5), (3, 1)), {"size": 5}, (2, 2))),
    onnx=AFTER_EXPORT,
)  # fmt: skip
