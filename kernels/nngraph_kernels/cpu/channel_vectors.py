"""Loops over channels in vectors, several at a time while there are as many, the last ones under a mask."""

from __future__ import annotations

from collections.abc import Iterator

from llvmlite import ir

from nngraph_kernels.cpu.flow import integer_constant, loop, zero_vector
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register

Vectors = list[Register]


class Columns:
    """A few neighboring vectors of channels, the last ones of a row under a mask."""

    def __init__(self, lanes: int, vectors: int, mask: Register | None = None) -> None:
        self.lanes, self.vectors, self.mask = lanes, vectors, mask

    def load(self, row: Pointer) -> Vectors:
        places = [integer_constant(row.builder, v * self.lanes) for v in range(self.vectors)]
        return [load(row, p, self.lanes) if self.mask is None else load_masked(row, p, self.mask) for p in places]

    def store(self, row: Pointer, values: Vectors) -> None:
        for v, value in enumerate(values):
            place = integer_constant(row.builder, v * self.lanes)
            _ = store(row, place, value) if self.mask is None else store_masked(row, place, value, self.mask)

    def zeros(self, builder: ir.IRBuilder, dtype: str) -> Vectors:
        return [zero_vector(builder, dtype, self.lanes)] * self.vectors


def channel_blocks(channels: Register, lanes: int, widths: tuple[int, ...]) -> Iterator[tuple[Register, Columns]]:
    """Gives the first channel and which channels, within a loop, for each of `widths` vectors, and for a part of one.

    What is written inside is written for each width, the largest first; the last width is 1.
    """
    start: Register = integer_constant(channels.builder, 0)
    for vectors in widths:
        stop = channels & -(vectors * lanes)
        with loop(start, stop, vectors * lanes) as c:
            yield c, Columns(lanes, vectors)
        start = stop
    with channels.builder.if_then((start < channels).value):
        yield start, Columns(lanes, 1, first(channels - start, lanes))
