"""Pooling: the largest pixel or the mean of every window of an image (B, H, W, C), for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, TensorType, multiply
from nngraph.ops.onnx import pooling as onnx_pooling
from nngraph.ops.records import BACKWARD, TRAINING_ONLY
from nngraph.ops.windows import (
    Padding,
    Pair,
    Sides,
    Window,
    channels_of,
    image_size,
    patches,
    result_shape,
    sum_of_patches,
    window_at,
    window_size,
)

Size = int | Pair
POOL = {
    "size": window_size("rows and columns of the window"),
    "stride": Attribute("pair", "how far the window moves; by default as far as it is large", None, minimum=1),
    "padding": Attribute(
        "padding",
        "around the image, where no window finds anything: 'same' (as much as makes the result ceil(size / stride)), "
        "'valid' (none), a number, (rows, columns), or ((top, bottom), (left, right))",
        "valid",
    ),
}
COUNTED = {"include_padding": Attribute("bool", "count the padding, as zeros, among what the mean is over", False)}
PLACES = {
    "size": Attribute("pair", "rows and columns of the window"),
    "stride": Attribute("pair", "how far it moves down and right"),
    "padding": Attribute("any", "((top, bottom), (left, right))"),
}


def places(window: Window) -> dict[str, Any]:
    """The attributes of a backward op."""
    return {"size": window.size, "stride": window.stride, "padding": window.padding}


def infer(
    x: TensorType, size: Size, stride: Size | None = None, padding: Padding = "valid", include_padding: bool = False
) -> TensorType:
    return TensorType(result_shape(x, window_at(x, size, stride, padding), channels_of(x)), x.dtype)


def flops(x: TensorType, size: Size, stride: Size | None = None, padding: Padding = "valid", **_: Any) -> Dim:
    return multiply(infer(x, size, stride, padding).size, window_at(x, size, stride, padding).taps)


def window_on(x: np.ndarray, size: Size, stride: Size | None, padding: Padding) -> Window:
    return window_at(TensorType(x.shape, str(x.dtype)), size, stride, padding)


def max_reference(x: np.ndarray, size: Size, stride: Size | None = None, padding: Padding = "valid") -> np.ndarray:
    return patches(x, window_on(x, size, stride, padding), -np.inf).max(axis=(3, 4))


def max_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    (x,) = node.inputs
    return (b.add("max_pool_backward", x, dy, **places(window_at(x.type, **node.attributes))),)


POOL_ERRORS = (
    ErrorSample(((2, 2, 2, 3),), {"size": 3}, "size (3, 3) given, a window of 3×3 pixels"),
    ErrorSample(((2, 4, 4, 3),), {"size": 2, "padding": 2}, "less than the window (2, 2) expected"),
    ErrorSample(((2, 4, 4),), {"size": 2}, "images (batch, height, width, channels)"),
    ErrorSample(((2, 4, 4, 3),), {"size": 2}, "float input", ("int32",)),
    ErrorSample(((2, 4, 4, 3),), {"size": 0}, "at least 1"), ErrorSample(((2, 4, 4, 3),), {}, "'size' missing"),
    ErrorSample(((2, 4, 4, 3),), {"size": 2, "stride": 0}, "at least 1"),
    ErrorSample(((2, 4, 4, 3),), {"size": 2, "padding": "sane"}, "'same'"),
    ErrorSample(((4, Batch(), 4, 3),), {"size": 2}, "batch as first axis"),
)  # fmt: skip
POOL_SAMPLES = (
    Sample(((2, 4, 4, 3),), {"size": 2}, ("distinct",)),
    Sample(((1, 5, 4, 2),), {"size": 3, "stride": 2, "padding": "same"}, ("distinct",)),
    Sample(((1, 5, 6, 17),), {"size": (2, 3), "stride": (1, 2), "padding": ((1, 0), (2, 1))}, ("distinct",)),
    Sample(((2, 5, 5, 1),), {"size": 1, "stride": 3}, ("distinct",)),
)  # fmt: skip
max_pool = register_op(
    Op(
        "max_pool", "the largest pixel of every window, for each channel", "pooling", ("x",), infer, max_reference,
        POOL, vjp=max_vjp, kernel="max_pool", flops=flops, samples=POOL_SAMPLES, errors=POOL_ERRORS,
        onnx=onnx_pooling.MAX_POOL,
    )
)  # fmt: skip


def cotangent_infer(x: TensorType, dy: TensorType, window: Window) -> TensorType:
    expected = TensorType(result_shape(x, window, channels_of(x)), x.dtype)
    if dy != expected:
        raise ValueError(f"a gradient of {expected} expected, {dy} given")
    return x


def max_backward_infer(x: TensorType, dy: TensorType, size: Pair, stride: Pair, padding: Sides) -> TensorType:
    return cotangent_infer(x, dy, window_at(x, size, stride, padding))


def max_backward_reference(x: np.ndarray, dy: np.ndarray, size: Pair, stride: Pair, padding: Sides) -> np.ndarray:
    """All of it goes to the first of the largest, or to the first NaN, as `np.argmax` says; never to the padding."""
    window = window_on(x, size, stride, padding)
    seen = patches(x, window, -np.inf)
    inside = patches(np.ones_like(x), window) == 1
    flat = seen.reshape(*seen.shape[:3], window.taps, -1)
    largest = flat.max(axis=3, keepdims=True)
    wins = ((flat == largest) | (np.isnan(flat) & np.isnan(largest))) & inside.reshape(flat.shape)
    first = wins.argmax(axis=3)[:, :, :, None] == np.arange(window.taps)[:, None]
    return sum_of_patches((first * dy[:, :, :, None]).reshape(seen.shape).astype(x.dtype), window)


CORE_SAMPLES = (
    ((2, 4, 4, 3), (2, 2, 2, 3), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((1, 5, 4, 2), (1, 3, 2, 2), (3, 3), (2, 2), ((1, 1), (0, 1))),
    ((1, 5, 6, 17), (1, 5, 4, 17), (2, 3), (1, 2), ((1, 0), (2, 1))),
    ((2, 5, 5, 1), (2, 2, 2, 1), (1, 1), (3, 3), ((0, 0), (0, 0))),
)
max_pool_backward = register_op(
    Op(
        "max_pool_backward", "each window's gradient at the first of its largest pixels", "pooling", ("x", "dy"),
        max_backward_infer, max_backward_reference, PLACES, vjp=BACKWARD, kernel="max_pool_backward", internal=True,
        flops=lambda x, dy, size, **_: multiply(dy.size, size[0] * size[1]),
        samples=tuple(
            Sample((x, dy), {"size": size, "stride": stride, "padding": sides}, ("distinct", (-2.0, 2.0)))
            for x, dy, size, stride, sides in CORE_SAMPLES
        ),
        errors=(
            ErrorSample(
                ((2, 4, 4, 3), (2, 4, 4, 3)), {"size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))},
                "a gradient of float32[2, 2, 2, 3] expected",
            ),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def pixels_seen(window: Window, include_padding: bool) -> np.ndarray:
    """How many pixels the mean of each window is over, (OH, OW, 1)."""
    if include_padding:
        return np.full((*window.result, 1), window.taps)
    return patches(np.ones((1, *window.image, 1)), window).sum(axis=(3, 4))[0]


def average_reference(
    x: np.ndarray, size: Size, stride: Size | None = None, padding: Padding = "valid", include_padding: bool = False
) -> np.ndarray:
    window = window_on(x, size, stride, padding)
    return (patches(x, window).sum(axis=(3, 4)) / pixels_seen(window, include_padding)).astype(x.dtype)


def average_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    (x,), given = node.inputs, node.attributes
    window = window_at(x.type, given["size"], given["stride"], given["padding"])
    counted = given["include_padding"]
    return (b.add("average_pool_backward", dy, image=window.image, include_padding=counted, **places(window)),)


average_pool = register_op(
    Op(
        "average_pool", "the mean of every window, for each channel", "pooling", ("x",), infer, average_reference,
        POOL | COUNTED, vjp=average_vjp, kernel="average_pool", flops=flops,
        samples=(
            *(Sample(sample.shapes, sample.attributes) for sample in POOL_SAMPLES),
            Sample(((1, 5, 4, 2),), {"size": 3, "stride": 2, "padding": "same", "include_padding": True}),
        ),
        errors=POOL_ERRORS,
        onnx=onnx_pooling.AVERAGE_POOL,
    )
)  # fmt: skip


def image_of(dy: TensorType, image: Pair) -> TensorType:
    return TensorType((dy.shape[0], *image, channels_of(dy)), dy.dtype)


def average_backward_infer(
    dy: TensorType, size: Pair, stride: Pair, padding: Sides, image: Pair, include_padding: bool
) -> TensorType:
    image_size(dy)
    x = image_of(dy, image)
    return cotangent_infer(x, dy, window_at(x, size, stride, padding))


def average_backward_reference(
    dy: np.ndarray, size: Pair, stride: Pair, padding: Sides, image: Pair, include_padding: bool
) -> np.ndarray:
    window = Window(image, size, stride, padding)
    shares = (dy / pixels_seen(window, include_padding))[:, :, :, None, None]
    return sum_of_patches(np.broadcast_to(shares, (*dy.shape[:3], *size, dy.shape[3])).astype(dy.dtype), window)


average_pool_backward = register_op(
    Op(
        "average_pool_backward", "each window's gradient in equal parts at the pixels of its mean", "pooling", ("dy",),
        average_backward_infer, average_backward_reference,
        PLACES | COUNTED | {"image": Attribute("pair", "rows and columns of the image")},
        vjp=BACKWARD, kernel="average_pool_backward", internal=True,
        flops=lambda dy, size, **_: multiply(dy.size, size[0] * size[1]),
        samples=tuple(
            Sample(
                (dy,),
                {"size": size, "stride": stride, "padding": sides, "image": x[1:3], "include_padding": counted},
            )
            for x, dy, size, stride, sides in CORE_SAMPLES
            for counted in (False, True)
        ),
        errors=(
            ErrorSample(
                ((2, 4, 4, 3),),
                {"size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0)), "image": (4, 4)},
                "a gradient of float32[2, 2, 2, 3] expected",
            ),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def global_infer(x: TensorType) -> TensorType:
    image_size(x)
    return TensorType((x.shape[0], x.shape[3]), x.dtype)


def global_max_expand(b: Builder, x: Value) -> Value:
    largest = b.add("max_pool", x, size=image_size(x.type))
    return b.add("view", largest, shape=(x.type.shape[0], x.type.shape[3]))


GLOBAL_SAMPLES = (Sample(((2, 3, 4, 5),)), Sample(((3, 1, 1, 17),)), Sample(((1, 7, 2, 1),)))
GLOBAL_ERRORS = (
    ErrorSample(((2, 4, 4),), {}, "images (batch, height, width, channels)"),
    ErrorSample(((2, 4, 4, 3),), {}, "float input", ("int32",)),
)  # fmt: skip
global_average_pool = register_op(
    Op(
        "global_average_pool", "the mean of each channel of an image", "pooling", ("x",),
        global_infer, lambda x: x.mean(axis=(1, 2), dtype=np.float64).astype(x.dtype),
        expand=lambda b, x: b.add("mean", x, axis=(1, 2)), flops=lambda x: x.size, samples=GLOBAL_SAMPLES,
        errors=GLOBAL_ERRORS,
        onnx=onnx_pooling.GLOBAL_AVERAGE_POOL,
    )
)  # fmt: skip
global_max_pool = register_op(
    Op(
        "global_max_pool", "the largest of each channel of an image", "pooling", ("x",),
        global_infer, lambda x: x.max(axis=(1, 2)), expand=global_max_expand, flops=lambda x: x.size,
        samples=GLOBAL_SAMPLES, errors=GLOBAL_ERRORS,
        onnx=onnx_pooling.GLOBAL_MAX_POOL,
    )
)  # fmt: skip
