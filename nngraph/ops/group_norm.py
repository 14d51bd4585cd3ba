"""Group normalization: groups of an example's channels, each over all of its places (Wu and He 2018)."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, TensorType, format_shape, multiply, size_of
from nngraph.ops.channel_sums import channels_of
from nngraph.ops.onnx import normalization as onnx_normalization


def infer(x: TensorType, groups: int, epsilon: float = 1e-5) -> TensorType:
    channels = channels_of(x)
    if any(isinstance(dim, Batch) for dim in x.shape[1:]):
        raise ValueError(f"the batch as first axis expected, {format_shape(x.shape)} given; move it to the front")
    if channels % groups:
        divisors = ", ".join(str(d) for d in range(1, channels + 1) if channels % d == 0)
        raise ValueError(
            f"groups={groups} given, which does not divide the {channels} channels; one of {divisors} expected"
        )
    return x


def parameters(x: TensorType, groups: int, epsilon: float = 1e-5) -> tuple[Parameter, ...]:
    shape = (channels_of(x),)
    return Parameter("scale", shape, "ones"), Parameter("offset", shape, "zeros")


def expand(b: Builder, x: Value, scale: Value, offset: Value, groups: int, epsilon: float) -> Value:
    batch, *places, _ = x.type.shape
    grouped = b.add("view", x, shape=(batch, size_of(tuple(places)), groups, channels_of(x.type) // groups))
    normal = b.add("view", b.add("normalize", grouped, axis=(1, 3), epsilon=epsilon), shape=x.type.shape)
    return b.add("add", b.add("multiply", normal, scale), offset)


def reference(x: np.ndarray, scale: np.ndarray, offset: np.ndarray, groups: int, epsilon: float = 1e-5) -> np.ndarray:
    grouped = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, variance = grouped.mean((1, 3), keepdims=True), grouped.var((1, 3), keepdims=True)
    return ((grouped - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * scale + offset


group_norm = register_op(
    Op(
        "group_norm", "groups of channels normalized over each example, then scaled and shifted", "normalization",
        ("x",), infer, reference,
        {
            "groups": Attribute("int", "how many parts the channels are in", minimum=1),
            "epsilon": Attribute("float", "what is added to the variance", 1e-5, minimum=0.0, exclusive=True),
        },
        parameters=parameters, expand=expand, flops=lambda x, **_: multiply(x.size, 9),
        samples=(
            Sample(((2, 3, 4, 6),), {"groups": 2}), Sample(((3, 17),), {"groups": 1}),
            Sample(((2, 5, 78),), {"groups": 13, "epsilon": 1e-3}), Sample(((2, 2, 3, 4),), {"groups": 4}),
        ),
        errors=(
            ErrorSample(((2, 3, 4, 6),), {"groups": 4}, "groups=4 given, which does not divide the 6 channels"),
            ErrorSample(((2, 3, 4, 6),), {"groups": 0}, "at least 1"),
            ErrorSample(((2, 6),), {"groups": 2}, "float input", ("int32",)),
            ErrorSample(((6,),), {"groups": 2}, "at least 2 axes"),
            ErrorSample(((2, Batch(), 6),), {"groups": 2}, "batch as first axis"),
        ),
        onnx=onnx_normalization.GROUP_NORM,
    )
)  # fmt: skip
