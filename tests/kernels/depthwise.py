"""Calls the depthwise kernels with arrays, and says in NumPy and float64 what they have to leave."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from typing import Any

import numpy as np

from nngraph.emit.cache import user_cache
from nngraph_kernels.cpu import depthwise, depthwise_backward
from nngraph_kernels.cpu.depthwise import DepthwiseSpec
from nngraph_kernels.cpu.depthwise_backward import DepthwiseBackwardSpec
from nngraph_kernels.cpu.depthwise_layout import Geometry, Layout, backward_layout, block_of, forward_layout

POISON = 77.0
MARGIN = 32
Array = np.ndarray[Any, Any]
Mixed = Sequence[tuple[Array, Array, Array, Array]]  # x, mean, factor, offset of each value


def geometry(
    image: tuple[int, int], channels: int, size: Any, stride: Any = 1, dilation: Any = 1, padding: Any = None
) -> Geometry:
    """With padding ((top, bottom), (left, right)), or as much as keeps the size at stride 1."""
    (rows, columns), (down, across), dilated = pair(size), pair(stride), pair(dilation)
    reach = (rows - 1) * dilated[0], (columns - 1) * dilated[1]
    sides = padding or tuple((r // 2, r - r // 2) for r in reach)
    result = tuple((image[a] + sum(sides[a]) - reach[a] - 1) // (down, across)[a] + 1 for a in (0, 1))
    corner = (sides[0][0], sides[1][0])
    return Geometry(image, result, channels, corner, (rows, columns), (down, across), dilated)


def pair(given: Any) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else given


@cache
def entry(template: Any, spec: Any) -> Callable[..., None]:
    """The compiled kernel."""
    name = "ng_" + sha1(template.source("kernel", spec).encode()).hexdigest()[:16]
    address = user_cache().entries({name: template.source(name, spec)})[name]
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def launch(template: Any, spec: Any, slots: dict[str, Any], listed: Sequence[Array], threads: int) -> None:
    values = [slots[name] for name in template.arguments(spec)] + list(listed)
    block = np.array([v.ctypes.data if isinstance(v, np.ndarray) else v for v in values], np.int64)
    for thread in range(threads):
        entry(template, spec)(block.ctypes.data, thread, threads)


def sizes(g: Geometry, layout: Layout, images: int, values: int, threads: int, dtype: str) -> dict[str, Any]:
    """The slots that all kernels have; the scratch memory is full of NaN."""
    (rows, columns), (down, across), (down_dilation, across_dilation) = g.size, g.stride, g.dilation
    return {
        "images": images, "height": g.image[0], "width": g.image[1], "result_height": g.result[0],
        "result_width": g.result[1], "channels": g.channels, "top": g.corner[0], "left": g.corner[1],
        "bundle": layout.bundle, "slots": layout.slots, "row": layout.row, "lead": layout.lead, "groups": layout.groups,
        "share": layout.share, "rows": rows, "columns": columns, "down": down, "across": across,
        "down_dilation": down_dilation, "across_dilation": across_dilation, "values": values,
        "scratch": np.full(layout.share * threads, np.nan, dtype),
    }  # fmt: skip


class Poisoned:
    """An output that is poison before, inside and around."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.whole = np.full(int(np.prod(shape)) + 2 * MARGIN, POISON, dtype)
        self.data = self.whole[MARGIN:-MARGIN].reshape(shape)

    def checked(self) -> Array:
        assert (self.whole[:MARGIN] == POISON).all()
        assert (self.whole[-MARGIN:] == POISON).all()
        return self.data


def forward(
    g: Geometry, x: Array | Mixed, weight: Array, s: Array | None = None, square: bool = False, threads: int = 1
) -> Array:
    """y of one image batch x, or of values mixed with weights s."""
    dtype, images, values = str(weight.dtype), len(first_of(x)), 0 if s is None else len(s)
    spec = DepthwiseSpec(block_of(dtype, g.channels), g.square if square else None, s is not None)
    layout = forward_layout(g, dtype, values)
    y = Poisoned((images, *g.result, g.channels), dtype)
    slots = sizes(g, layout, images, values, threads, dtype) | {"y": y.data, "x": x, "s": s, "weight": weight}
    launch(depthwise, spec, slots, listed(x, s), threads)
    return y.checked()


