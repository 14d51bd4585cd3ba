"""Rows of a depthwise convolution: brought into the L1 cache, and taken from there, a vector of channels at a time.

A row of an image is `width` pixels, which stand as far apart as it has channels; a row in scratch memory is vectors,
one a pixel. These functions leave instructions in the kernel that calls them.
"""

from __future__ import annotations

from collections.abc import Callable

from nngraph_kernels.cpu.depthwise_layout import PIXELS, Block
from nngraph_kernels.cpu.flow import moved, short_loop, zero_vector
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register


class Channels:
    """Reads and writes the vector of channels that a block has of a pixel.

    Attributes
    ----------
    block : Block
    count : Register
        All channels of the image: elements from one pixel to the next.
    """

    __slots__ = ("_mask", "block", "count")

    def __init__(self, block: Block, count: Register) -> None:
        self.block = block
        self.count = count
        self._mask = first(count, block.lanes) if block.narrow else None

    def read(self, x: Pointer, at: Register | int) -> Register:
        """The vector `at` elements further on."""
        return load(x, at, self.block.lanes) if self._mask is None else load_masked(x, at, self._mask)

    def write(self, y: Pointer, at: Register | int, value: Register) -> None:
        """Store it there, and nothing beside it."""
        if self._mask is None:
            store(y, at, value)
        else:
            store_masked(y, at, value, self._mask)


@record(eq=False)
class Ring:
    """Rows of an image in scratch memory, as many as there are slots.

    Attributes
    ----------
    start : Pointer
    row : Register
        Elements in a row.
    zeros : Pointer
        The row that stands for all above and below the image.
    slots, height : Register
        Rows of the ring, a power of two, and of the image.
    """

    start: Pointer
    row: Register
    zeros: Pointer
    slots: Register
    height: Register

    def slot(self, r: Register) -> Pointer:
        """Where row `r` stands, or is to stand."""
        return moved(self.start, (r & (self.slots - 1)) * self.row)

    def seen(self, r: Register) -> Pointer:
        """Row `r`, or zeros where the image has none."""
        inside = (r >= 0) & (r < self.height)
        return Pointer(
            r.builder, self.start.dtype, r.builder.select(inside.value, self.slot(r).value, self.zeros.value)
        )


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


def clear(block: Block, y: Pointer, vectors: Register) -> None:
    """Zeros in so many vectors."""
    zero = zero_vector(vectors.builder, block.dtype, block.lanes)
    with short_loop(0, vectors) as i:
        store(y, i * block.lanes, zero)


def load_row(held: Channels, x: Pointer, width: Register, y: Pointer, step: Register | int = 1) -> None:
    """Pixel j becomes vector j * step."""

    def copy(j: Register, pixels: int) -> None:
        vectors = [held.read(x, (j + q) * held.count) for q in range(pixels)]
        for q, vector in enumerate(vectors):
            store(y, (j + q) * step * held.block.lanes, vector)

    groups(width, copy)


def store_row(held: Channels, x: Pointer, width: Register, y: Pointer) -> None:
    """Vector j becomes pixel j."""

    def copy(j: Register, pixels: int) -> None:
        for q in range(pixels):
            held.write(y, (j + q) * held.count, load(x, (j + q) * held.block.lanes, held.block.lanes))

    groups(width, copy)


def store_sums(held: Channels, sums: Pointer, count: Register, y: Pointer) -> None:
    """Vector j becomes row j of y."""
    with short_loop(0, count) as j:
        held.write(y, j * held.count, load(sums, j * held.block.lanes, held.block.lanes))
