"""Rows of a depthwise convolution: brought into the L1 cache, and taken from there, a vector of channels at a time.

Primitives, written as instructions. A row of an image is `width` pixels, `channels` elements apart; a row in scratch
memory is vectors, one a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.depthwise_layout import PIXELS, Block
from nngraph_kernels.cpu.flow import declared, load_scalar, moved, short_loop, short_reduction, zero_vector
from nngraph_kernels.simd.arguments import pointer
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast, call_named

LISTED = 4  # pointers a value in the list of those to mix: x, mean, factor, offset


class Channels:
    """Reads and writes the vector of channels that a block has of a pixel."""

    __slots__ = ("block", "mask")

    def __init__(self, block: Block, channels: Register) -> None:
        self.block = block
        self.mask = first(channels, block.lanes) if block.narrow else None

    def read(self, x: Pointer, at: Register | int) -> Register:
        """The vector `at` elements further on."""
        return load(x, at, self.block.lanes) if self.mask is None else load_masked(x, at, self.mask)

    def write(self, y: Pointer, at: Register | int, value: Register) -> None:
        """Store it there, and nothing beside it."""
        if self.mask is None:
            store(y, at, value)
        else:
            store_masked(y, at, value, self.mask)


def ask_for(x: Pointer, at: Register) -> None:
    """Have the cache line of the element there brought in meanwhile; there may be none."""
    builder, number = x.builder, ir.IntType(32)
    address = builder.bitcast(moved(x, at).value, ir.IntType(8).as_pointer())
    read, keep, data = (ir.Constant(number, value) for value in (0, 3, 1))
    call_named(builder, "llvm.prefetch.p0", ir.VoidType(), [address, read, keep, data])


def groups(width: Register, body: Callable[[Register, int], None]) -> None:
    """Write down ``body(first pixel, how many)`` for groups that cover a row, the last moved back over others."""
    last = width - PIXELS
    with width.builder.if_else((last >= 0).value) as (wide, small):
        with wide, short_loop(0, width, PIXELS) as j:
            body(select(j > last, last, j), PIXELS)
        with small, short_loop(0, width) as j:
            body(j, 1)


def each_once(width: Register, body: Callable[[Register, int], None]) -> None:
    """Write down ``body(first pixel, how many)`` for groups that hold each pixel of a row once."""
    whole = width & -PIXELS
    with short_loop(0, whole, PIXELS) as j:
        body(j, PIXELS)
    with short_loop(whole, width) as j:
        body(j, 1)


@cache
def vectors_cleaner(block: Block) -> Any:
    """A function for kernels, `clear(y, vectors)`."""

    def clear(y, vectors) -> None:
        zero = zero_vector(vectors.builder, block.dtype, block.lanes)
        with short_loop(0, vectors) as i:
            store(y, i * block.lanes, zero)

    return declared(clear, block.dtype, "pn", block)


@cache
def row_loader(block: Block) -> Any:
    """A function for kernels, `load_row(x, channels, width, y, step)`: pixel j becomes vector j * step."""

    def load_row(x, channels, width, y, step) -> None:
        held = Channels(block, channels)

        def copy(j: Register, pixels: int) -> None:
            vectors = [held.read(x, (j + q) * channels) for q in range(pixels)]
            for q, vector in enumerate(vectors):
                store(y, (j + q) * step * block.lanes, vector)

        groups(width, copy)

    return declared(load_row, block.dtype, "pnnpn", block)


@cache
def row_storer(block: Block) -> Any:
    """A function for kernels, `store_row(x, width, y, channels)`: vector j becomes pixel j."""

    def store_row(x, width, y, channels) -> None:
        held = Channels(block, channels)

        def copy(j: Register, pixels: int) -> None:
            for q in range(pixels):
                held.write(y, (j + q) * channels, load(x, (j + q) * block.lanes, block.lanes))

        groups(width, copy)

    return declared(store_row, block.dtype, "pnpn", block)


@cache
def sums_storer(block: Block) -> Any:
    """A function for kernels, `store_sums(sums, count, y, channels)`: row j of y is vector j."""

    def store_sums(sums, count, y, channels) -> None:
        held = Channels(block, channels)
        with short_loop(0, count) as j:
            held.write(y, j * channels, load(sums, j * block.lanes, block.lanes))

    return declared(store_sums, block.dtype, "pnpn", block)


@cache
def tabulator(block: Block) -> Any:
    """A function for kernels, `tabulate(args, slot, values, s, channels, table, table_row)`.

    What is mixed is Σ s_i ((x_i − mean_i) factor_i + offset_i) = Σ a_i x_i + b. Row i of the table is a_i, the row
    after the last one is b; the list of x_i, mean_i, factor_i, offset_i begins at `slot`.
    """
    lanes = block.lanes

    def tabulate(args, slot, values, s, channels, table, table_row) -> None:
        zero = zero_vector(values.builder, block.dtype, lanes)
        with short_loop(0, channels, lanes) as c:
            mask = first(channels - c, lanes)
            with short_reduction(values, [zero]) as (i, (b,), results):
                listed = [pointer(args, slot + i * LISTED + k, block.dtype) for k in (1, 2, 3)]
                mean, factor, offset = (load_masked(array, c, mask) for array in listed)
                weight = broadcast(load_scalar(moved(s, i), 0), lanes)
                a = weight * factor
                store(table, i * table_row + c, a)
                results.append(fma(-a, mean, fma(weight, offset, b)))
            store(table, values * table_row + c, results[0])

    return declared(tabulate, block.dtype, "annpnpn", block)


@cache
def row_mixer(block: Block, ahead: bool = False) -> Any:
    """A function for kernels, `mix_row(args, slot, values, at, channels, width, table, table_row, y)`.

    Vector j of y becomes max(0, Σ a_i x_i + b) at pixel j of the row that starts `at` elements into each x_i.
    With `ahead`, the row below is asked for: it pays where the values were written long ago.
    """
    lanes = block.lanes

    def mix_row(args, slot, values, at, channels, width, table, table_row, y) -> None:
        held = Channels(block, channels)

        def mix(j: Register, pixels: int) -> None:
            places = [at + (j + q) * channels for q in range(pixels)]
            start = load(table, values * table_row, lanes)
            with short_reduction(values, [start] * pixels) as (i, sums, results):
                x = pointer(args, slot + i * LISTED, block.dtype)
                a = load(table, i * table_row, lanes)
                for place in places if ahead else []:
                    ask_for(x, place + width * channels)
                results += [fma(held.read(x, place), a, p) for place, p in zip(places, sums, strict=True)]
            for q, p in enumerate(results):
                store(y, (j + q) * lanes, select(p < 0.0, 0.0, p))

        groups(width, mix)

    return declared(mix_row, block.dtype, "annnnnpnp", (block, ahead))


@cache
def row_finisher(block: Block) -> Any:
    """A function for kernels, `finish_row(args, slot, values, at, c, channels, width, r, dr, dp, sums)`.

    dp = dr where r > 0, and 0 elsewhere, stored as the row of an image; sums[0] += Σ dp, and for each value
    sums[1 + i] += Σ dp (x_i − mean_i). The block's channels begin at c.
    """
    lanes = block.lanes

    def finish_row(args, slot, values, at, c, channels, width, r, dr, dp, sums) -> None:
        held = Channels(block, channels)

        def finish(j: Register, pixels: int) -> None:
            steps = [(j + q) * lanes for q in range(pixels)]
            places = [at + (j + q) * channels for q in range(pixels)]
            found = [select(load(r, step, lanes) > 0.0, load(dr, step, lanes), 0.0) for step in steps]
            total = load(sums, 0, lanes)
            for place, value in zip(places, found, strict=True):
                held.write(dp, place, value)
                total = total + value
            store(sums, 0, total)
            with short_loop(0, values) as i:
                x = pointer(args, slot + i * LISTED, block.dtype)
                mean = held.read(pointer(args, slot + i * LISTED + 1, block.dtype), c)
                centered = load(sums, (i + 1) * lanes, lanes)
                for place, value in zip(places, found, strict=True):
                    centered = fma(value, held.read(x, place) - mean, centered)
                store(sums, (i + 1) * lanes, centered)

        each_once(width, finish)

    return declared(finish_row, block.dtype, "annnnnnpppp", block)
