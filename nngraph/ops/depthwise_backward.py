"""The gradients of depthwise convolutions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Dim, TensorType, format_shape, multiply
from nngraph.ops.depthwise import SAME, SLIDING, array_window, held_window
from nngraph.ops.mixing import PIECES
from nngraph.ops.records import BACKWARD, TRAINING_ONLY
from nngraph.ops.windows import Pair, Window, channels_of, patches, result_shape, sum_of_patches, window_of


def expect_gradient(dy: TensorType, x: TensorType, place: Window) -> None:
    expected = result_shape(x, place, channels_of(dy))
    if dy.shape != expected:
        raise ValueError(f"a gradient of {format_shape(expected)} expected, {format_shape(dy.shape)} given")


def data_infer(dy: TensorType, weight: TensorType, size: Pair, **sliding: Any) -> TensorType:
    x = TensorType((dy.shape[0], *size, channels_of(dy)), dy.dtype)
    expect_gradient(dy, x, window_of(x, held_window(weight, channels_of(dy)), **sliding))
    return x


def data_reference(dy: np.ndarray, weight: np.ndarray, size: Pair, **sliding: Any) -> np.ndarray:
    kh, kw, _, _ = weight.shape
    seen = dy[:, :, :, None, None] * weight[:, :, 0]
    return sum_of_patches(seen, array_window((len(dy), *size), (kh, kw), **sliding))


DATA_SAMPLES = (
    Sample(((2, 4, 5, 3), (3, 3, 1, 3)), {"padding": SAME, "size": (4, 5)}),
    Sample(((2, 3, 2, 2), (3, 3, 1, 2)), {"padding": SAME, "stride": (2, 2), "size": (5, 4)}),
    Sample(
        ((1, 2, 3, 17), (2, 2, 1, 17)),
        {"stride": (2, 1), "padding": ((0, 1), (2, 0)), "dilation": (1, 2), "size": (4, 3)},
    ),
)
depthwise_convolution_backward_data = register_op(
    Op(
        "depthwise_convolution_backward_data", "the gradient of a depthwise convolution with respect to its images",
        "convolution", ("dy", "weight"), data_infer, data_reference,
        {**SLIDING, "size": Attribute("pair", "rows and columns of the images")}, vjp=BACKWARD,
        kernel="depthwise_data", internal=True, samples=DATA_SAMPLES,
        flops=lambda dy, weight, **_: multiply(dy.size, 2 * weight.shape[0] * weight.shape[1]),
        errors=(ErrorSample(((2, 4, 4, 3), (3, 3, 1, 3)), {"size": (4, 4)}, "a gradient of (2, 2, 2, 3)"),),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def weight_infer(x: TensorType, dy: TensorType, kernel_size: Pair, **sliding: Any) -> TensorType:
    expect_gradient(dy, x, window_of(x, kernel_size, **sliding))
    return TensorType((*kernel_size, 1, channels_of(x)), x.dtype)


def weight_reference(x: np.ndarray, dy: np.ndarray, kernel_size: Pair, **sliding: Any) -> np.ndarray:
    return weight_sum(patches(x, array_window(x.shape, kernel_size, **sliding)), dy)


def weight_sum(seen: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return np.einsum("bhwijc,bhwc->ijc", seen, dy)[:, :, None]


def weight_decompose(b: Builder, node: Node) -> tuple[Value]:
    """Sums over pieces of the batch, then their sum, which fuses with the update."""
    return (b.add("sum", b.add("depthwise_weight_sums", *node.inputs, **node.attributes), axis=0),)


def weight_flops(x: TensorType, dy: TensorType, kernel_size: Pair, **_: Any) -> Dim:
    return multiply(dy.size, 2 * kernel_size[0] * kernel_size[1])


WEIGHT = {**SLIDING, "kernel_size": Attribute("pair", "rows and columns of the window")}
WEIGHT_SAMPLES = (
    Sample(((2, 4, 5, 3), (2, 4, 5, 3)), {"padding": SAME, "kernel_size": (3, 3)}),
    Sample(((33, 5, 4, 2), (33, 3, 2, 2)), {"padding": SAME, "stride": (2, 2), "kernel_size": (3, 3)}),
    Sample(
        ((1, 4, 3, 17), (1, 2, 3, 17)),
        {"stride": (2, 1), "padding": ((0, 1), (2, 0)), "dilation": (1, 2), "kernel_size": (2, 2)},
    ),
)
WEIGHT_ERRORS = (ErrorSample(((2, 4, 4, 3), (2, 3, 3, 3)), {"kernel_size": (3, 3)}, "a gradient of (2, 2, 2, 3)"),)
depthwise_convolution_backward_weight = register_op(
    Op(
        "depthwise_convolution_backward_weight",
        "the gradient of a depthwise convolution with respect to its weight", "convolution", ("x", "dy"),
        weight_infer, weight_reference, WEIGHT, vjp=BACKWARD, decompose=weight_decompose, flops=weight_flops,
        internal=True, samples=WEIGHT_SAMPLES, errors=WEIGHT_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def in_pieces(images: int) -> list[slice]:
    """The images of each piece."""
    bounds = [images * p // PIECES for p in range(PIECES + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def sums_infer(x: TensorType, dy: TensorType, **given: Any) -> TensorType:
    return TensorType((PIECES, *weight_infer(x, dy, **given).shape), x.dtype)


def sums_reference(x: np.ndarray, dy: np.ndarray, kernel_size: Pair, **sliding: Any) -> np.ndarray:
    seen = patches(x, array_window(x.shape, kernel_size, **sliding))
    totals = np.zeros((PIECES, *kernel_size, 1, x.shape[-1]), x.dtype)
    for total, piece in zip(totals, in_pieces(len(x)), strict=True):
        if piece.start < piece.stop:  # of few images most pieces have none
            total[...] = weight_sum(seen[piece], dy[piece])
    return totals


depthwise_weight_sums = register_op(
    Op(
        "depthwise_weight_sums", "the gradient of a depthwise convolution's weight, in pieces of the batch",
        "convolution", ("x", "dy"), sums_infer, sums_reference, WEIGHT, vjp=BACKWARD, kernel="depthwise_weight",
        flops=weight_flops, internal=True, samples=WEIGHT_SAMPLES, errors=WEIGHT_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
