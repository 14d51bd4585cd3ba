"""The window of a depthwise convolution over rows in the L1 cache, its taps unrolled where they are constants.

The sums of `PIXELS` neighboring pixels stay in registers, and a vector that is loaded serves every pixel and tap that
it meets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nngraph_kernels.cpu.depthwise_layout import Pair
from nngraph_kernels.cpu.depthwise_rows import Channels, Ring, groups
from nngraph_kernels.cpu.flow import ask_for, moved, short_reduction, zero_vector
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.memory import load
from nngraph_kernels.simd.register import Pointer, Register


def convolve_square(
    square: Pair, held: Channels, ring: Ring, top: Register, weight: Pointer, width: Register, y: Pointer
) -> None:
    """One row y of the result, whose window begins at row `top` of the image."""
    (size, stride), lanes = square, held.block.lanes
    rows = [ring.seen(top + ky) for ky in range(size)]
    weights = [held.read(weight, held.count * tap) for tap in range(size * size)]
    zero = zero_vector(width.builder, held.block.dtype, lanes)

    def write(j: Register, pixels: int) -> None:
        sums, start = [zero] * pixels, j * (stride * lanes)
        for p in range(pixels):  # the next row's place: by then it is there to be written
            ask_for(moved(y, (j + p + width) * held.count), write=True)
        for ky in range(size):
            for column in range((pixels - 1) * stride + size):
                x = load(rows[ky], start + column * lanes, lanes)
                for p in range(pixels):
                    if 0 <= (kx := column - p * stride) < size:
                        sums[p] = fma(x, weights[ky * size + kx], sums[p])
        for p, total in enumerate(sums):
            held.write(y, (j + p) * held.count, total)

    groups(width, write)


def convolve_any(
    window: Mapping[str, Any], held: Channels, ring: Ring, top: Register, weight: Pointer, width: Register, y: Pointer
) -> None:
    """The same for a window whose rows, columns, stride and dilation are arguments."""
    lanes, columns, across = held.block.lanes, window["columns"], window["across"]
    zero = zero_vector(width.builder, held.block.dtype, lanes)

    def write(j: Register, pixels: int) -> None:
        with short_reduction(window["rows"], [zero] * pixels) as (ky, sums, after_row):
            x = ring.seen(top + ky * window["down_dilation"])
            with short_reduction(columns, sums) as (kx, so_far, after_tap):
                w = held.read(weight, (ky * columns + kx) * held.count)
                for p, total in enumerate(so_far):
                    at = ((j + p) * across + kx * window["across_dilation"]) * lanes
                    after_tap.append(fma(load(x, at, lanes), w, total))
            after_row += after_tap
        for p, total in enumerate(after_row):
            held.write(y, (j + p) * held.count, total)

    groups(width, write)
