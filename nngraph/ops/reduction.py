"""Sums and extremes over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Shape, TensorType, size_of
from nngraph.ops.records import normalize_axes

AXES = {
    "axis": Attribute("axes", "axis or axes to reduce, counted from the end if negative; all by default", None),
    "keepdims": Attribute("bool", "keep the reduced axes, with size 1", False),
}
SAMPLES = tuple(
    Sample(shapes, {"axis": axis, "keepdims": keepdims}, ("distinct",))
    for shapes, axis, keepdims in [
        (((3, 5),), None, False), (((3, 37),), -1, True), (((37, 5),), 0, False), (((2, 3, 17),), (0, 2), True),
        (((2, 9, 3),), 1, False), (((4, 1, 40),), (1, 2), False),
    ]
)  # fmt: skip
ERRORS = (
    ErrorSample(((3, 5),), {"axis": 2}, "axis 2"),
    ErrorSample(((3, 5),), {"axis": (0, -2)}, "twice"),
)  # fmt: skip


def reduced_shape(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    axes = normalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if a in axes else dim for a, dim in enumerate(shape))
    return tuple(dim for a, dim in enumerate(shape) if a not in axes)


def infer(x: TensorType, axis: Any = None, keepdims: bool = False) -> TensorType:
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
            name, summary, "reduction", ("x",), infer,
            lambda x, axis=None, keepdims=False: reference(x, axis=axis, keepdims=keepdims),
            AXES, vjp=vjp, flops=lambda x, **_: x.size, samples=SAMPLES, errors=ERRORS, **facets,
        )
    )  # fmt: skip


sum = reduction("sum", "the sum over axes", np.sum, sum_vjp, kernel="reduce")
max = reduction("max", "the largest over axes", np.max, extreme_vjp, kernel="reduce")
min = reduction("min", "the smallest over axes", np.min, extreme_vjp, kernel="reduce")


def reduced_size(node: Node) -> Any:
    x = node.inputs[0].type
    axes = normalize_axes(node.attributes["axis"], x.rank)
    return size_of(tuple(x.shape[a] for a in axes))


def mean_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    share = b.add("divide_by_size", dy, size=reduced_size(node))
    return (b.add("broadcast_to", kept(b, node, share), shape=node.inputs[0].type.shape),)


def mean_decompose(b: Builder, node: Node) -> tuple[Value]:
    return (b.add("divide_by_size", b.add("sum", node.inputs[0], **node.attributes), size=reduced_size(node)),)


mean = reduction("mean", "the mean over axes", np.mean, mean_vjp, decompose=mean_decompose)
