"""Larger images."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import TensorType
from nngraph.ops.onnx import shape as onnx_shape
from nngraph.ops.windows import Pair, as_pair, image_size


def infer(x: TensorType, factor: int | Pair) -> TensorType:
    (height, width), (down, across) = image_size(x), as_pair(factor)
    return TensorType((x.shape[0], height * down, width * across, x.shape[3]), x.dtype)


def expand(b: Builder, x: Value, factor: int | Pair) -> Value:
    """Each pixel broadcast along axes of its own."""
    (batch, height, width, channels), (down, across) = x.type.shape, as_pair(factor)
    spread = b.add("view", x, shape=(batch, height, 1, width, 1, channels))
    repeated = b.add("broadcast_to", spread, shape=(batch, height, down, width, across, channels))
    return b.add("view", repeated, shape=infer(x.type, factor).shape)


def reference(x: np.ndarray, factor: int | Pair) -> np.ndarray:
    down, across = as_pair(factor)
    return x.repeat(down, axis=1).repeat(across, axis=2)


upsample_nearest = register_op(
    Op(
        "upsample_nearest", "each pixel of an image repeated down and across", "shape", ("x",), infer, reference,
        {"factor": Attribute("pair", "how often: one number, or down and across", minimum=1)},
        expand=expand, flops=lambda x, factor: 0,
        samples=(
            Sample(((2, 3, 4, 5),), {"factor": 2}), Sample(((1, 2, 3, 17),), {"factor": (3, 1)}),
            Sample(((2, 1, 2, 1),), {"factor": (1, 4)}), Sample(((1, 2, 2, 3),), {"factor": 1}),
        ),
        errors=(
            ErrorSample(((2, 3, 4),), {"factor": 2}, "images (batch, height, width, channels)"),
            ErrorSample(((2, 3, 4, 5),), {"factor": 0}, "at least 1"),
            ErrorSample(((2, 3, 4, 5),), {}, "'factor' missing"),
            ErrorSample(((2, 3, 4, 5),), {"factor": 2}, "float input", ("int32",)),
        ),
        onnx=onnx_shape.UPSAMPLE,
    )
)  # fmt: skip
