"""The gradient of a convolution with respect to its images, as convolutions that multiply no zeros.

With stride 1 it is a convolution of the cotangent with the filters turned by half a turn. With stride s the pixels
of the image fall into s phases along each axis: those of one phase see the same taps, s apart, and are a
convolution of stride 1 of their own, whose results are then laid between those of the others.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Dim, TensorType, format_shape, multiply, strides_of
from nngraph.ops.convolution import SLIDING, filters_of
from nngraph.ops.movement import Copy, Movement
from nngraph.ops.records import BACKWARD, TRAINING_ONLY
from nngraph.ops.windows import Pair, Sides, Window, channels_of, image_size, result_shape, sum_of_patches
from nngraph_kernels.record import record

SIZE = {"size": Attribute("pair", "height and width of the images")}


@record
class Phase:
    """One axis of the pixels `start`, `start` + stride, ... of an image: which taps they see, and where.

    Attributes
    ----------
    start, pixels : int
        The first pixel, and how many there are.
    tap, step, taps : int
        The first tap that they see, the distance to the next one, and how many there are.
    dilation : int
        Distance on the cotangent from one tap to the next.
    padding : (int, int)
        Of the cotangent; may be negative.
    """

    start: int
    pixels: int
    tap: int
    step: int
    taps: int
    dilation: int
    padding: Pair


def phases(size: int, kernel: int, stride: int, padding: Pair, dilation: int, results: int) -> list[Phase]:
    """The phases along one axis of `size` pixels that see any tap.

    Pixel u gets, from tap i, what the window at o = (u + padding − i·dilation) / stride gave, if that is a number.
    """
    common = gcd(dilation, stride)
    step, apart = stride // common, dilation // common
    found: list[Phase] = []
    for start in range(min(stride, size)):
        at = start + padding[0]
        tap = next((i for i in range(min(kernel, step)) if (at - i * dilation) % stride == 0), None)
        if tap is None:
            continue
        taps, pixels = (kernel - 1 - tap) // step + 1, -(-(size - start) // stride)
        reach = (taps - 1) * apart
        before = reach - (at - tap * dilation) // stride
        found.append(Phase(start, pixels, tap, step, taps, apart, (before, pixels - results - before + reach)))
    return found


def infer(
    dy: TensorType, weight: TensorType, stride: Pair, padding: Sides, dilation: Pair, groups: int, size: Pair
) -> TensorType:
    kernel_size, channels, filters = filters_of(weight)
    place = Window(size, kernel_size, stride, padding, dilation)
    expected = result_shape(dy, place, filters)
    if dy.shape != expected:
        raise ValueError(f"a gradient of {format_shape(expected)} expected, {format_shape(dy.shape)} given")
    return TensorType((dy.shape[0], *size, channels * groups), dy.dtype)


def reference(
    dy: np.ndarray, weight: np.ndarray, stride: Pair, padding: Sides, dilation: Pair, groups: int, size: Pair
) -> np.ndarray:
    kh, kw, channels, filters = weight.shape
    place = Window(size, (kh, kw), stride, padding, dilation)
    cotangents = dy.reshape(*dy.shape[:3], groups, filters // groups)
    weights = weight.reshape(kh, kw, channels, groups, filters // groups)
    seen = np.einsum("bhwgf,ijcgf->bhwijgc", cotangents, weights)
    return sum_of_patches(seen.reshape(*seen.shape[:5], groups * channels), place)


def decompose(b: Builder, node: Node) -> tuple[Value]:
    """A convolution for each phase, and their pixels brought together."""
    dy, weight = node.inputs
    given, (kernel_size, _, _) = node.attributes, filters_of(weight.type)
    down, across = (
        phases(size, kernel, stride, padding, dilation, results)
        for size, kernel, stride, padding, dilation, results in zip(
            given["size"], kernel_size, given["stride"], given["padding"], given["dilation"], image_size(dy.type),
            strict=True,
        )
    )  # fmt: skip
    groups, found = given["groups"], [(y, x) for y in down for x in across]
    parts = [phase_gradient(b, dy, weight, groups, y, x) for y, x in found]
    if given["stride"] == (1, 1):
        return (parts[0],)
    if not parts:
        return (b.add("broadcast_to", b.constant(0.0, dy.type.dtype), shape=node.result.type.shape),)
    starts = tuple((y.start, x.start) for y, x in found)
    return (b.add("interleave", *parts, starts=starts, stride=given["stride"], size=given["size"]),)


def phase_gradient(b: Builder, dy: Value, weight: Value, groups: int, y: Phase, x: Phase) -> Value:
    turned = b.add(
        "turned_filters", weight, starts=(y.tap, x.tap), steps=(y.step, x.step), sizes=(y.taps, x.taps), groups=groups
    )
    return b.add(
        "convolution", dy, turned, stride=(1, 1), padding=(y.padding, x.padding), dilation=(y.dilation, x.dilation),
        groups=groups,
    )  # fmt: skip


def flops(dy: TensorType, weight: TensorType, **_: Any) -> Dim:
    (kh, kw), channels, _filters = filters_of(weight)
    return multiply(dy.size, 2 * kh * kw * channels)


convolution_backward_data = register_op(
    Op(
        "convolution_backward_data", "the gradient of a convolution with respect to its images", "convolution",
        ("dy", "weight"), infer, reference, {**SLIDING, **SIZE}, vjp=BACKWARD, decompose=decompose, flops=flops,
        internal=True,
        samples=(
            Sample(((2, 3, 3, 3), (3, 3, 2, 3)), {"padding": ((1, 1), (1, 1)), "size": (3, 3)}),
            Sample(((2, 2, 2, 6), (2, 3, 2, 6)), {"padding": ((0, 0), (1, 0)), "groups": 2, "size": (3, 3)}),
            Sample(
                ((1, 2, 3, 2), (3, 2, 4, 2)),
                {"stride": (2, 3), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "size": (4, 7)},
            ),
            Sample(((2, 3, 2, 3), (1, 2, 5, 3)), {"stride": (2, 2), "dilation": (1, 2), "size": (6, 6)}),
            Sample(((1, 1, 1, 3), (1, 1, 2, 3)), {"stride": (3, 3), "padding": ((-2, 0), (-1, 0)), "size": (3, 4)}),
        ),
        errors=(ErrorSample(((2, 3, 3, 4), (3, 3, 2, 4)), {"size": (3, 3)}, "a gradient of (2, 1, 1, 4)"),),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def turned_shape(weight: TensorType, sizes: Pair, groups: int) -> tuple[int, int, int, int]:
    _, channels, filters = filters_of(weight)
    return (*sizes, filters // groups, channels * groups)


def turned_infer(weight: TensorType, starts: Pair, steps: Pair, sizes: Pair, groups: int) -> TensorType:
    for axis, (start, step, size) in enumerate(zip(starts, steps, sizes, strict=True)):
        taps = filters_of(weight)[0][axis]
        if not 0 <= start <= start + (size - 1) * step < taps:
            raise ValueError(f"axis {axis}: {size} taps from {start} in steps of {step} given, {taps} are there")
    return TensorType(turned_shape(weight, sizes, groups), weight.dtype)


def turned_reference(weight: np.ndarray, starts: Pair, steps: Pair, sizes: Pair, groups: int) -> np.ndarray:
    rows, columns = (
        start + step * np.arange(size)[::-1] for start, step, size in zip(starts, steps, sizes, strict=True)
    )
    chosen = weight[np.ix_(rows, columns)]
    channels, filters = weight.shape[2:]
    apart = chosen.reshape(*sizes, channels, groups, filters // groups).transpose(0, 1, 4, 3, 2)
    return apart.reshape(*sizes, filters // groups, channels * groups)


def turned_copies(weight: TensorType, starts: Pair, steps: Pair, sizes: Pair, groups: int) -> Movement:
    (_, kw), channels, filters = filters_of(weight)
    row, column = kw * channels * filters, channels * filters
    first = (starts[0] + (sizes[0] - 1) * steps[0]) * row + (starts[1] + (sizes[1] - 1) * steps[1]) * column
    shape = (*sizes, filters // groups, groups, channels)
    walk = (-steps[0] * row, -steps[1] * column, 1, filters // groups, filters)
    return Movement((Copy(0, shape, first, walk, 0, strides_of(shape)),))


turned_filters = register_op(
    Op(
        "turned_filters", "some taps of filters from the last to the first, channels and filters exchanged",
        "convolution", ("weight",), turned_infer, turned_reference,
        {
            "starts": Attribute("pair", "the first of the taps, by rows and columns"),
            "steps": Attribute("pair", "how far apart they are"),
            "sizes": Attribute("pair", "how many there are"),
            "groups": SLIDING["groups"],
        },
        vjp=BACKWARD, kernel="copy", copies=turned_copies, internal=True, flops=lambda weight, **_: 0,
        samples=(
            Sample(((3, 3, 5, 7),), {"starts": (0, 0), "steps": (1, 1), "sizes": (3, 3), "groups": 1}),
            Sample(((4, 3, 2, 6),), {"starts": (1, 0), "steps": (2, 1), "sizes": (2, 2), "groups": 3}),
        ),
        errors=(
            ErrorSample(
                ((3, 3, 5, 7),), {"starts": (1, 0), "steps": (2, 1), "sizes": (2, 3), "groups": 1},
                "axis 0: 2 taps from 1 in steps of 2",
            ),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def interleave_infer(*parts: TensorType, starts: tuple[Pair, ...], stride: Pair, size: Pair) -> TensorType:
    first = parts[0]
    for part, start in zip(parts, starts, strict=True):
        expected = tuple(-(-(whole - at) // by) for whole, at, by in zip(size, start, stride, strict=True))
        if image_size(part) != expected:
            raise ValueError(f"{expected} pixels from {start} on expected, {format_shape(part.shape)} given")
    return TensorType((first.shape[0], *size, channels_of(first)), first.dtype)


def interleave_reference(*parts: np.ndarray, starts: tuple[Pair, ...], stride: Pair, size: Pair) -> np.ndarray:
    whole = np.zeros((len(parts[0]), *size, parts[0].shape[-1]), parts[0].dtype)
    for part, (top, left) in zip(parts, starts, strict=True):
        whole[:, top :: stride[0], left :: stride[1]] = part
    return whole


def interleave_copies(*parts: TensorType, starts: tuple[Pair, ...], stride: Pair, size: Pair) -> Movement:
    batch, row, pixel, channel = strides_of(interleave_infer(*parts, starts=starts, stride=stride, size=size).shape)
    assert isinstance(row, int) and isinstance(pixel, int)  # noqa: PT018
    walk = (batch, row * stride[0], pixel * stride[1], channel)
    copies = (
        Copy(k, part.shape, 0, strides_of(part.shape), top * row + left * pixel, walk)
        for k, (part, (top, left)) in enumerate(zip(parts, starts, strict=True))
    )
    complete = len(parts) == min(stride[0], size[0]) * min(stride[1], size[1])
    return Movement(tuple(copies), None if complete else 0.0)


interleave = register_op(
    Op(
        "interleave", "images of every few pixels laid between each other, zeros where there is none", "convolution",
        ("parts...",), interleave_infer, interleave_reference,
        {
            "starts": Attribute("any", "the place of each part's first pixel"),
            "stride": SLIDING["stride"],
            "size": SIZE["size"],
        },
        vjp=BACKWARD, kernel="copy", copies=interleave_copies, internal=True, flops=lambda *parts, **_: 0,
        samples=(
            Sample(((2, 2, 3, 3), (2, 1, 3, 3)), {"starts": ((0, 0), (1, 0)), "stride": (2, 1), "size": (3, 3)}),
            Sample(((2, 2, 1, 17),), {"starts": ((1, 2),), "stride": (2, 3), "size": (4, 5)}),
        ),
        errors=(
            ErrorSample(
                ((2, 2, 3, 3),), {"starts": ((1, 0),), "stride": (2, 1), "size": (3, 3)}, "(1, 3) pixels from (1, 0)"
            ),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
