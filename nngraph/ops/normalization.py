"""Softmax and normalizations over an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, TensorType, multiply
from nngraph.ops.onnx import normalization as onnx_normalization
from nngraph.ops.records import expect_float, expect_sizes, normalize_axes, normalize_axis

AXIS = {"axis": Attribute("axis", "the axis, counted from the end if negative", -1)}
SAMPLES = (
    Sample(((3, 5),), {"axis": -1}), Sample(((4, 70),), {"axis": -1}), Sample(((2, 5, 3),), {"axis": 1}),
)  # fmt: skip
ERRORS = (
    ErrorSample(((3, 5),), {"axis": 2}, "axis 2"), ErrorSample(((3, 5),), {}, "float input", ("int32",)),
)  # fmt: skip


def infer(x: TensorType, axis: int = -1) -> TensorType:
    expect_float(x)
    normalize_axis(axis, x.rank)
    return x


def shifted(b: Builder, node: Node) -> tuple[Value, int]:
    """x minus its largest along the axis, which keeps exp in range and changes nothing else."""
    (x,), axis = node.inputs, node.attributes["axis"]
    return b.add("subtract", x, b.add("max", x, axis=axis, keepdims=True)), axis


def softmax_decompose(b: Builder, node: Node) -> tuple[Value]:
    z, axis = shifted(b, node)
    y = b.add("exp", z)
    return (b.add("divide", y, b.add("sum", y, axis=axis, keepdims=True)),)


def softmax_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """dx = y (dy − Σ y dy)."""
    y, axis = node.result, node.attributes["axis"]
    total = b.add("sum", b.add("multiply", y, dy), axis=axis, keepdims=True)
    return (b.add("multiply", y, b.add("subtract", dy, total)),)


def log_softmax_decompose(b: Builder, node: Node) -> tuple[Value]:
    z, axis = shifted(b, node)
    return (b.add("subtract", z, b.add("log", b.add("sum", b.add("exp", z), axis=axis, keepdims=True))),)


def log_softmax_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """dx = dy − softmax(x) Σ dy."""
    axis = node.attributes["axis"]
    total = b.add("sum", dy, axis=axis, keepdims=True)
    return (b.add("subtract", dy, b.add("multiply", b.add("exp", node.result), total)),)


def softmax_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def log_softmax_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


softmax = register_op(
    Op(
        "softmax", "exp(x) / Σ exp(x) along an axis", "normalization", ("x",), infer, softmax_reference, AXIS,
        vjp=softmax_vjp, decompose=softmax_decompose, flops=lambda x, axis=-1: multiply(x.size, 5),
        samples=SAMPLES, errors=ERRORS,
        onnx=onnx_normalization.SOFTMAX,
    )
)  # fmt: skip
log_softmax = register_op(
    Op(
        "log_softmax", "x − log Σ exp(x) along an axis", "normalization", ("x",), infer,
        log_softmax_reference, AXIS,
        vjp=log_softmax_vjp, decompose=log_softmax_decompose, flops=lambda x, axis=-1: multiply(x.size, 5),
        samples=SAMPLES, errors=ERRORS,
        onnx=onnx_normalization.LOG_SOFTMAX,
    )
)  # fmt: skip

Axes = int | tuple[int, ...]
NORMALIZE = {
    "axis": Attribute("axes", "axis or axes over which mean and variance are taken; not the batch's", -1),
    "epsilon": Attribute("float", "what is added to the variance", 1e-5, minimum=0.0, exclusive=True),
}
NORMALIZE_SAMPLES = (
    Sample(((3, 5),), {"axis": -1, "epsilon": 1e-5}), Sample(((4, 70),), {"axis": -1, "epsilon": 1e-3}),
    Sample(((2, 5, 3),), {"axis": 1, "epsilon": 1e-5}),
    Sample(((2, 5, 3),), {"axis": (1, 2), "epsilon": 1e-5}),
)  # fmt: skip


def normalize_infer(x: TensorType, axis: Axes = -1, epsilon: float = 1e-5) -> TensorType:
    del epsilon
    expect_float(x)
    expect_sizes(x.shape, normalize_axes(axis, x.rank))
    return x


def centered(b: Builder, x: Value, axis: Axes, epsilon: float) -> tuple[Value, Value]:
    """x − mean, and √(variance + ε) from it: in two passes, so that no large squares cancel."""
    rest = b.add("subtract", x, b.add("mean", x, axis=axis, keepdims=True))
    variance = b.add("mean", b.add("square", rest), axis=axis, keepdims=True)
    return rest, b.add("sqrt", b.add("add", variance, epsilon))


def normalize_decompose(b: Builder, node: Node) -> tuple[Value]:
    rest, deviation = centered(b, node.inputs[0], **node.attributes)
    return (b.add("divide", rest, deviation),)


def normalize_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """dx = (dy − mean dy − y mean(y dy)) / deviation (Ba, Kiros and Hinton 2016).

    The deviation is written as `normalize_decompose` writes it, so that both become one.
    """
    y, axis = node.result, node.attributes["axis"]
    _, deviation = centered(b, node.inputs[0], **node.attributes)
    along = b.add("multiply", y, b.add("mean", b.add("multiply", y, dy), axis=axis, keepdims=True))
    rest = b.add("subtract", dy, b.add("mean", dy, axis=axis, keepdims=True))
    return (b.add("divide", b.add("subtract", rest, along), deviation),)


def normalize_reference(x: np.ndarray, axis: Axes = -1, epsilon: float = 1e-5) -> np.ndarray:
    mean, variance = x.mean(axis=axis, keepdims=True), x.var(axis=axis, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


normalize = register_op(
    Op(
        "normalize", "x less its mean, over its standard deviation, along axes", "normalization", ("x",),
        normalize_infer, normalize_reference, NORMALIZE, vjp=normalize_vjp, decompose=normalize_decompose,
        internal=True, flops=lambda x, **_: multiply(x.size, 7), samples=NORMALIZE_SAMPLES,
        errors=(*ERRORS, ErrorSample(((Batch(), 5),), {"axis": 0}, "batch")),
        onnx=onnx_normalization.NORMALIZE,
    )
)  # fmt: skip


def layer_norm_parameters(x: TensorType, axis: Axes = -1, **_: Any) -> tuple[Parameter, ...]:
    sizes = tuple(x.shape[a] for a in normalize_axes(axis, x.rank))
    shape = tuple(size for size in sizes if isinstance(size, int))
    return Parameter("scale", shape, "ones"), Parameter("offset", shape, "zeros")


def layer_norm_expand(
    b: Builder, x: Value, scale: Value, offset: Value, axis: Axes = -1, epsilon: float = 1e-5
) -> Value:
    axes = normalize_axes(axis, x.type.rank)
    aligned = tuple(dim if a in axes else 1 for a, dim in enumerate(x.type.shape) if a >= axes[0])

    def align(parameter: Value) -> Value:
        return parameter if parameter.type.shape == aligned else b.add("view", parameter, shape=aligned)

    normal = b.add("normalize", x, axis=axis, epsilon=epsilon)
    return b.add("add", b.add("multiply", normal, align(scale)), align(offset))


def layer_norm_reference(
    x: np.ndarray, scale: np.ndarray, offset: np.ndarray, axis: Axes = -1, epsilon: float = 1e-5
) -> np.ndarray:
    axes = normalize_axes(axis, x.ndim)
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    return normalize_reference(x, axis, epsilon) * scale.reshape(shape) + offset.reshape(shape)


layer_norm = register_op(
    Op(
        "layer_norm", "x normalized along axes, times a learned scale plus a learned offset",
        "normalization", ("x",),
        normalize_infer, layer_norm_reference, NORMALIZE, parameters=layer_norm_parameters,
        expand=layer_norm_expand,
        flops=lambda x, **_: multiply(x.size, 9), samples=NORMALIZE_SAMPLES,
        errors=(
            *ERRORS, ErrorSample(((Batch(), 5),), {"axis": 0}, "batch"),
            ErrorSample(((3, 5),), {"epsilon": 0.0}, "above 0"),
        ),
        onnx=onnx_normalization.LAYER_NORM,
    )
)  # fmt: skip
