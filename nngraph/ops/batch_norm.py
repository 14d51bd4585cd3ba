"""Batch normalization: over all axes but the last, with running statistics for inference.

In training it is made of moments, a factor for each channel, and `scale_shift`; in inference of the latter two (Ioffe
and Szegedy 2015).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, TensorType, multiply
from nngraph.ops.channel_sums import SAMPLES, THREE, THREE_ERRORS, channels_of, expect_like, rows_of
from nngraph.ops.onnx import normalization as onnx_normalization
from nngraph.ops.onnx.direct import FORMULA
from nngraph.ops.records import BACKWARD, TRAINING_ONLY, elementwise

UNARY_ERRORS = (
    ErrorSample(((3, 5),), {}, "float input", ("int32",)), ErrorSample(((5,),), {}, "at least 2 axes"),
    ErrorSample(((3, Batch()),), {}, "last axis of known size"),
)  # fmt: skip


def scale_shift_infer(x: TensorType, mean: TensorType, factor: TensorType, offset: TensorType) -> TensorType:
    vector = TensorType((channels_of(x),), x.dtype)
    for name, given in (("mean", mean), ("factor", factor), ("offset", offset)):
        if given != vector:
            raise ValueError(f"'{name}': {vector}, one number for each channel of x, expected, {given} given")
    return x


def scale_shift_vjp(b: Builder, node: Node, dz: Value) -> tuple[Value, Value, Value, Value]:
    """dx = dz factor; Σ dz is the offset's cotangent, Σ dz (x − mean) the factor's, −factor Σ dz the mean's."""
    x, mean, factor, _ = node.inputs
    total, centered = b.results("scale_shift_backward", dz, x, mean)
    dmean = b.add("negate", b.add("multiply", factor, total))
    return b.add("multiply", dz, factor), dmean, centered, total


scale_shift = elementwise(
    "scale_shift", "(x − mean) factor + offset, with a mean, factor and offset for each channel", "normalization",
    lambda x, mean, factor, offset: e.apply("fma", x - mean, factor, offset),
    lambda x, mean, factor, offset: (x - mean) * factor + offset,
    operands=("x", "mean", "factor", "offset"), infer=scale_shift_infer, vjp=scale_shift_vjp, internal=True,
    samples=tuple(Sample((s.shapes[0], *(s.shapes[0][-1:],) * 3)) for s in SAMPLES),
    errors=(
        ErrorSample(((3, 5), (5,), (4,), (5,)), {}, "'factor': float32[5]"),
        ErrorSample(((5,), (5,), (5,), (5,)), {}, "at least 2 axes"),
    ),
    onnx=FORMULA,
)  # fmt: skip


def scale_shift_backward_infer(dz: TensorType, x: TensorType, mean: TensorType) -> tuple[TensorType, TensorType]:
    expect_like(dz, x, mean)
    return mean, mean


def scale_shift_backward_reference(dz: np.ndarray, x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(x.ndim - 1))
    total, centered = dz.sum(axes, np.float64), (dz * (x - mean)).sum(axes, np.float64)
    return total.astype(x.dtype), centered.astype(x.dtype)


def scale_shift_backward_decompose(b: Builder, node: Node) -> tuple[Value, ...]:
    return b.results("finish_sums", b.add("scale_shift_sums", *node.inputs))


