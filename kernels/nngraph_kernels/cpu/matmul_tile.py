"""The register tile of the matrix product: the loop over k, with every accumulator in a register.

It is written as instructions, because a tile is hundreds of vector operations, which take Numba's front end ten
times as long as LLVM. Packing and the choice among tiles are written so for the same reason.

The rows of A are read where they stand, one number at a time. B is read where it stands, or from *panels*: as many
columns as the tile is wide, all k of one panel in a row.
"""

from __future__ import annotations

from collections.abc import Callable
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
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register, broadcast


@record(eq=False)
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


@record(eq=False)
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


def product(
    blocking: Blocking, rows: Rows, vectors: int, K: Register, b: Columns, starts: list[Register] | None = None
) -> list[Register]:
    """rows @ b, added to `starts`, the accumulators of a row of the tile after each other; K is the length of a run."""
    zero = zero_vector(K.builder, blocking.dtype, blocking.lanes)
    results = starts or [zero] * (len(rows.starts) * vectors)
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
    with reduction(K, starts, unrolled=False) as (k, sums, results):
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


def kept(blocking: Blocking, rows: int, vectors: int, out: Pointer, fresh: Register) -> list[Register]:
    """The accumulators of a register tile that `leave` has stored, or zeros if it is fresh."""
    builder: ir.IRBuilder = out.builder
    zero, before = zero_vector(builder, blocking.dtype, blocking.lanes), builder.block
    with builder.if_then((~fresh).value):
        places = [r * blocking.width + v * blocking.lanes for r in range(rows) for v in range(vectors)]
        stored = [load(out, place, blocking.lanes) for place in places]
        loaded = builder.block
    found: list[Register] = []
    for value in stored:
        phi = builder.phi(zero.value.type)
        phi.add_incoming(zero.value, before)
        phi.add_incoming(value.value, loaded)
        found.append(zero.like(phi))
    return found


def leave(blocking: Blocking, results: list[Register], vectors: int, out: Pointer) -> None:
    """Store a register tile, in rows as long as a block."""
    for i, total in enumerate(results):
        r, v = divmod(i, vectors)
        place = integer_constant(out.builder, r * blocking.width + v * blocking.lanes)
        store(out, place, total)


def panel_product(
    blocking: Blocking, rows: Callable[[int], Rows], height: Register, K: Register, b: Columns, inside: Register,
    out: Pointer, fresh: Register | None = None,
) -> None:  # fmt: skip
    """Leave the product of `height` rows and `inside` columns of a panel in `out`, and what comes of the rest there.

    ``rows(n)`` gives the first n rows of A. What is in `out` is added if it is not `fresh`.
    """
    builder: ir.IRBuilder = K.builder

    def write(count: int, vectors: int) -> None:
        starts = None if fresh is None else kept(blocking, count, vectors, out, fresh)
        leave(blocking, product(blocking, rows(count), vectors, K, b, starts), vectors, out)

    with builder.if_else((inside > blocking.lanes).value) as (wide, narrow):
        with wide, builder.if_else((height > blocking.rows // 2).value) as (high, low):
            with high:
                write(blocking.rows, blocking.vectors)
            with low:
                write(blocking.rows // 2, blocking.vectors)
        with narrow:
            write(blocking.rows, 1)


@cache
def tile_multiplier(blocking: Blocking, pitch: int) -> Any:
    """A function for kernels, `multiply(a, height, K, panels, width, out)`.

    Leaves the product of the first `height` columns of `a`, whose rows are `pitch` elements apart, and of a block of
    `width` columns, packed in `panels`, in `out`, in rows as long as a block, and overwrites the rest of the register
    tiles it uses.
    """
    panel = blocking.panel

    def multiply(a, height, K, panels, width, out) -> None:
        def rows(count: int) -> Rows:
            return Rows([moved(a, r) for r in range(count)], lambda k: k * pitch)

        step = integer_constant(K.builder, panel)
        with short_loop(0, width, panel) as j:
            columns = Columns(moved(panels, j * K), step)
            panel_product(blocking, rows, height, K, columns, width - j, moved(out, j))

    return declared(multiply, blocking.dtype, "pnnpnp", (blocking, pitch))
