"""Templates of pooling and its backward: a thread a number of the result, neighbors side by side.

What lies outside of an image has no part in it. All sizes are arguments. The backward gathers: every pixel goes
over the windows that see it, in their order, and takes its part from each, so that nothing is added at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.pooling import GEOMETRY, PoolingSpec
from nngraph_kernels.cuda.indices import decode, quotient
from nngraph_kernels.cuda.loops import while_loops
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, indent, lying, module, read, write

IMAGES, HEIGHT, WIDTH, CHANNELS, ROWS, COLUMNS = range(6)  # places in `GEOMETRY`


def source(name: str, spec: PoolingSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the forward kernel `name`; its slots are those of `nngraph_kernels.cpu.pooling`."""
    largest = spec.kind == "max"
    y, x = lying((spec.dtype,) * 2, narrow)
    pixel = read(x, "row + j * channels")
    lines = [
        *arguments([("y", y), ("x", x)], GEOMETRY),
        "for e in range(cuda.grid(1), images * rows * columns * channels, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("ox", "columns"), ("oy", "rows"), ("image", "")),
            *span("oy", "y", "height"),
            *span("ox", "x", "width"),
            "place = x + ((image * height + first_y) * width + first_x) * channels + c",
            f"found = {spec.dtype}({'-inf' if largest else '0'})",
            "for i in range(last_y - first_y):",
            "    row = place + i * width * channels",
            "    for j in range(last_x - first_x):",
            f"        found = maximum(found, {pixel})" if largest else f"        found += {pixel}",
            *([] if largest else ["found *= " + share(spec.dtype)]),
            write(y, "y + e", "found"),
        ]),
    ]  # fmt: skip
    return module(name, while_loops(lines, wide={"e", "item"}))


def backward_source(name: str, spec: PoolingSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the backward kernel `name`."""
    largest = spec.kind == "max"
    pointers = ("dx", "x", "dy") if largest else ("dx", "dy")
    dtypes = dict(zip(pointers, lying((spec.dtype,) * len(pointers), narrow), strict=True))
    lines = [
        *arguments(list(dtypes.items()), GEOMETRY),
        "for e in range(cuda.grid(1), images * height * width * channels, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("w", "width"), ("h", "height"), ("image", "")),
            *seen_by("h", "y", "top", "rows"),
            *seen_by("w", "x", "left", "columns"),
            f"total = {spec.dtype}(0)",
            "for oy in range(start_y, stop_y):",
            *indent(span("oy", "y", "height")),
            "    for ox in range(start_x, stop_x):",
            *indent(indent([
                *span("ox", "x", "width"),
                f"value = {read(dtypes['dy'], 'dy + ((image * rows + oy) * columns + ox) * channels + c')}",
                *(winner(spec.dtype, dtypes["x"]) if largest else ["total += value * " + share(spec.dtype)]),
            ])),
            write(dtypes["dx"], "dx + e", "total"),
        ]),
    ]  # fmt: skip
    return module(name, while_loops(lines, wide={"e", "item"}))


def span(place: str, axis: str, limit: str) -> list[str]:
    """The first pixel that window `place` sees along an axis, and the one after the last."""
    before = {"y": "top", "x": "left"}[axis]
    return [
        f"start = {place} * stride_{axis} - {before}",
        f"first_{axis} = max(start, 0)",
        f"last_{axis} = min(start + size_{axis}, {limit})",
    ]


def seen_by(place: str, axis: str, before: str, count: str) -> list[str]:
    """The first window that sees a pixel, and the one after the last."""
    return [
        f"reach = {place} + {before}",
        f"start_{axis} = {quotient(f'max(reach - size_{axis} + stride_{axis}, 0)', f'stride_{axis}')}",
        f"stop_{axis} = min({quotient('reach', f'stride_{axis}')} + 1, {count})",
    ]


def share(dtype: str) -> str:
    """One over the number of pixels that the mean is over."""
    taps = "size_y * size_x if counted > 0 else (last_y - first_y) * (last_x - first_x)"
    return f"({dtype}(1) / {dtype}({taps}))"


def winner(dtype: str, x: str) -> list[str]:
    """Adds `value` if this is the first of the largest pixels of the window, or its first NaN; `x` lie as that type."""
    return [
        f"best = {dtype}(-inf)",
        "won = (first_y * width + first_x) == h * width + w",
        "for i in range(first_y, last_y):",
        "    for j in range(first_x, last_x):",
        f"        pixel_here = {read(x, 'x + ((image * height + i) * width + j) * channels + c')}",
        "        if not pixel_here <= best and best == best:",
        "            best = pixel_here",
        "            won = i == h and j == w",
        "if won:",
        "    total += value",
    ]


def grid(spec: PoolingSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each, of the forward kernel."""
    return shared_out(integers[IMAGES] * integers[ROWS] * integers[COLUMNS] * integers[CHANNELS])


def backward_grid(spec: PoolingSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each, of the backward kernel."""
    return shared_out(integers[IMAGES] * integers[HEIGHT] * integers[WIDTH] * integers[CHANNELS])


def shared_out(work: int) -> tuple[int, int]:
    size = target()
    return max(1, min(-(-work // size.threads), size.blocks)), size.threads
