"""The window of a depthwise convolution over rows in the L1 cache, its taps unrolled where they are constants.

Primitives, written as instructions: the sums of `PIXELS` neighboring pixels stay in registers, and a vector that is
loaded serves every pixel and tap that it meets.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from nngraph_kernels.cpu.depthwise_layout import Block, Pair, power_of_two
from nngraph_kernels.cpu.depthwise_rows import Channels, groups
from nngraph_kernels.cpu.flow import declared, moved, short_reduction, zero_vector
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.memory import load
from nngraph_kernels.simd.register import Pointer, Register


def row_of(ring: Pointer, row: Register, zeros: Pointer, r: Register, height: Register, slots: Any) -> Pointer:
    """Row `r` in a ring of rows of `row` vectors, or the row of zeros where the image has none."""
    builder = r.builder
    inside = (r >= 0) & (r < height)
    address = builder.select(inside.value, moved(ring, (r & (slots - 1)) * row).value, zeros.value)
    return Pointer(builder, ring.dtype, address)


@cache
def square_convolver(block: Block, square: Pair) -> Any:
    """A function for kernels, `convolve(ring, row, zeros, top, height, weight, channels, width, y)`.

    One row of the result, whose window begins at row `top` of the image; `row` counts elements.
    """
    lanes, (size, stride) = block.lanes, square

    def convolve(ring, row, zeros, top, height, weight, channels, width, y) -> None:
        held = Channels(block, channels)
        slots = power_of_two(size)
        rows = [row_of(ring, row, zeros, top + ky, height, slots) for ky in range(size)]
        weights = [held.read(weight, channels * tap) for tap in range(size * size)]
        zero = zero_vector(width.builder, block.dtype, lanes)

        def write(j: Register, pixels: int) -> None:
            sums, start = [zero] * pixels, j * (stride * lanes)
            for ky in range(size):
                for column in range((pixels - 1) * stride + size):
                    x = load(rows[ky], start + column * lanes, lanes)
                    for p in range(pixels):
                        if 0 <= (kx := column - p * stride) < size:
                            sums[p] = fma(x, weights[ky * size + kx], sums[p])
            for p, total in enumerate(sums):
                held.write(y, (j + p) * channels, total)

        groups(width, write)

    return declared(convolve, block.dtype, "pnpnnpnnp", (block, square))


@cache
def any_convolver(block: Block) -> Any:
    """A function for kernels, `convolve(ring, row, zeros, top, height, weight, channels, width, y, ...)`.

    As above; then the slots of the ring, the window's rows and columns, its stride across, its dilation.
    """
    lanes = block.lanes

    def convolve(
        ring, row, zeros, top, height, weight, channels, width, y,
        slots, rows, columns, across, down_dilation, across_dilation,
    ) -> None:  # fmt: skip
        held = Channels(block, channels)
        zero = zero_vector(width.builder, block.dtype, lanes)

        def write(j: Register, pixels: int) -> None:
            with short_reduction(rows, [zero] * pixels) as (ky, sums, after_row):
                x = row_of(ring, row, zeros, top + ky * down_dilation, height, slots)
                with short_reduction(columns, sums) as (kx, so_far, after_tap):
                    w = held.read(weight, (ky * columns + kx) * channels)
                    for p, total in enumerate(so_far):
                        at = ((j + p) * across + kx * across_dilation) * lanes
                        after_tap.append(fma(load(x, at, lanes), w, total))
                after_row += after_tap
            for p, total in enumerate(after_row):
                held.write(y, (j + p) * channels, total)

        groups(width, write)

    return declared(convolve, block.dtype, "pnpnnpnnp" + "n" * 6, block)
