"""The window of a depthwise convolution taken backward, over rows in the L1 cache.

A vector of the cotangent that is loaded serves both gradients: times a weight it adds to the cotangent of a pixel,
times that pixel it adds to the gradient of the weight.
"""

from __future__ import annotations

from nngraph_kernels.cpu.depthwise_layout import PIXELS, Pair
from nngraph_kernels.cpu.depthwise_rows import Channels, Ring
from nngraph_kernels.cpu.flow import moved, short_loop, short_reduction, zero_vector
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.memory import load, store
from nngraph_kernels.simd.register import Pointer, Register


@record(eq=False)
class Gradients:
    """What one row of the image gives, of which a block of channels is held.

    Attributes
    ----------
    data, weight : bool
        Which gradients are wanted.
    groups : Register
        Steps of `PIXELS` in the row.
    r, dr : Pointer
        The row, read for the weight's gradient, and its cotangent, written.
    sums : Pointer
        For each tap the sum of what it meets times `r`, added to.
    """

    held: Channels
    data: bool
    weight: bool
    groups: Register
    r: Pointer
    dr: Pointer
    sums: Pointer


def go_back_square(g: Gradients, square: Pair, ring: Ring, down: Register, weight: Pointer, start: Register) -> None:
    """For row `down` of the padded image, and the ring of the cotangent's rows, which it reads from vector `start` on.

    Where the stride is not 1, rows and columns meet the taps that have their remainder.
    """
    (size, stride), lanes, held = square, g.held.block.lanes, g.held
    taps = [held.read(weight, held.count * tap) for tap in range(size * size)] if g.data else []
    bottom = down >> (stride.bit_length() - 1)
    for phase in range(stride):
        with down.builder.if_then((down & (stride - 1)).equals(phase).value):
            rows = {ky: ring.seen(bottom + (phase - ky) // stride) for ky in range(size) if (phase - ky) % stride == 0}
            with short_loop(0, g.groups) as group:
                first = (start + group * (PIXELS // stride)) * lanes
                _meet(g, square, {ky: moved(dy, first) for ky, dy in rows.items()}, taps, group * (PIXELS * lanes))


def _meet(g: Gradients, square: Pair, seen: dict[int, Pointer], taps: list[Register], here: Register) -> None:
    """One group of pixels: every vector of the rows `seen` meets the pixels and taps that it has to."""
    lanes, (size, stride) = g.held.block.lanes, square
    r, dr = moved(g.r, here), moved(g.dr, here)
    pixels = [load(r, p * lanes, lanes) for p in range(PIXELS)] if g.weight else []
    cotangents = [zero_vector(r.builder, g.held.block.dtype, lanes)] * PIXELS
    columns = meetings(size, stride)
    for ky, dy in seen.items():
        totals = [load(g.sums, (ky * size + kx) * lanes, lanes) for kx in range(size)] if g.weight else []
        for column, pairs in columns.items():
            vector = load(dy, column * lanes, lanes)
            for p, kx in pairs:
                if g.data:
                    cotangents[p] = fma(vector, taps[ky * size + kx], cotangents[p])
                if g.weight:
                    totals[kx] = fma(vector, pixels[p], totals[kx])
        for kx, total in enumerate(totals):
            store(g.sums, (ky * size + kx) * lanes, total)
    if g.data:
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


def go_back_row(g: Gradients, dy: Pointer, columns: Register, dilation: Register, weight: Pointer) -> None:
    """One row of the window, of `columns` taps `dilation` apart, and the row `dy` of the cotangent that it meets.

    `dy` begins where the first tap meets the first pixel, with zeros between its columns. Adds to `dr` and to `sums`.
    """
    lanes, held = g.held.block.lanes, g.held
    with short_loop(0, g.groups) as group:
        steps = [(group * PIXELS + p) * lanes for p in range(PIXELS)]
        pixels = [load(g.r, step, lanes) for step in steps] if g.weight else []
        starts = [load(g.dr, step, lanes) for step in steps] if g.data else []
        with short_reduction(columns, starts) as (kx, cotangents, results):
            back = kx * dilation * lanes
            vectors = [load(dy, step - back, lanes) for step in steps]
            if g.data:
                w = held.read(weight, kx * held.count)
                results += [fma(v, w, d) for v, d in zip(vectors, cotangents, strict=True)]
            if g.weight:
                total = load(g.sums, kx * lanes, lanes)
                for vector, pixel in zip(vectors, pixels, strict=True):
                    total = fma(vector, pixel, total)
                store(g.sums, kx * lanes, total)
        for step, cotangent in zip(steps, results, strict=False):
            store(g.dr, step, cotangent)
