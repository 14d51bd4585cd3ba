"""Convolutions of images (B, H, W, C) with filters that are held as (kh, kw, C / groups, filters)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, Dim, Shape, TensorType, format_shape, multiply
from nngraph.ops.depthwise import convolve_channels
from nngraph.ops.onnx import convolution as onnx_convolution
from nngraph.ops.records import BACKWARD, TRAINING_ONLY
from nngraph.ops.windows import (
    DILATION,
    PADDING,
    STRIDE,
    Padding,
    Pair,
    Sides,
    Window,
    as_pair,
    channels_of,
    image_size,
    patches,
    result_shape,
    window_of,
    window_size,
)

# A gradient of few filters with few taps is added up in pieces, so that there is work for every thread.
PIECES, PIECE_ROWS, PIECE_COLUMNS, PIECE_PIXELS = 32, 128, 128, 8

SLIDING = {
    "stride": Attribute("pair", "how far the window moves down and right", (1, 1)),
    "padding": Attribute("any", "((top, bottom), (left, right)); negative takes pixels away", ((0, 0), (0, 0))),
    "dilation": Attribute("pair", "how far apart the pixels of the window are", (1, 1)),
    "groups": Attribute("int", "parts of the channels that see nothing of each other", 1),
}
KERNEL_SIZE = {"kernel_size": Attribute("pair", "rows and columns of the window")}


def filters_of(weight: TensorType) -> tuple[Pair, int, int]:
    """Rows and columns of the window, channels that one filter reads, number of filters."""
    assert weight.rank == 4
    kh, kw, channels, filters = (dim for dim in weight.shape if isinstance(dim, int))
    return (kh, kw), channels, filters


def held_shape(x: TensorType, filters: int, kernel_size: Pair, groups: int) -> Shape:
    return (*kernel_size, channels_of(x) // groups, filters)


def window(x: TensorType, kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Window:
    """Where windows of a core op stand."""
    found = Window(image_size(x), kernel_size, stride, padding, dilation)
    if min(found.result) < 1:
        raise ValueError(f"a window of {found.extent} given on an image of {found.image}, padding {padding}")
    return found


def node_window(node: Node, x: TensorType, kernel_size: Pair) -> Window:
    given = node.attributes
    return window(x, kernel_size, given["stride"], given["padding"], given["dilation"])


def infer(x: TensorType, weight: TensorType, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> TensorType:
    kernel_size, channels, filters = filters_of(weight)
    place = window(x, kernel_size, stride, padding, dilation)
    if channels * groups != channels_of(x) or filters % groups:
        raise ValueError(
            f"filters of {channels_of(x)} / {groups} channels expected, {format_shape(weight.shape)} given"
        )
    return TensorType(result_shape(x, place, filters), x.dtype)


def reference(
    x: np.ndarray, weight: np.ndarray, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> np.ndarray:
    kh, kw, channels, filters = weight.shape
    place = Window(x.shape[1:3], (kh, kw), stride, padding, dilation)  # type: ignore[arg-type]
    seen = patches(x, place).reshape(len(x), *place.result, kh * kw, groups, channels)
    weights = weight.reshape(kh * kw, channels, groups, filters // groups)
    return np.einsum("bhwtgc,tcgf->bhwgf", seen, weights).reshape(len(x), *place.result, filters)


def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, Value]:
    x, weight = node.inputs
    dx = b.add("convolution_backward_data", dy, weight, size=image_size(x.type), **node.attributes)
    dw = b.add("convolution_backward_weight", x, dy, kernel_size=filters_of(weight.type)[0], **node.attributes)
    return dx, dw


def flops(x: TensorType, weight: TensorType, **given: Any) -> Dim:
    (kh, kw), channels, _ = filters_of(weight)
    return multiply(infer(x, weight, **given).size, 2 * kh * kw * channels)


convolution = register_op(
    Op(
        "convolution", "sums over windows of images, each filter's weights times the pixels it sees", "convolution",
        ("x", "weight"), infer, reference, SLIDING, vjp=vjp, kernel="convolution", flops=flops, internal=True,
        samples=(
            Sample(((2, 3, 3, 2), (3, 3, 2, 3)), {"padding": ((1, 1), (1, 1))}),
            Sample(((1, 4, 5, 1), (2, 3, 1, 2)), {"stride": (2, 1), "padding": ((0, 1), (2, 0)), "dilation": (1, 2)}),
            Sample(((2, 3, 4, 4), (2, 2, 2, 6)), {"groups": 2}),
            Sample(((1, 5, 4, 2), (1, 1, 2, 17)), {"stride": (3, 2), "padding": ((-1, 0), (0, -1))}),
        ),
        errors=(
            ErrorSample(((2, 4, 4, 3), (3, 3, 2, 4)), {}, "filters of 3 / 1 channels"),
            ErrorSample(((2, 4, 4, 3), (5, 3, 3, 4)), {}, "a window of (5, 3)"),
        ),
        onnx=onnx_convolution.CORE,
    )
)  # fmt: skip


def weight_infer(
    x: TensorType, dy: TensorType, stride: Pair, padding: Sides, dilation: Pair, groups: int, kernel_size: Pair
) -> TensorType:
    place = window(x, kernel_size, stride, padding, dilation)
    expected = result_shape(x, place, channels_of(dy))
    if dy.shape != expected:
        raise ValueError(f"a gradient of {format_shape(expected)} expected, {format_shape(dy.shape)} given")
    return TensorType(held_shape(x, channels_of(dy), kernel_size, groups), x.dtype)


def weight_reference(
    x: np.ndarray, dy: np.ndarray, stride: Pair, padding: Sides, dilation: Pair, groups: int, kernel_size: Pair
) -> np.ndarray:
    place = Window(x.shape[1:3], kernel_size, stride, padding, dilation)  # type: ignore[arg-type]
    channels, filters = x.shape[-1] // groups, dy.shape[-1] // groups
    seen = patches(x, place).reshape(*dy.shape[:3], place.taps, groups, channels)
    cotangents = dy.reshape(*dy.shape[:3], groups, filters)
    total = np.einsum("bhwtgc,bhwgf->tcgf", seen, cotangents)
    return total.reshape(*kernel_size, channels, groups * filters)


def weight_decompose(b: Builder, node: Node) -> tuple[Value]:
    """Partial sums over pieces of the batch's pixels, then their sum, which fuses with the update."""
    x, dy = node.inputs
    parts = piece_count(node.result.type, dy.type)
    partial = b.add("convolution_weight_sums", x, dy, pieces=parts, **node.attributes)
    return (b.add("sum", partial, axis=0),)


