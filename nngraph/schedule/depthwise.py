"""Depthwise convolutions and their gradients as calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from nngraph.ir.graph import Node, Value
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import ITEM_SIZE, Dim, Shape
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu import depthwise, depthwise_backward
from nngraph_kernels.cpu.depthwise import DepthwiseSpec
from nngraph_kernels.cpu.depthwise_backward import DepthwiseBackwardSpec
from nngraph_kernels.cpu.depthwise_layout import (
    Geometry,
    Layout,
    backward_layout,
    block_of,
    forward_layout,
)

Scratch = Callable[[int], int]


def schedule_forward(node: Node) -> list[KernelCall]:
    """A depthwise convolution of images."""
    x, weight = node.inputs
    return [forward_call(node, x, weight, 0)]


def schedule_mixed(node: Node) -> list[KernelCall]:
    """Of a mixture of values, which are the listed inputs."""
    _, weight, x, *_ = node.inputs
    return [forward_call(node, x, weight, len(node.inputs) - 2)]


def forward_call(node: Node, x: Value, weight: Value, listed: int) -> KernelCall:
    geometry = geometry_of(node, x.type.shape, weight.type.shape[:2], node.result.type.shape)
    values = listed // 4
    spec = DepthwiseSpec(block_of(x.type.dtype, geometry.channels), geometry.square, listed > 0)
    layout = forward_layout(geometry, x.type.dtype, values)
    slots = {**sizes(geometry, layout), "images": x.type.shape[0], "values": values}
    return call(node, Kernel("depthwise", spec), layout, slots, depthwise.arguments(spec), listed)


def schedule_data(node: Node) -> list[KernelCall]:
    """The gradient of the images: as many pieces as images."""
    dy, weight = node.inputs
    x = node.result.type.shape
    geometry = geometry_of(node, x, weight.type.shape[:2], dy.type.shape)
    return [backward_call(node, "data", geometry, dy.type.dtype, x[0], x[0], 0)]


def schedule_weight(node: Node) -> list[KernelCall]:
    """The gradient of the weight, in pieces of the batch."""
    x, dy = node.inputs
    geometry = geometry_of(node, x.type.shape, node.attributes["kernel_size"], dy.type.shape)
    return [backward_call(node, "weight", geometry, x.type.dtype, x.type.shape[0], node.result.type.shape[0], 0)]


def schedule_mixed_backward(node: Node) -> list[KernelCall]:
    """All gradients of a convolution of a mixture."""
    dy, _, weight, x, *_ = node.inputs
    geometry = geometry_of(node, x.type.shape, weight.type.shape[:2], dy.type.shape)
    pieces, listed = node.results[1].type.shape[0], len(node.inputs) - 3
    return [backward_call(node, "mixed", geometry, x.type.dtype, x.type.shape[0], pieces, listed)]


def backward_call(
    node: Node, wanted: Any, geometry: Geometry, dtype: str, images: Dim, pieces: Dim, listed: int
) -> KernelCall:
    values = listed // 4
    spec = DepthwiseBackwardSpec(block_of(dtype, geometry.channels), wanted, geometry.square)
    layout = backward_layout(geometry, dtype, geometry.square, values)
    slots = {**sizes(geometry, layout), "images": images, "pieces": pieces, "values": values}
    names = depthwise_backward.arguments(spec)
    return call(node, Kernel("depthwise_backward", spec), layout, slots, names, listed)


def geometry_of(node: Node, image: Shape, size: Any, result: Shape) -> Geometry:
    """The sizes of the convolution that takes `image` to `result`."""
    (top, _), (left, _) = node.attributes["padding"]
    known: Any = (image[1:3], result[1:3], image[3], (top, left), tuple(size))
    image_size, result_size, channels, corner, window = known
    stride, dilation = node.attributes["stride"], node.attributes["dilation"]
    return Geometry(image_size, result_size, channels, corner, window, stride, dilation)


def sizes(geometry: Geometry, layout: Layout) -> dict[str, Dim]:
    """What the kernels' integers are, by their names."""
    (height, width), (result_height, result_width), (top, left) = geometry.image, geometry.result, geometry.corner
    (rows, columns), (down, across) = geometry.size, geometry.stride
    return {
        "height": height, "width": width, "result_height": result_height, "result_width": result_width,
        "channels": geometry.channels, "top": top, "left": left,
        "bundle": layout.bundle, "slots": layout.slots, "row": layout.row,
        "lead": layout.lead, "groups": layout.groups, "share": layout.share, "rows": rows, "columns": columns,
        "down": down, "across": across, "down_dilation": geometry.dilation[0],
        "across_dilation": geometry.dilation[1],
    }  # fmt: skip


def call(
    node: Node, kernel: Kernel, layout: Layout, slots: dict[str, Dim], names: tuple[str, ...], listed: int
) -> KernelCall:
    assert node.op.flops is not None
    given = [value.type for value in node.inputs]
    return KernelCall(
        kernel, tuple(map(Operand, node.results)), tuple(map(Operand, node.inputs)),
        tuple(slots[name] for name in names if name in slots), (), (node.id,),
        scratch=always(layout.share * ITEM_SIZE[given[0].dtype]), flops=node.op.flops(*given, **node.attributes),
        traffic=traffic((*node.results, *node.inputs)), listed=listed,
    )  # fmt: skip


@cache
def always(nbytes: int) -> Scratch:
    """So many bytes at any batch size."""
    return lambda batch: nbytes
