"""Pooling in ONNX: windows of images as they are, all others axis by axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Pattern, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ops.onnx.direct import expect, recognized
from nngraph.ops.onnx.windows import Axis, as_image, axes_of, give_pixels, of_two, padding_of, pair, sliding
from nngraph.ops.windows import window_at

LOWEST = float(np.finfo(np.float32).min)


def write_max_pool(w: Writer, node: Node) -> None:
    (x,) = node.inputs
    w.give_image(node.result, w.add("MaxPool", w.image(x), **sliding(window_at(x.type, **node.attributes))))


def write_average_pool(w: Writer, node: Node) -> None:
    (x,), given = node.inputs, dict(node.attributes)
    counted = given.pop("include_padding")
    place = sliding(window_at(x.type, **given))
    w.give_image(node.result, w.add("AveragePool", w.image(x), count_include_pad=int(counted), **place))


def write_global_average(w: Writer, node: Node) -> None:
    w.give(node.result, w.add("Flatten", w.add("GlobalAveragePool", w.image(node.inputs[0])), axis=1))


def write_global_max(w: Writer, node: Node) -> None:
    w.give(node.result, w.add("Flatten", w.add("GlobalMaxPool", w.image(node.inputs[0])), axis=1))


def read_global(r: Reader, n: OnnxNode) -> None:
    """The result has ones where the image had its size, which ours has not."""
    rank = len(r.shape(n.inputs[0]))
    if rank == 4 or not r.static:
        expect(rank == 4, f"images of two axes expected, {rank - 2} given")
        y = r.make(r.op, r.image(n.inputs[0]))
    else:
        y = r.help({"global_max_pool": "max"}.get(r.op, "mean"), r.image(n.inputs[0]), axis=tuple(range(1, rank - 1)))
    r.give(n.outputs[0], y, (0, 1, *(None,) * (rank - 2)))


def match_global(operator: str, op: str) -> Callable[[Pattern, OnnxNode], OnnxNode | None]:
    """What recognizes a global pooling whose axes of size 1 are taken off."""

    def match(p: Pattern, n: OnnxNode) -> OnnxNode | None:
        inner = p.producer(n.inputs[0], operator) if n.attributes.get("axis", 1) == 1 else None
        return None if inner is None else OnnxNode(n.name, f"nngraph:{op}", 0, inner.inputs, n.outputs)

    return match


def read_recognized_global(r: Reader, n: OnnxNode) -> None:
    rank = len(r.shape(n.inputs[0]))
    expect(rank == 4, f"images of two axes expected, {rank - 2} given")
    r.give(n.outputs[0], r.make(r.op, r.image(n.inputs[0])))


def read_max_pool(r: Reader, n: OnnxNode) -> None:
    axes = axes_of(r, n, tuple(n.attributes["kernel_shape"]))
    if n.wants(1):
        read_with_places(r, n, axes)
    elif direct(axes):
        given = of_two(axes)
        y = r.make("max_pool", as_image(r, n.inputs[0]), **attributes(given))
        give_pixels(r, n.outputs[0], y, len(axes) + 2)
    else:
        y = r.image(n.inputs[0])
        for k, axis in enumerate(axes, 1):
            y = largest(r, [tap for _, tap in taps(r, y, [(k, axis)], LOWEST)])
        r.give_image(n.outputs[0], y)


def read_average_pool(r: Reader, n: OnnxNode) -> None:
    """A mean over a window is a sum along each axis, over the numbers of places that count along each."""
    axes = axes_of(r, n, tuple(n.attributes["kernel_shape"]))
    counted = bool(n.attributes.get("count_include_pad", 0))
    if direct(axes) and not (counted and any(axis.extra for axis in axes)):
        padded = {"include_padding": True} if counted and any(axis.before or axis.after for axis in axes) else {}
        y = r.make("average_pool", as_image(r, n.inputs[0]), **attributes(of_two(axes)), **padded)
        give_pixels(r, n.outputs[0], y, len(axes) + 2)
        return
    y = r.image(n.inputs[0])
    for k, axis in enumerate(axes, 1):
        total = [tap for _, tap in taps(r, y, [(k, axis)], 0.0)]
        y = total[0]
        for tap in total[1:]:
            y = r.help("add", y, tap)
        share = 1 / places_counted(axis, counted).reshape(-1, *(1,) * (len(axes) - k + 1))
        y = r.help("multiply", y, r.constant(share.astype(r.type(y).dtype)))
    r.give_image(n.outputs[0], y)


def places_counted(axis: Axis, padding: bool) -> np.ndarray:
    """For each window along an axis how many of its places are on the image, or on it and its padding."""
    place = np.arange(axis.result)[:, None] * axis.stride + np.arange(axis.size) * axis.dilation - axis.before
    low, high = (-axis.before, axis.image + axis.after) if padding else (0, axis.image)
    return ((place >= low) & (place < high)).sum(1)


def direct(axes: tuple[Axis, ...]) -> bool:
    """Whether our pooling has such windows: on images, without holes, none of which sees padding alone."""
    return len(axes) <= 2 and all(
        axis.dilation == 1 and max(axis.before, axis.after + axis.extra) < axis.size for axis in axes
    )


def attributes(axes: tuple[Axis, ...]) -> dict[str, Any]:
    size, stride = pair(tuple(axis.size for axis in axes)), pair(tuple(axis.stride for axis in axes))
    moved = {} if stride == size else {"stride": stride}
    return {"size": size, "padding": padding_of(axes, "valid"), **moved}


def taps(r: Reader, x: Any, along: list[tuple[int, Axis]], value: float) -> list[tuple[tuple[int, ...], Any]]:
    """For each place in the window what all windows see there: strided parts of the padded image."""
    expect(r.static, "a window with holes, of more than two axes, or on padding alone is read only with fixed sizes")
    sizes = [dim for dim in r.type(x).shape if isinstance(dim, int)]
    starts, whole, result, steps = [0] * len(sizes), list(sizes), list(sizes), [1] * len(sizes)
    for k, axis in along:
        starts[k] = axis.before
        reach = (axis.result - 1) * axis.stride + (axis.size - 1) * axis.dilation + 1
        whole[k] = max(axis.before + axis.image, reach)
        result[k], steps[k] = axis.result, axis.stride
    if whole != sizes:
        x = r.help("place", x, starts=tuple(starts), shape=tuple(whole), steps=(1,) * len(sizes), value=value)
    found: list[tuple[tuple[int, ...], Any]] = []
    for place in product(*(range(axis.size) for _, axis in along)):
        at = [0] * len(sizes)
        for (k, axis), tap in zip(along, place, strict=True):
            at[k] = tap * axis.dilation
        found.append((place, r.help("crop", x, starts=tuple(at), shape=tuple(result), steps=tuple(steps))))
    return found


def largest(r: Reader, values: list[Any]) -> Any:
    y = values[0]
    for value in values[1:]:
        y = r.help("maximum", y, value)
    return y


def read_with_places(r: Reader, n: OnnxNode, axes: tuple[Axis, ...]) -> None:
    """The largest of each window, and where it is in the whole tensor: the first of several."""
    expect(r.static, "places of the largest are read only with fixed sizes")
    x = r.image(n.inputs[0])
    seen = taps(r, x, list(enumerate(axes, 1)), LOWEST)
    y = largest(r, [tap for _, tap in seen])
    index = None
    beyond = r.constant(np.array(2**31 - 1, np.int32))
    for place, tap in seen:
        here = r.help("where", r.help("equal", tap, y), r.constant(places(r, n, axes, place)), beyond)
        index = here if index is None else r.help("minimum", index, here)
    r.give_image(n.outputs[0], y)
    r.give_image(n.outputs[1], index)


def places(r: Reader, n: OnnxNode, axes: tuple[Axis, ...], place: tuple[int, ...]) -> np.ndarray:
    """For each window (batch, rows, ..., channels) the flat index, channels first, of one of its places.

    Images count row by row, or with `storage_order` column by column.
    """
    shape = tuple(dim for dim in r.shape(n.inputs[0]) if isinstance(dim, int))
    along = [np.arange(a.result) * a.stride + tap * a.dilation - a.before for a, tap in zip(axes, place, strict=True)]
    batch, channels, inner = np.arange(shape[0]), np.arange(shape[1]), math.prod(shape[2:])
    grid = np.meshgrid(batch, *along, channels, indexing="ij")
    index = (grid[0] * shape[1] + grid[-1]) * inner
    columns = n.attributes.get("storage_order", 0)
    for k, where in enumerate(grid[1:-1]):
        index = index + where * math.prod(shape[2 : 2 + k] if columns else shape[3 + k :])
    return index.astype(np.int32)


MAX_POOL = Onnx(write_max_pool, {"MaxPool": Reading(read_max_pool, 1, 22)})
AVERAGE_POOL = Onnx(write_average_pool, {"AveragePool": Reading(read_average_pool, 1, 22)})
GLOBAL_AVERAGE_POOL = Onnx(
    write_global_average,
    {
        "GlobalAveragePool": Reading(read_global, 1, 22),
        **recognized(read_recognized_global, "global_average_pool"),
    },
    {"Flatten": match_global("GlobalAveragePool", "global_average_pool")},
)
GLOBAL_MAX_POOL = Onnx(
    write_global_max,
    {"GlobalMaxPool": Reading(read_global, 1, 22), **recognized(read_recognized_global, "global_max_pool")},
    {"Flatten": match_global("GlobalMaxPool", "global_max_pool")},
)
