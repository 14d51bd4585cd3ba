"""Convolutions of every channel by a window of its own, alone and before a convolution of 1×1."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, Dim, Shape, TensorType, format_shape, multiply
from nngraph.ops.onnx import convolution as onnx_convolution
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

SLIDING = {
    "stride": Attribute("pair", "how far the window moves down and right", (1, 1)),
    "padding": Attribute("pairs", "((top, bottom), (left, right))", ((0, 0), (0, 0))),
    "dilation": Attribute("pair", "how far apart the pixels of the window are", (1, 1)),
}


def held_window(weight: TensorType, channels: int) -> Pair:
    """Rows and columns of a weight held as (kh, kw, 1, channels); ValueError for anything else."""
    kh, kw = weight.shape[0], weight.shape[1] if weight.rank > 1 else 0
    if weight.shape != (kh, kw, 1, channels) or isinstance(kh, Batch) or isinstance(kw, Batch):
        raise ValueError(f"a weight (rows, columns, 1, {channels}) expected, {format_shape(weight.shape)} given")
    return kh, kw


def array_window(shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Window:
    return Window((shape[1], shape[2]), kernel_size, stride, padding, dilation)


def infer(x: TensorType, weight: TensorType, **sliding: Any) -> TensorType:
    image_size(x)
    place = window_of(x, held_window(weight, channels_of(x)), **sliding)
    return TensorType(result_shape(x, place, channels_of(x)), x.dtype)


def reference(x: np.ndarray, weight: np.ndarray, **sliding: Any) -> np.ndarray:
    kh, kw, _, _ = weight.shape
    seen = patches(x, array_window(x.shape, (kh, kw), **sliding))
    return np.einsum("bhwijc,ijc->bhwc", seen, weight[:, :, 0])


def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, Value]:
    x, weight = node.inputs
    dx = b.add("depthwise_convolution_backward_data", dy, weight, size=image_size(x.type), **node.attributes)
    kernel_size = held_window(weight.type, channels_of(x.type))
    dw = b.add("depthwise_convolution_backward_weight", x, dy, kernel_size=kernel_size, **node.attributes)
    return dx, dw


def flops(x: TensorType, weight: TensorType, **sliding: Any) -> Dim:
    kh, kw = held_window(weight, channels_of(x))
    return multiply(infer(x, weight, **sliding).size, 2 * kh * kw)


SAME = ((1, 1), (1, 1))
depthwise_convolution = register_op(
    Op(
        "depthwise_convolution", "sums over windows of images, each channel with weights of its own", "convolution",
        ("x", "weight"), infer, reference, SLIDING, vjp=vjp, kernel="depthwise", flops=flops, internal=True,
        samples=(
            Sample(((2, 4, 5, 3), (3, 3, 1, 3)), {"padding": SAME}),
            Sample(((2, 5, 4, 2), (3, 3, 1, 2)), {"padding": SAME, "stride": (2, 2)}),
            Sample(((1, 4, 6, 2), (2, 3, 1, 2)), {"stride": (2, 1), "padding": ((0, 1), (2, 0)), "dilation": (1, 2)}),
            Sample(((1, 5, 3, 17), (5, 5, 1, 17)), {"padding": ((2, 2), (2, 3))}),
        ),
        errors=(
            ErrorSample(((2, 4, 4, 3), (3, 3, 3, 1)), {}, "a weight (rows, columns, 1, 3) expected"),
            ErrorSample(((2, 4, 4, 3), (5, 3, 1, 3)), {}, "a window of 5×3 pixels"),
            ErrorSample(((4, 4, 3), (3, 3, 1, 3)), {}, "images (batch, height, width, channels)"),
        ),
        onnx=onnx_convolution.CORE,
    )
)  # fmt: skip


def convolve_channels(b: Builder, x: Value, weight: Value, place: Window) -> Value:
    """Every channel by its windows, of which the held weight has one or several for each, side by side."""
    channels, filters = channels_of(x.type), channels_of(weight.type)
    if filters > channels:
        shape: Shape = (*x.type.shape, filters // channels)
        x = b.add("broadcast_to", b.add("view", x, shape=(*x.type.shape, 1)), shape=shape)
        x = b.add("view", x, shape=(*shape[:-2], filters))
    return b.add(
        "depthwise_convolution", x, weight, stride=place.stride, padding=place.padding, dilation=place.dilation
    )


def conv2d_infer(
    x: TensorType,
    kernel_size: int | Pair,
    stride: int | Pair = 1,
    padding: Padding = "same",
    dilation: int | Pair = 1,
    multiplier: int = 1,
    bias: bool = True,
) -> TensorType:
    place = window_of(x, kernel_size, stride, padding, dilation)
    return TensorType(result_shape(x, place, channels_of(x) * multiplier), x.dtype)


def window_weight(x: TensorType, kernel_size: int | Pair, multiplier: int, name: str) -> Parameter:
    """(channels · multiplier, kh, kw, 1), held with the channels last."""
    return Parameter(name, (channels_of(x) * multiplier, *as_pair(kernel_size), 1), "he_normal", (1, 2, 3, 0))


def conv2d_parameters(
    x: TensorType, kernel_size: int | Pair, multiplier: int = 1, bias: bool = True, **_: Any
) -> tuple[Parameter, ...]:
    weight = window_weight(x, kernel_size, multiplier, "weight")
    return (weight, Parameter("bias", (weight.shape[0],), "zeros")) if bias else (weight,)


def conv2d_expand(
    b: Builder, x: Value, weight: Value, offset: Value | None = None, *, kernel_size: int | Pair,
    stride: int | Pair = 1, padding: Padding = "same", dilation: int | Pair = 1, **_: Any,
) -> Value:  # fmt: skip
    y = convolve_channels(b, x, weight, window_of(x.type, kernel_size, stride, padding, dilation))
    return y if offset is None else b.add("add", y, offset)


def conv2d_reference(
    x: np.ndarray, weight: np.ndarray, offset: np.ndarray | None = None, *, kernel_size: int | Pair,
    stride: int | Pair = 1, padding: Padding = "same", dilation: int | Pair = 1, multiplier: int = 1, **_: Any,
) -> np.ndarray:  # fmt: skip
    place = window_of(TensorType(x.shape, str(x.dtype)), kernel_size, stride, padding, dilation)
    seen = patches(x.repeat(multiplier, axis=-1), place)
    y = np.einsum("bhwijc,cij->bhwc", seen, weight[..., 0])
    return y if offset is None else y + offset


def conv2d_flops(x: TensorType, kernel_size: int | Pair, **given: Any) -> Dim:
    kh, kw = as_pair(kernel_size)
    return multiply(conv2d_infer(x, kernel_size, **given).size, 2 * kh * kw)


IMAGE = (2, 5, 6, 3)
OF_WINDOWS = {
    "kernel_size": window_size("size of the windows"),
    "stride": STRIDE,
    "padding": PADDING,
    "dilation": DILATION,
    "multiplier": Attribute("int", "windows for each channel, and channels made of each", 1, minimum=1),
    "bias": Attribute("bool", "add a learned offset to each channel of the result", True),
}


def errors(**given: Any) -> tuple[ErrorSample, ...]:
    """What both composites refuse."""
    return (
        ErrorSample((IMAGE,), given | {"kernel_size": 6, "padding": "valid"}, "as large as the window"),
        ErrorSample((IMAGE,), given | {"kernel_size": 0}, "of at least 1 expected"),
        ErrorSample((IMAGE,), given | {"kernel_size": 3, "multiplier": 0}, "of at least 1 expected"),
        ErrorSample((IMAGE,), given | {"kernel_size": 3, "padding": "full"}, "'same', 'valid'"),
        ErrorSample(((2, 5, 6),), given | {"kernel_size": 3}, "(batch, height, width, channels)"),
        ErrorSample((IMAGE,), given | {"kernel_size": 3}, "float input", ("int32",)),
    )


depthwise_conv2d = register_op(
    Op(
        "depthwise_conv2d", "a convolution of each channel of images with learned windows of its own", "convolution",
        ("x",), conv2d_infer, conv2d_reference, OF_WINDOWS, parameters=conv2d_parameters, expand=conv2d_expand,
        flops=conv2d_flops,
        samples=(
            Sample((IMAGE,), {"kernel_size": 3}),
            Sample((IMAGE,), {"kernel_size": (2, 4), "stride": (1, 2), "padding": "valid", "bias": False}),
            Sample((IMAGE,), {"kernel_size": 3, "stride": 2, "padding": (1, 2), "dilation": 2, "multiplier": 2}),
        ),
        errors=errors(),
        onnx=onnx_convolution.DEPTHWISE,
    )
)  # fmt: skip


def separable_infer(x: TensorType, filters: int, **given: Any) -> TensorType:
    return TensorType((*conv2d_infer(x, **given).shape[:-1], filters), x.dtype)


def separable_parameters(
    x: TensorType, filters: int, kernel_size: int | Pair, multiplier: int = 1, bias: bool = True, **_: Any
) -> tuple[Parameter, ...]:
    """`depthwise_weight`, as in depthwise_conv2d; `weight` (filters, 1, 1, channels · multiplier); `bias`."""
    depthwise_weight = window_weight(x, kernel_size, multiplier, "depthwise_weight")
    weight = Parameter("weight", (filters, 1, 1, depthwise_weight.shape[0]), "he_normal", (1, 2, 3, 0))
    return (depthwise_weight, weight, *((Parameter("bias", (filters,), "zeros"),) if bias else ()))


def separable_expand(
    b: Builder, x: Value, depthwise_weight: Value, weight: Value, offset: Value | None = None, **given: Any
) -> Value:
    pixels = conv2d_expand(b, x, depthwise_weight, **given)
    y = b.add("matmul", pixels, b.add("view", weight, shape=weight.type.shape[2:]))
    return y if offset is None else b.add("add", y, offset)


def separable_reference(
    x: np.ndarray, depthwise_weight: np.ndarray, weight: np.ndarray, offset: np.ndarray | None = None, **given: Any
) -> np.ndarray:
    y = conv2d_reference(x, depthwise_weight, **given) @ weight[:, 0, 0].T
    return y if offset is None else y + offset


def separable_flops(x: TensorType, filters: int, **given: Any) -> Dim:
    middle = conv2d_infer(x, **given)
    kh, kw = as_pair(given["kernel_size"])
    return multiply(middle.size, 2 * kh * kw + 2 * filters)


separable_conv = register_op(
    Op(
        "separable_conv", "a convolution of each channel by itself, then one of 1×1 across the channels",
        "convolution", ("x",), separable_infer, separable_reference,
        {"filters": Attribute("int", "number of channels of the result", minimum=1), **OF_WINDOWS},
        parameters=separable_parameters, expand=separable_expand, flops=separable_flops,
        samples=(
            Sample((IMAGE,), {"filters": 4, "kernel_size": 3, "stride": 2}),
            Sample((IMAGE,), {"filters": 5, "kernel_size": 2, "padding": "valid", "multiplier": 3, "bias": False}),
        ),
        errors=(*errors(filters=4), ErrorSample((IMAGE,), {"filters": 0, "kernel_size": 3}, "of at least 1 expected")),
        onnx=onnx_convolution.SEPARABLE,
    )
)  # fmt: skip
