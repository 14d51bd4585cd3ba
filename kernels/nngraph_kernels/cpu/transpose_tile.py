"""A square of a matrix transposed in registers: as many rows as a vector has lanes."""

from __future__ import annotations

from functools import cache
from typing import Any

from nngraph_kernels.cpu.flow import declared, loop, moved
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.lanes import first, interleave_high, interleave_low
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast


@cache
def strip_transposer(dtype: str, width: int) -> Any:
    """A function for kernels, `transpose(x, x_row, rows, columns, y, y_row)`.

    Of at most `width` columns of x; the others are somebody else's.
    """

    def transpose(x, x_row, rows, columns, y, y_row) -> None:
        builder = rows.builder
        with loop(0, rows, width) as r:
            square = (moved(x, r * x_row), x_row, moved(y, r), y_row)
            inside = (columns > width - 1) & (rows - r > width - 1)
            with builder.if_else(inside.value) as (whole, part):
                with whole:
                    transpose_square(width, *square)
                with part:
                    transpose_square(width, *square, rows=rows - r, columns=columns, clip=True)

    return declared(transpose, dtype, "pnnnpn", width)


def transpose_square(
    lanes: int,
    x: Pointer,
    x_row: Register,
    y: Pointer,
    y_row: Register,
    rows: Register | None = None,
    columns: Register | None = None,
    clip: bool = False,
) -> None:
    """Write y[c, r] = x[r, c] for `lanes` by `lanes` elements.

    With `rows` and `columns`, nothing is read beyond them (a row that is not there is a copy of the last),
    and, if `clip`, nothing written either.
    """
    none = x_row - x_row
    if rows is None or columns is None:
        vectors = [load(moved(x, x_row * r), none, lanes) for r in range(lanes)]
    else:
        last, inside = (rows - 1) * x_row, first(columns, lanes)
        vectors = [load_masked(x, select(rows > r, x_row * r, last), inside) for r in range(lanes)]
    for c, vector in enumerate(_transposed(vectors)):
        if clip and rows is not None and columns is not None:
            store_masked(y, y_row * c, vector, first(rows, lanes) & broadcast(columns > c, lanes))
        else:
            store(y, y_row * c, vector)


def _transposed(vectors: list[Register]) -> list[Register]:
    """Riffle the two halves of the list into each other, log2(lanes) times."""
    half = len(vectors) // 2
    for _ in range(len(vectors).bit_length() - 1):
        pairs = zip(vectors[:half], vectors[half:], strict=True)
        vectors = [riffle(a, b) for a, b in pairs for riffle in (interleave_low, interleave_high)]
    return vectors
