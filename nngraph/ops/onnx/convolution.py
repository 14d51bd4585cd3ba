"""Convolutions in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node, Value
from nngraph.ops.onnx.direct import expect
from nngraph.ops.onnx.windows import as_image, axes_of, give_pixels, of_two, padding_of, pair, sliding
from nngraph.ops.windows import Window, channels_of, window_of

FILTERS_FIRST = (0, 3, 1, 2)  # of public weights (filters, kh, kw, channels / groups)
ROWS_FIRST = (0, 2, 3, 1)


def write_conv(w: Writer, x: str, place: Window, weight: str, bias: tuple[str, ...], groups: int) -> str:
    return w.add(
        "Conv", x, weight, *bias, dilations=list(place.dilation), group=groups, **sliding(place)
    )  # fmt: skip


def write_conv2d(w: Writer, node: Node) -> None:
    x, weight, *bias = node.inputs
    given = node.attributes
    place = window_of(x.type, given["kernel_size"], given["stride"], given["padding"], given["dilation"])
    filters = w.parameter(weight, FILTERS_FIRST)
    groups: int = given.get("groups") or channels_of(x.type)
    y = write_conv(w, w.image(x), place, filters, tuple(map(w.parameter, bias)), groups)
    w.give_image(node.result, y)


def write_separable(w: Writer, node: Node) -> None:
    """The channels by themselves, then across them."""
    x, windows, weight, *bias = node.inputs
    given = node.attributes
    place = window_of(x.type, given["kernel_size"], given["stride"], given["padding"], given["dilation"])
    middle = write_conv(w, w.image(x), place, w.parameter(windows, FILTERS_FIRST), (), channels_of(x.type))
    pointwise = Window(place.result, (1, 1))
    y = write_conv(w, middle, pointwise, w.parameter(weight, FILTERS_FIRST), tuple(map(w.parameter, bias)), 1)
    w.give_image(node.result, y)


def write_convolution(w: Writer, node: Node) -> None:
    """The core op, whose filters are a value (kh, kw, channels / groups, filters)."""
    x, weight = node.inputs
    given = node.attributes
    kh, kw = (dim for dim in weight.type.shape[:2] if isinstance(dim, int))
    padding = given["padding"]
    image, cut = without_negative(w, x, padding)
    place = Window((0, 0), (kh, kw), given["stride"], cut, given["dilation"])
    filters = w.add("Transpose", w.plain(weight), perm=[3, 2, 0, 1])
    groups = given.get("groups") or channels_of(x.type)
    w.give_image(node.result, write_conv(w, image, place, filters, (), groups))


def without_negative(w: Writer, x: Value, padding: Any) -> tuple[str, Any]:
    """The image without the pixels that a negative padding takes away, and the padding that is left."""
    image = w.image(x)
    for axis, (before, after) in enumerate(padding, 2):
        if min(before, after) < 0:
            size = x.type.shape[axis - 1]
            assert isinstance(size, int)
            bounds = [w.constant(np.array([v])) for v in (max(0, -before), size - max(0, -after), axis)]
            image = w.add("Slice", image, *bounds)
    return image, tuple((max(0, before), max(0, after)) for before, after in padding)


def read_conv(r: Reader, n: OnnxNode) -> None:
    """Channels by themselves where there are as many groups as channels."""
    weight = r.shape(n.inputs[1])
    filters, of_each, *sizes = (dim for dim in weight if isinstance(dim, int))
    groups = n.attributes.get("group", 1)
    axes = axes_of(r, n, tuple(sizes))
    x = as_image(r, n.inputs[0])
    channels = r.type(x).shape[-1]
    expect(channels == of_each * groups, f"filters of {channels} / {groups} channels expected, {of_each} given")
    alone = groups == channels != 1
    own = {"multiplier": filters // groups} if alone else {"filters": filters, "groups": groups}
    op, given = "depthwise_conv2d" if alone else "conv2d", attributes(of_two(axes), bool(n.input(2)))
    y = r.with_parameters(op, [x], weights(n, len(sizes)), **own, **given)
    give_pixels(r, n.outputs[0], y, len(sizes) + 2)


def weights(n: OnnxNode, rank: int) -> dict[str, tuple[str, tuple[int, ...] | None]]:
    """The parameters; filters of one axis are (filters, channels, k), to be seen as of one row."""
    order = ROWS_FIRST if rank == 2 else (0, -1, 2, 1)
    return {"weight": (n.inputs[1], order), **({"bias": (n.inputs[2], None)} if n.input(2) else {})}


def attributes(axes: tuple[Any, ...], bias: bool) -> dict[str, Any]:
    return {
        "kernel_size": pair(tuple(axis.size for axis in axes)),
        "stride": pair(tuple(axis.stride for axis in axes)),
        "dilation": pair(tuple(axis.dilation for axis in axes)),
        "padding": padding_of(axes, "same"), "bias": bias,
    }  # fmt: skip


def read_conv_transpose(r: Reader, n: OnnxNode) -> None:
    """The gradient that a convolution passes to its image; graphs do not declare it."""
    expect(r.static, "a transposed convolution is read only with fixed sizes")
    given, groups = n.attributes, n.attributes.get("group", 1)
    image, shape = r.shape(n.inputs[0])[2:], r.shape(n.inputs[1])
    expect(len(image) == 2 and given.get("auto_pad", "NOTSET") == "NOTSET" and "output_shape" not in given,
           "images of two axes with their padding given in pixels expected")  # fmt: skip
    strides, dilations = given.get("strides", [1, 1]), given.get("dilations", [1, 1])
    pads, more = given.get("pads", [0] * 4), given.get("output_padding", [0, 0])
    size = tuple(
        (int(str(image[k])) - 1) * strides[k] + (int(str(shape[2 + k])) - 1) * dilations[k] + 1
        + more[k] - pads[k] - pads[2 + k] for k in (0, 1)
    )  # fmt: skip
    weight = r.transpose(r.plain(n.inputs[1]), (2, 3, 1, 0))
    sides = ((pads[0], pads[2]), (pads[1], pads[3]))
    y = r.help("convolution_backward_data", r.image(n.inputs[0]), weight, size=size, stride=tuple(strides),
               padding=sides, dilation=tuple(dilations), groups=groups)  # fmt: skip
    r.give_image(n.outputs[0], r.help("add", y, r.plain(n.inputs[2])) if n.input(2) else y)


CONV2D = Onnx(write_conv2d, {"Conv": Reading(read_conv, 1, 22), "ConvTranspose": Reading(read_conv_transpose, 1, 22)})
DEPTHWISE = Onnx(write_conv2d)
SEPARABLE = Onnx(write_separable)
CORE = Onnx(write_convolution)