def piece_count(weight: TensorType, dy: TensorType) -> int:
    """As many as leave work for PIECES threads, but none of few pixels; whatever the batch is."""
    (kh, kw), channels, filters = filters_of(weight)
    blocks = -(-kh * kw * channels // PIECE_ROWS) * -(-filters // PIECE_COLUMNS)
    _, height, width, _ = dy.shape
    assert isinstance(height, int) and isinstance(width, int)  # noqa: PT018
    return max(1, min(-(-PIECES // blocks), height * width // PIECE_PIXELS))


def weight_flops(x: TensorType, dy: TensorType, groups: int, kernel_size: Pair, **_: Any) -> Dim:
    kh, kw = kernel_size
    return multiply(dy.size, 2 * kh * kw * (channels_of(x) // groups))


WEIGHT_SAMPLES = (
    Sample(((2, 3, 3, 2), (2, 3, 3, 3)), {"padding": ((1, 1), (1, 1)), "kernel_size": (3, 3)}),
    Sample(
        ((1, 5, 5, 1), (1, 2, 3, 2)),
        {"stride": (2, 1), "padding": ((0, 0), (2, 0)), "dilation": (2, 2), "kernel_size": (2, 3)},
    ),
    Sample(((3, 3, 4, 4), (3, 2, 3, 34)), {"groups": 2, "kernel_size": (2, 2)}),
)
WEIGHT_ERRORS = (ErrorSample(((2, 4, 4, 3), (2, 3, 3, 4)), {"kernel_size": (3, 3)}, "a gradient of (2, 2, 2, 4)"),)
convolution_backward_weight = register_op(
    Op(
        "convolution_backward_weight", "the gradient of a convolution with respect to its filters", "convolution",
        ("x", "dy"), weight_infer, weight_reference, {**SLIDING, **KERNEL_SIZE}, vjp=BACKWARD,
        decompose=weight_decompose, flops=weight_flops, internal=True, samples=WEIGHT_SAMPLES, errors=WEIGHT_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def sums_infer(x: TensorType, dy: TensorType, pieces: int, **given: Any) -> TensorType:
    return TensorType((pieces, *weight_infer(x, dy, **given).shape), x.dtype)


def sums_reference(x: np.ndarray, dy: np.ndarray, pieces: int, **given: Any) -> np.ndarray:
    """Piece p is that of the pixels n·p/pieces to n·(p+1)/pieces of all n."""
    place = np.arange(dy[..., 0].size).reshape(*dy.shape[:3], 1)
    edges = [place.size * p // pieces for p in range(pieces + 1)]
    chosen = [(place >= start) & (place < stop) for start, stop in pairwise(edges)]
    return np.stack([weight_reference(x, np.where(piece, dy, 0), **given) for piece in chosen])


convolution_weight_sums = register_op(
    Op(
        "convolution_weight_sums", "the gradient of the filters in pieces, each of as many pixels", "convolution",
        ("x", "dy"), sums_infer, sums_reference,
        {**SLIDING, **KERNEL_SIZE, "pieces": Attribute("int", "number of pieces")}, vjp=BACKWARD,
        kernel="convolution_weight", internal=True, flops=lambda x, dy, pieces, **given: weight_flops(x, dy, **given),
        samples=tuple(Sample(s.shapes, {**s.attributes, "pieces": 2 * k + 1}) for k, s in enumerate(WEIGHT_SAMPLES)),
        errors=tuple(ErrorSample(e.shapes, {**e.attributes, "pieces": 2}, e.message) for e in WEIGHT_ERRORS),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def conv2d_infer(
    x: TensorType,
    filters: int,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: Padding = "same",
    dilation: int | Pair = 1,
    groups: int = 1,
    bias: bool = True,
) -> TensorType:
    place = window_of(x, kernel_size, stride, padding, dilation)
    expect_groups("channels of the image", channels_of(x), groups)
    expect_groups("filters", filters, groups)
    return TensorType(result_shape(x, place, filters), x.dtype)


def expect_groups(what: str, size: int, groups: int) -> None:
    if size % groups:
        divisors = [n for n in range(1, size + 1) if size % n == 0]
        raise ValueError(
            f"groups {groups} given, which do not divide the {size} {what}; expected one of "
            + ", ".join(map(str, divisors))
        )


def conv2d_parameters(
    x: TensorType, filters: int, kernel_size: int | Pair, groups: int = 1, bias: bool = True, **_: Any
) -> tuple[Parameter, ...]:
    """`weight` (filters, kh, kw, channels / groups), held with the filters last; `bias` (filters,)."""
    shape = (filters, *as_pair(kernel_size), channels_of(x) // groups)
    weight = Parameter("weight", shape, "he_normal", (1, 2, 3, 0))
    return (weight, Parameter("bias", (filters,), "zeros")) if bias else (weight,)


def conv2d_expand(
    b: Builder,
    x: Value,
    weight: Value,
    offset: Value | None = None,
    *,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: Padding = "same",
    dilation: int | Pair = 1,
    groups: int = 1,
    **_: Any,
) -> Value:
    place = window_of(x.type, kernel_size, stride, padding, dilation)
    if (place.taps, groups, place.stride, place.padding) == (1, 1, (1, 1), ((0, 0), (0, 0))):
        y = b.add("matmul", x, weight)
    elif groups == channels_of(x.type) > 1:
        y = convolve_channels(b, x, weight, place)
    else:
        y = b.add(
            "convolution", x, weight, stride=place.stride, padding=place.padding, dilation=place.dilation,
            groups=groups,
        )  # fmt: skip
    return y if offset is None else b.add("add", y, offset)


def conv2d_reference(
    x: np.ndarray,
    weight: np.ndarray,
    offset: np.ndarray | None = None,
    *,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: Padding = "same",
    dilation: int | Pair = 1,
    groups: int = 1,
    **_: Any,
) -> np.ndarray:
    place = window_of(TensorType(x.shape, str(x.dtype)), kernel_size, stride, padding, dilation)
    held = weight.transpose(1, 2, 3, 0)
    y = reference(x, held, place.stride, place.padding, place.dilation, groups)
    return y if offset is None else y + offset


def conv2d_flops(x: TensorType, kernel_size: int | Pair, groups: int = 1, **given: Any) -> Dim:
    kh, kw = as_pair(kernel_size)
    result = conv2d_infer(x, kernel_size=kernel_size, groups=groups, **given)
    return multiply(result.size, 2 * kh * kw * (channels_of(x) // groups))


IMAGE = (2, 5, 6, 3)
conv2d = register_op(
    Op(
        "conv2d", "a convolution of images (batch, height, width, channels) with learned filters", "convolution",
        ("x",), conv2d_infer, conv2d_reference,
        {
            "filters": Attribute("int", "number of filters: the channels of the result", minimum=1),
            "kernel_size": window_size("size of the filters"),
            "stride": STRIDE, "padding": PADDING, "dilation": DILATION,
            "groups": Attribute("int", "parts of the channels that see nothing of each other", 1, minimum=1),
            "bias": Attribute("bool", "add a learned offset to each channel", True),
        },
        parameters=conv2d_parameters, expand=conv2d_expand, flops=conv2d_flops,
        samples=(
            Sample((IMAGE,), {"filters": 4, "kernel_size": 3}),
            Sample((IMAGE,), {"filters": 17, "kernel_size": 1, "bias": False}),
            Sample((IMAGE,), {"filters": 2, "kernel_size": (4, 2), "stride": 2, "padding": "valid"}),
            Sample((IMAGE,), {"filters": 6, "kernel_size": 2, "padding": (1, 2), "dilation": (1, 2), "groups": 3}),
            Sample(((2, 4, 3, 4),), {"filters": 6, "kernel_size": (3, 2), "stride": (1, 2), "groups": 2}),
            Sample((IMAGE,), {"filters": 3, "kernel_size": 1, "stride": (1, 3), "padding": ((0, 1), (2, 0))}),
        ),
        errors=(
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 3, "groups": 2}, "groups 2 given"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 3, "groups": 3}, "the 4 filters; expected one of 1, 2"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 6, "padding": "valid"}, "as large as the window"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 3, "padding": "valid", "dilation": 3}, "7×7 pixels"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 0}, "of at least 1 expected"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 3, "padding": "full"}, "'same', 'valid'"),
            ErrorSample(((2, 5, 6),), {"filters": 4, "kernel_size": 3}, "(batch, height, width, channels)"),
            ErrorSample((IMAGE,), {"filters": 4, "kernel_size": 3}, "float input", ("int32",)),
            ErrorSample(((2, Batch(), 5, 3),), {"filters": 4, "kernel_size": 3}, "batch as first axis"),
        ),
        onnx=onnx_convolution.CONV2D,
    )
)  # fmt: skip
