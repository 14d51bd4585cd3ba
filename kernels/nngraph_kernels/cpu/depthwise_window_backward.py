"""The window of a depthwise convolution taken backward, over rows in the L1 cache.

Primitives, written as instructions. A vector of the cotangent that is loaded serves both gradients: times a weight
it adds to the cotangent of a pixel, times that pixel it adds to the gradient of the weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from nngraph_kernels.cpu.depthwise_layout import PIXELS, Block, Pair, power_of_two
from nngraph_kernels.cpu.depthwise_rows import Channels
from nngraph_kernels.cpu.depthwise_window import row_of
from nngraph_kernels.cpu.flow import declared, moved, short_loop, short_reduction, zero_vector
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.memory import load, store
from nngraph_kernels.simd.register import Pointer, Register


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which gradients a kernel computes: that of the data, of the weight, or both."""

    data: bool
    weight: bool


@cache
def square_transposer(block: Block, square: Pair, wanted: Wanted) -> Any:
    """A function for kernels, `go_back(ring, row, zeros, down, height, weight, channels, start, count, r, dr, sums)`.

    For row `down` of the padded image, and the ring of the `height` rows of the cotangent: the row of the data's
    cotangent is left in `dr`, and for each tap the sum over the row of what it meets times `r`, the row of the
    image, is added to `sums`. A row is `count` groups, of which the first reads the ring from vector `start` on.
    Where the stride is not 1, rows and columns meet the taps that have their remainder.
    """
    lanes, (size, stride) = block.lanes, square

    def go_back(ring, row, zeros, down, height, weight, channels, start, count, r, dr, sums) -> None:
        held = Channels(block, channels)
        taps = [held.read(weight, channels * tap) for tap in range(size * size)] if wanted.data else []
        bottom = down >> (stride.bit_length() - 1)
        slots = power_of_two((size - 1) // stride + 1)
        for phase in range(stride):
            with down.builder.if_then((down & (stride - 1)).equals(phase).value):
                rows = {
                    ky: row_of(ring, row, zeros, bottom + (phase - ky) // stride, height, slots)
                    for ky in range(size)
                    if (phase - ky) % stride == 0
                }
                with short_loop(0, count) as g:
                    first = (start + g * (PIXELS // stride)) * lanes
                    seen = {ky: moved(dy, first) for ky, dy in rows.items()}
                    here = g * (PIXELS * lanes)
                    _meet(block, square, wanted, seen, taps, moved(r, here), moved(dr, here), sums)

    return declared(go_back, block.dtype, "pnpnnpnnnppp", (block, square, wanted))


def _meet(
    block: Block, square: Pair, wanted: Wanted, seen: dict[int, Pointer], taps: list[Register],
    r: Pointer, dr: Pointer, sums: Pointer,
) -> None:  # fmt: skip
    """One group of pixels: every vector of the rows `seen` meets the pixels and taps that it has to."""
    lanes, (size, stride) = block.lanes, square
    pixels = [load(r, p * lanes, lanes) for p in range(PIXELS)] if wanted.weight else []
    cotangents = [zero_vector(r.builder, block.dtype, lanes)] * PIXELS
    columns = meetings(size, stride)
    for ky, dy in seen.items():
        totals = [load(sums, (ky * size + kx) * lanes, lanes) for kx in range(size)] if wanted.weight else []
        for column, pairs in columns.items():
            vector = load(dy, column * lanes, lanes)
            for p, kx in pairs:
                if wanted.data:
                    cotangents[p] = fma(vector, taps[ky * size + kx], cotangents[p])
                if wanted.weight:
                    totals[kx] = fma(vector, pixels[p], totals[kx])
        for kx, total in enumerate(totals):
            store(sums, (ky * size + kx) * lanes, total)
    if wanted.data:
        for p, cotangent in enumerate(cotangents):
            store(dr, p * lanes, cotangent)


def meetings(size: int, stride: int) -> dict[int, list[Pair]]:
    """For each column of the cotangent that a group reads, the (pixel, tap) that it joins."""
    found: dict[int, list[Pair]] = {}
    for p in range(PIXELS):
        for kx in range(size):
            if (p - kx) % stride == 0:
                found.setdefault((p - kx) // stride, []).append((p, kx))
    return dict(sorted(found.items()))


@cache
def any_transposer(block: Block, wanted: Wanted) -> Any:
    """A function for kernels, `go_back(dy, dilation, columns, weight, channels, count, r, dr, sums)`.

    One row of the window, of `columns` taps `dilation` apart, and the row `dy` that it meets, from where the first
    tap meets the first pixel, with zeros between its columns: adds to `dr` and to `sums`.
    """
    lanes = block.lanes

    def go_back(dy, dilation, columns, weight, channels, count, r, dr, sums) -> None:
        held = Channels(block, channels)
        with short_loop(0, count) as g:
            steps = [(g * PIXELS + p) * lanes for p in range(PIXELS)]
            pixels = [load(r, step, lanes) for step in steps] if wanted.weight else []
            starts = [load(dr, step, lanes) for step in steps] if wanted.data else []
            with short_reduction(columns, starts) as (kx, cotangents, results):
                back = kx * dilation * lanes
                vectors = [load(dy, step - back, lanes) for step in steps]
                if wanted.data:
                    w = held.read(weight, kx * channels)
                    results += [fma(v, w, d) for v, d in zip(vectors, cotangents, strict=True)]
                if wanted.weight:
                    total = load(sums, kx * lanes, lanes)
                    for vector, pixel in zip(vectors, pixels, strict=True):
                        total = fma(vector, pixel, total)
                    store(sums, kx * lanes, total)
            for step, cotangent in zip(steps, results, strict=False):
                store(dr, step, cotangent)

    return declared(go_back, block.dtype, "pnnpnnppp", (block, wanted))