scale_shift_backward = register_op(
    Op(
        "scale_shift_backward", "Σ dz and Σ dz (x − mean) for each channel", "normalization", ("dz", "x", "mean"),
        scale_shift_backward_infer, scale_shift_backward_reference, vjp=BACKWARD,
        decompose=scale_shift_backward_decompose, internal=True, flops=lambda dz, x, mean: multiply(x.size, 4),
        samples=THREE, errors=THREE_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def batch_moments_infer(x: TensorType) -> tuple[TensorType, TensorType]:
    result = TensorType((channels_of(x),), x.dtype)
    return result, result


def batch_moments_reference(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes, np.float64).astype(x.dtype), x.var(axes, np.float64).astype(x.dtype)


def batch_moments_vjp(b: Builder, node: Node, dmean: Value, dvariance: Value) -> tuple[Value]:
    """dx = dmean / N + 2 dvariance (x − mean) / N over N rows."""
    (x,), (mean, _), rows = node.inputs, node.results, rows_of(node.inputs[0].type)
    slope = b.add("divide_by_size", b.add("multiply", dvariance, 2.0), size=rows)
    return (b.add("scale_shift", x, mean, slope, b.add("divide_by_size", dmean, size=rows)),)


def batch_moments_decompose(b: Builder, node: Node) -> tuple[Value, ...]:
    return b.results("finish_moments", b.add("moment_sums", *node.inputs))


batch_moments = register_op(
    Op(
        "batch_moments", "mean and variance of each channel, the variance over the number of rows", "normalization",
        ("x",), batch_moments_infer, batch_moments_reference, vjp=batch_moments_vjp,
        decompose=batch_moments_decompose, internal=True, flops=lambda x: multiply(x.size, 4), samples=SAMPLES,
        errors=UNARY_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def batch_norm_infer(x: TensorType, **_: Any) -> TensorType:
    channels_of(x)
    return x


def batch_norm_parameters(x: TensorType, **_: Any) -> tuple[Parameter, ...]:
    shape = (channels_of(x),)
    return (
        Parameter("scale", shape, "ones"), Parameter("offset", shape, "zeros"),
        Parameter("running_mean", shape, "zeros", kind="statistic"),
        Parameter("running_variance", shape, "ones", kind="statistic"),
    )  # fmt: skip


def batch_norm_expand(
    b: Builder, x: Value, scale: Value, offset: Value, mean: Value, variance: Value, momentum: float, epsilon: float
) -> Value:
    """Frozen nodes take their running statistics in training too, and leave them as they are."""
    state = b.state_of(mean)
    if b.training and (state is None or state.trainable):
        running, (mean, variance) = (mean, variance), b.results("batch_moments", x)
        follow(b, running[0], mean, momentum)
        follow(b, running[1], unbiased(b, variance, x), momentum)
    factor = b.add("divide", scale, b.add("sqrt", b.add("add", variance, epsilon)))
    return b.add("scale_shift", x, mean, factor, offset)


def unbiased(b: Builder, variance: Value, x: Value) -> Value:
    """The variance over one less than the number of rows; of a single row it is zero, and stays so."""
    share = b.add("divide_by_size", b.constant(1.0, x.type.dtype), size=rows_of(x.type))
    return b.add("divide", variance, b.add("maximum", b.add("subtract", 1.0, share), 0.5))


def follow(b: Builder, running: Value, found: Value, momentum: float) -> None:
    """Let a running statistic be a little more like what was found in this step; a node used twice does it twice."""
    state = b.state_of(running)
    if state is not None:
        kept, fresh = b.add("multiply", state.new, momentum), b.add("multiply", found, 1.0 - momentum)
        b.states[state.name] = replace(state, new=b.add("add", kept, fresh))


def batch_norm_reference(
    x: np.ndarray, scale: np.ndarray, offset: np.ndarray, mean: np.ndarray, variance: np.ndarray,
    momentum: float = 0.9, epsilon: float = 1e-5,
) -> np.ndarray:  # fmt: skip
    """As in inference, of the running statistics."""
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset


batch_norm = register_op(
    Op(
        "batch_norm",
        "channels normalized over the batch, in inference by running statistics, then scaled and shifted",
        "normalization", ("x",), batch_norm_infer, batch_norm_reference,
        {
            "momentum": Attribute("float", "weight of the old running statistics in a step", 0.9, minimum=0, maximum=1),
            "epsilon": Attribute("float", "what is added to the variance", 1e-5, minimum=0.0, exclusive=True),
        },
        parameters=batch_norm_parameters, expand=batch_norm_expand, flops=lambda x, **_: multiply(x.size, 8),
        samples=(Sample(((3, 5),)), Sample(((2, 3, 4, 17),), {"momentum": 0.5, "epsilon": 1e-3})),
        errors=(*UNARY_ERRORS, ErrorSample(((3, 5),), {"momentum": 1.5}, "between 0 and 1")),
        onnx=onnx_normalization.BATCH_NORM,
    )
)  # fmt: skip