def backward(
    wanted: Any, g: Geometry, x: Array | Mixed, dy: Array, weight: Array, s: Array | None = None,
    square: bool = False, threads: int = 1, pieces: int = 32,
) -> list[Array]:  # fmt: skip
    """The outputs of the kernel, in order."""
    dtype, images, values = str(weight.dtype), len(dy), 0 if s is None else len(s)
    chosen = g.square if square else None
    spec = DepthwiseBackwardSpec(block_of(dtype, g.channels), wanted, chosen)
    layout = backward_layout(g, dtype, chosen, values)
    image = {"dx" if wanted == "data" else "dp": (images, *g.image, g.channels)}
    sums = {"dweight": (pieces, *g.size, g.channels)}
    others = {"total": (pieces, g.channels), "centered": (pieces, values, g.channels)}
    shapes = {"data": image, "weight": sums, "mixed": image | sums | others}[wanted]
    outputs = {name: Poisoned(shape, dtype) for name, shape in shapes.items()}
    slots = sizes(g, layout, images, values, threads, dtype) | {"x": x, "s": s, "weight": weight, "dy": dy}
    slots |= {"pieces": images if wanted == "data" else pieces} | {n: o.data for n, o in outputs.items()}
    launch(depthwise_backward, spec, slots, listed(x, s), threads)
    return [output.checked() for output in outputs.values()]


def first_of(x: Array | Mixed) -> Array:
    return x if isinstance(x, np.ndarray) else x[0][0]


def listed(x: Array | Mixed, s: Array | None) -> list[Array]:
    return [] if s is None else [array for value in x for array in value]


def mixture(x: Mixed, s: Array) -> Array:
    """Σ s_i ((x_i − mean_i) factor_i + offset_i), in float64."""
    wide = [[array.astype("d") for array in value] for value in x]
    return sum(w * ((v - mean) * factor + offset) for w, (v, mean, factor, offset) in zip(s, wide, strict=True))


def window_places(g: Geometry):
    """For each tap the rows and columns of the padded image that the results see there."""
    for ky, kx in np.ndindex(g.size):
        top, left = ky * g.dilation[0], kx * g.dilation[1]
        rows = slice(top, top + (g.result[0] - 1) * g.stride[0] + 1, g.stride[0])
        columns = slice(left, left + (g.result[1] - 1) * g.stride[1] + 1, g.stride[1])
        yield (ky, kx), (slice(None), rows, columns)


def padded_zeros(g: Geometry, images: int) -> tuple[Array, tuple[slice, ...]]:
    """An image as large as any tap needs, and where the image without padding stands in it."""
    (top, left), (height, width) = g.corner, g.image
    need = [(g.result[a] - 1) * g.stride[a] + (g.size[a] - 1) * g.dilation[a] + 1 for a in (0, 1)]
    shape = (images, max(need[0], top + height), max(need[1], left + width), g.channels)
    return np.zeros(shape), (slice(None), slice(top, top + height), slice(left, left + width))


def convolved(g: Geometry, x: Array, weight: Array) -> Array:
    padded, inside = padded_zeros(g, len(x))
    padded[inside] = x
    return sum(padded[place] * weight.astype("d")[tap] for tap, place in window_places(g))


def data_gradient(g: Geometry, dy: Array, weight: Array) -> Array:
    padded, inside = padded_zeros(g, len(dy))
    for tap, place in window_places(g):
        padded[place] += dy * weight.astype("d")[tap]
    return padded[inside]


def weight_gradient(g: Geometry, x: Array, dy: Array) -> Array:
    padded, inside = padded_zeros(g, len(dy))
    padded[inside] = x
    found = np.zeros((*g.size, g.channels))
    for tap, place in window_places(g):
        found[tap] = (padded[place] * dy).sum((0, 1, 2))
    return found
