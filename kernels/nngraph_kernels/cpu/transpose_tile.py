"""A square of a matrix transposed in registers: as many rows as a vector has lanes."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import types

from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.lanes import first, interleave_high, interleave_low
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Pointer, Register, broadcast
from nngraph_kernels.simd.vector_types import ELEMENTS


@cache
def transpose_tile(dtype: str, lanes: int, masked: bool) -> Any:
    """A function for kernels, `transpose(x, x_row, rows, columns, y, y_row)`.

    It writes y[c, r] = x[r, c] for `lanes` by `lanes` elements, where the rows of x and y are `x_row` and `y_row`
    elements apart. If `masked`, for the first `rows` and `columns` only, at least one of each; otherwise those two
    are not looked at.
    """
    pointer = types.CPointer(ELEMENTS[dtype])

    def rule(*arguments: types.Type) -> tuple[types.Type, tuple[types.Type, ...]]:
        return types.void, (pointer, types.int64, types.int64, types.int64, pointer, types.int64)

    def transpose(
        x: Pointer, x_row: Register, rows: Register, columns: Register, y: Pointer, y_row: Register
    ) -> None:
        if masked:
            inside, limit = first(columns, lanes), (rows - 1) * x_row
            vectors = [
                load_masked(x, select(rows > r, x_row * r, limit), inside) for r in range(lanes)
            ]  # a row that is not there is a copy of the last
        else:
            vectors = [load(x, x_row * r, lanes) for r in range(lanes)]
        within = first(rows, lanes)
        for c, vector in enumerate(_transposed(vectors)):
            if masked:
                store_masked(y, y_row * c, vector, within & broadcast(columns > c, lanes))
            else:
                store(y, y_row * c, vector)

    transpose.__qualname__ = f"transpose {dtype} {lanes} {masked}"  # by which Numba tells primitives apart
    return primitive(rule)(transpose)


def _transposed(vectors: list[Register]) -> list[Register]:
    """Riffle the two halves of the list into each other, log2(lanes) times."""
    half = len(vectors) // 2
    for _ in range(len(vectors).bit_length() - 1):
        pairs = zip(vectors[:half], vectors[half:], strict=True)
        vectors = [riffle(a, b) for a, b in pairs for riffle in (interleave_low, interleave_high)]
    return vectors
