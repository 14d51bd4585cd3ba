"""Pooling of one row of windows, and its backward of one image, a few vectors of channels at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.channel_vectors import Columns, Vectors, channel_blocks
from nngraph_kernels.cpu.flow import declared, moved, short_loop, short_reduction
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import maximum, select
from nngraph_kernels.simd.register import Pointer, Register, broadcast, constant, convert
from nngraph_kernels.simd.vector_types import LLVM_KINDS

WIDTHS = (4, 2, 1)  # vectors of channels at a time
Step = Callable[[Register, Vectors, Vectors], Vectors]


@record
class Span:
    """What windows see along one axis: `size` pixels, `stride` apart, the first `before` pixels before the image."""

    size: Register
    stride: Register
    before: Register
    limit: Register

    def end(self, place: Register) -> Register:
        """Behind the last pixel that window `place` sees."""
        stop = place * self.stride - self.before + self.size
        return select(stop < self.limit, stop, self.limit)

    def inside(self, place: Register) -> tuple[Register, Register]:
        """The first pixel that window `place` sees, and how many."""
        start = place * self.stride - self.before
        first = select(start > 0, start, 0)
        return first, self.end(place) - first


@record
class Window:
    """What one window sees: `down` rows of `across` pixels, in an image whose rows are `row` elements apart."""

    down: Register
    across: Register
    row: Register
    channels: Register

    def walk(self, x: Pointer, block: Columns, starts: Vectors, step: Step) -> Vectors:
        """Carry values over the pixels, row by row: `step(number of the pixel, values so far, pixel)`."""
        with short_reduction(self.down, starts) as (i, carried, found):
            here = moved(x, i * self.row)
            with short_reduction(self.across, carried) as (j, so_far, result):
                result += step(i * self.across + j, so_far, block.load(moved(here, j * self.channels)))
            found += result
        return found

    def add(self, dx: Pointer, block: Columns, term: Callable[[Register], Vectors]) -> None:
        """Add `term(number of the pixel)` to each pixel."""
        with short_loop(0, self.down) as i, short_loop(0, self.across) as j:
            here = moved(dx, i * self.row + j * self.channels)
            pairs = zip(block.load(here), term(i * self.across + j), strict=True)
            block.store(here, [old + new for old, new in pairs])

    def share(self, taps: Register, counted: Register, dtype: str) -> Register:
        """One over the number of pixels that the mean is over: `taps` if the padding is counted."""
        number = convert(select(counted > 0, taps, self.down * self.across), dtype)
        return constant(number, 1.0) / number


@cache
def row_pooler(kind: str, dtype: str, lanes: int) -> Any:
    """A function for kernels, `pool_row(x, seen, width, channels, columns, size_y, size_x, stride, left, counted, y)`.

    Writes a row of windows, which see `seen` rows of an image from `x` on; `size_y` by `size_x` pixels if all of them
    were inside.
    """

    def pool_row(x, seen, width, channels, columns, size_y, size_x, stride, left, counted, y) -> None:
        span = Span(size_x, stride, left, width)
        with short_loop(0, columns) as ox:
            first, across = span.inside(ox)
            window = Window(seen, across, width * channels, channels)
            for c, block in channel_blocks(channels, lanes, WIDTHS):
                pixels = moved(x, first * channels + c)
                if kind == "max":
                    found = window.walk(pixels, block, _filled(block, pixels, float("-inf")), _largest)
                else:
                    share = broadcast(window.share(size_y * size_x, counted, dtype), lanes)
                    total = window.walk(pixels, block, _filled(block, pixels, 0.0), _sum)
                    found = [value * share for value in total]
                block.store(moved(y, ox * channels + c), found)

    return declared(pool_row, dtype, "pnnnnnnnnnp", (kind, dtype, lanes))


@cache
def image_spreader(kind: str, dtype: str, lanes: int) -> Any:
    """A function for kernels, `spread_image(dx, x, dy, part, *geometry)`; of "average" without `x`.

    Of the `part` channels at the pointers; `geometry` is `GEOMETRY` of `pooling` without the images. Each window adds
    to the pixels that it sees, in order; they are set to zero just before the first window that reaches them.
    """

    def spread(dx, x, dy, part, height, width, channels, rows, columns, size_y, size_x, *places) -> None:
        stride_y, stride_x, top, left, counted = places
        vertical, horizontal = Span(size_y, stride_y, top, height), Span(size_x, stride_x, left, width)
        for c, block in channel_blocks(part, lanes, WIDTHS):
            with short_loop(0, rows) as oy:
                reached = select(oy + 1 < rows, vertical.end(oy), height)
                _clear(moved(dx, c), block, select(oy > 0, vertical.end(oy - 1), 0) * width, reached * width, channels)
                y, down = vertical.inside(oy)
                with short_loop(0, columns) as ox:
                    left_most, across = horizontal.inside(ox)
                    at = (y * width + left_most) * channels + c
                    window = Window(down, across, width * channels, channels)
                    values = block.load(moved(dy, (oy * columns + ox) * channels + c))
                    if kind == "max":
                        term = _to_winners(window, moved(x, at), block, values)
                    else:
                        share = broadcast(window.share(size_y * size_x, counted, dtype), lanes)
                        term = _to_all([value * share for value in values])
                    window.add(moved(dx, at), block, term)

    def spread_average(dx, dy, part, *geometry) -> None:
        spread(dx, None, dy, part, *geometry)

    function, pointers = (spread, "ppp") if kind == "max" else (spread_average, "pp")
    return declared(function, dtype, pointers + "n" * 13, (kind, dtype, lanes))


def _clear(dx: Pointer, block: Columns, start: Register, stop: Register, channels: Register) -> None:
    """Set the pixels from `start` to `stop` to zero."""
    with short_loop(start, stop) as pixel:
        block.store(moved(dx, pixel * channels), block.zeros(dx.builder, dx.dtype))


def _to_winners(window: Window, x: Pointer, block: Columns, values: Vectors) -> Callable[[Register], Vectors]:
    """The cotangent goes to the first of the largest pixels, or to the first NaN, as with NumPy's argmax."""
    vectors = block.vectors
    none = ir.Constant(ir.VectorType(LLVM_KINDS["int32"], block.lanes), None)
    numbers = [Register(x.builder, "int32", block.lanes, none)] * vectors

    def step(number: Register, so_far: Vectors, pixel: Vectors) -> Vectors:
        here = broadcast(convert(number, "int32"), block.lanes)
        better = [~(p <= best) & best.equals(best) for p, best in zip(pixel, so_far[:vectors], strict=True)]
        return [
            *(select(b, p, best) for b, p, best in zip(better, pixel, so_far[:vectors], strict=True)),
            *(select(b, here, old) for b, old in zip(better, so_far[vectors:], strict=True)),
        ]

    winners = window.walk(x, block, _filled(block, x, float("-inf")) + numbers, step)[vectors:]

    def term(number: Register) -> Vectors:
        here = broadcast(convert(number, "int32"), block.lanes)
        return [select(w.equals(here), value, 0.0) for w, value in zip(winners, values, strict=True)]

    return term


def _to_all(values: Vectors) -> Callable[[Register], Vectors]:
    return lambda number: values


def _largest(number: Register, so_far: Vectors, pixel: Vectors) -> Vectors:
    return [maximum(best, value) for best, value in zip(so_far, pixel, strict=True)]


def _sum(number: Register, so_far: Vectors, pixel: Vectors) -> Vectors:
    return [total + value for total, value in zip(so_far, pixel, strict=True)]


def _filled(block: Columns, like: Pointer, value: float) -> Vectors:
    """Vectors of one number that may stand in a phi."""
    element = LLVM_KINDS[like.dtype]
    vector = ir.Constant(ir.VectorType(element, block.lanes), [ir.Constant(element, value)] * block.lanes)
    return [Register(like.builder, like.dtype, block.lanes, vector)] * block.vectors
