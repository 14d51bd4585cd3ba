"""The register tile of the matrix product: the loop over k, with every accumulator in a register.

It is written as instructions, because a tile is hundreds of vector operations, which take Numba's front end ten
times as long as LLVM. Packing and the choice among tiles are written so for the same reason.

The rows of A are read where they stand, one number at a time, or come through a *strip*, a small contiguous copy, in
one of two layouts:

- "columns", copied from a transposed A: the values of all rows for k = 0, then those for k = 1, ...
- "runs", copied from images: k falls into runs; in a run groups of `lanes` values of k; in a group all of row 0, then
  row 1, ...

B is read where it stands, or from *panels*: as many columns as the tile is wide, all k of one panel in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.flow import (
    declared,
    integer_constant,
    load_scalar,
    moved,
    reduction,
    short_loop,
    zero_vector,
)
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register, broadcast


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of A: where each begins, how far k is from there, and the runs that k falls into.

    Attributes
    ----------
    starts : list of Pointer
    place : callable
        ``place(k)``: elements from the beginning of a row, or of its run, to its k.
    runs, run_size : Register or None
        Number of runs, and elements from one to the next.
    """

    starts: list[Pointer]
    place: Callable[[Register], Register]
    runs: Register | None = None
    run_size: Register | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of B: elements from one k to the next, and which are read if not all are."""

    start: Pointer
    step: Register
    masks: tuple[Register, ...] = ()


def rows_in_place(a: Pointer, a_row: Register, transposed: bool, rows: int, height: Register | None = None) -> Rows:
    """Rows that are read where they stand; those from `height` on are the last one again."""
    starts: list[Pointer] = []
    for r in range(rows):
        number = integer_constant(a.builder, r) if height is None else select(height > r, r, height - 1)
        starts.append(moved(a, number if transposed else number * a_row))
    return Rows(starts, (lambda k: k * a_row) if transposed else (lambda k: k))


def rows_of_columns(strip: Pointer, pitch: int, rows: int) -> Rows:
    """Rows of a strip in the layout "columns", those of one k `pitch` elements from those of the next."""
    return Rows([moved(strip, r) for r in range(rows)], lambda k: k * pitch)


def rows_of_runs(blocking: Blocking, strip: Pointer, rows: int, runs: Register, length: Register) -> Rows:
    """Rows of a strip in the layout "runs"."""
    lanes = blocking.lanes
    return Rows(
        [moved(strip, r * lanes) for r in range(rows)],
        lambda k: (k & -lanes) * blocking.rows + (k & (lanes - 1)),
        runs,
        ((length + (lanes - 1)) & -lanes) * blocking.rows,
    )


def product(blocking: Blocking, rows: Rows, vectors: int, K: Register, b: Columns) -> list[Register]:
    """rows @ b, the accumulators of a row of the tile after each other; K is the length of a run."""
    zero = zero_vector(K.builder, blocking.dtype, blocking.lanes)
    results = [zero] * (len(rows.starts) * vectors)
    if rows.runs is None or rows.run_size is None:
        return _sums(blocking, rows, vectors, K, b, results)
    with reduction(rows.runs, results) as (run, sums, results):
        here = Rows([moved(start, run * rows.run_size) for start in rows.starts], rows.place)
        further = Columns(moved(b.start, run * K * b.step), b.step, b.masks)
        results += _sums(blocking, here, vectors, K, further, sums)
    return results


def _sums(
    blocking: Blocking, rows: Rows, vectors: int, K: Register, b: Columns, starts: list[Register]
) -> list[Register]:
    """The accumulators after all k, which begin with `starts`."""
    lanes = blocking.lanes
    with reduction(K, starts) as (k, sums, results):
        b_vectors = _row_of_b(moved(b.start, k * b.step), b.masks, vectors, lanes)
        place = rows.place(k)
        for r, start in enumerate(rows.starts):
            a = broadcast(load_scalar(moved(start, place), 0), lanes)
            results += [fma(a, b_vectors[v], sums[r * vectors + v]) for v in range(vectors)]
    return results


def _row_of_b(b: Pointer, masks: tuple[Register, ...], vectors: int, lanes: int) -> list[Register]:
    places = [integer_constant(b.builder, v * lanes) for v in range(vectors)]
    if masks:
        return [load_masked(b, place, mask) for place, mask in zip(places, masks, strict=True)]
    return [load(b, place, lanes) for place in places]


def leave(blocking: Blocking, results: list[Register], vectors: int, out: Pointer) -> None:
    """Store a register tile, in rows as long as a block."""
    for i, total in enumerate(results):
        r, v = divmod(i, vectors)
        place = integer_constant(out.builder, r * blocking.width + v * blocking.lanes)
        store(out, place, total)


def panel_product(
    blocking: Blocking, rows: Callable[[int], Rows], height: Register, K: Register, b: Columns, inside: Register,
    out: Pointer,
) -> None:  # fmt: skip
    """Leave the product of `height` rows and `inside` columns of a panel in `out`, and what comes of the rest there.

    ``rows(n)`` gives the first n rows of A.
    """
    builder: ir.IRBuilder = K.builder

    def write(count: int, vectors: int) -> None:
        leave(blocking, product(blocking, rows(count), vectors, K, b), vectors, out)

    with builder.if_else((inside > blocking.lanes).value) as (wide, narrow):
        with wide, builder.if_else((height > blocking.rows // 2).value) as (high, low):
            with high:
                write(blocking.rows, blocking.vectors)
            with low:
                write(blocking.rows // 2, blocking.vectors)
        with narrow:
            write(blocking.rows, 1)


@cache
def tile_multiplier(blocking: Blocking, pitch: int = 0) -> Any:
    """A function for kernels, `multiply(strip, height, runs, K, b, b_row, b_panel, edge, width, out)`.

    K is the length of a run, and `runs` is 1 unless the strip is laid out in runs. The rows of one k are `pitch`
    elements from those of the next, if that is given, in the layout "columns". Leaves the product of a strip of
    `height` rows and of a block of `width` columns in `out`, in rows as long as a block, and overwrites the rest of
    the register tiles it uses. The rows of b are `b_row` elements apart, the columns of its panels `b_panel`. Columns
    that do not fill a panel are read from `edge`, a packed panel.
    """
    panel = blocking.panel

    def multiply(strip, height, runs, K, b, b_row, b_panel, edge, width, out) -> None:
        def rows(count: int) -> Rows:
            if blocking.strip == "runs":
                return rows_of_runs(blocking, strip, count, runs, K)
            return rows_of_columns(strip, pitch or blocking.rows, count)

        builder: ir.IRBuilder = K.builder
        with short_loop(0, (width + (panel - 1)) >> (panel.bit_length() - 1)) as p:
            inside = width - p * panel
            whole = (inside > panel - 1).value
            b_here = Pointer(builder, b.dtype, builder.select(whole, moved(b, p * b_panel).value, edge.value))
            step = K.like(builder.select(whole, b_row.value, integer_constant(builder, panel).value))
            panel_product(blocking, rows, height, K, Columns(b_here, step), inside, moved(out, p * panel))

    return declared(multiply, blocking.dtype, "pnnnpnnpnp", (blocking, pitch))
