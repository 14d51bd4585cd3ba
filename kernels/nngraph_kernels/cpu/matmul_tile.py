"""The register tile of the matrix product: the loop over k, with every accumulator in a register.

It is a primitive, written as instructions, because a tile is hundreds of vector operations, which take
Numba's front end ten times as long as LLVM. Packing and the choice among tiles are primitives for the same
reason.

The rows of A come through a *strip*, a small contiguous copy, in one of two layouts:

- "rows", copied from a row-major A: groups of `lanes` values of k; in a group all of row 0, then row 1, ...
- "columns", copied from a transposed A: the values of all rows for k = 0, then those for k = 1, ...
- "runs", of patches of images: K falls into runs of one length, each in the layout "rows" and on a vector of its own.

Either way the rows of one k lie at constant distances, which the processor's addressing does for nothing.
B is read where it stands, or from *panels*: as many columns as the tile is wide, all k of one panel in a row.
"""

from __future__ import annotations

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
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register, broadcast


@cache
def tile_multiplier(blocking: Blocking, pitch: int = 0) -> Any:
    """A function for kernels, `multiply(strip, height, runs, K, b, b_row, b_panel, edge, width, out)`.

    K is the length of a run, and `runs` is 1 unless the strip is laid out in runs. The rows of one k are `pitch`
    elements from those of the next, if that is given, in the layout "columns". Leaves the product of a strip of
    `height` rows and of a block of `width` columns in `out`, in rows as long as a block, and overwrites the rest of
    the register tiles it uses. The rows of b are `b_row` elements apart, the columns of its panels `b_panel`. Columns
    that do not fill a panel are read from `edge`, a packed panel.
    """
    lanes, panel, half = blocking.lanes, blocking.panel, blocking.rows // 2

    def multiply(strip, height, runs, K, b, b_row, b_panel, edge, width, out) -> None:
        builder: ir.IRBuilder = K.builder
        with short_loop(0, (width + (panel - 1)) >> (panel.bit_length() - 1)) as p:
            inside = width - p * panel
            whole = (inside > panel - 1).value
            b_here = Pointer(builder, b.dtype, builder.select(whole, moved(b, p * b_panel).value, edge.value))
            step = K.like(builder.select(whole, b_row.value, integer_constant(builder, panel).value))
            operands = (strip, runs, K, b_here, step, None, moved(out, p * panel))
            with builder.if_else((inside > lanes).value) as (wide, narrow):
                with wide, builder.if_else((height > half).value) as (high, low):
                    with high:
                        _product(blocking, blocking.rows, blocking.vectors, *operands, pitch)
                    with low:
                        _product(blocking, half, blocking.vectors, *operands, pitch)
                with narrow:
                    _product(blocking, blocking.rows, 1, *operands, pitch)

    return declared(multiply, blocking.dtype, "pnnnpnnpnp", (blocking, pitch))


@cache
def row_multiplier(blocking: Blocking) -> Any:
    """A function for kernels, `multiply(strip, height, K, b, b_row, width, out)`: as above, row by row.

    For so few rows that reading B is what takes the time: a block of it is read in whole rows.
    """
    step = 1 if blocking.strip == "columns" else blocking.lanes

    def multiply(strip, height, K, b, b_row, width, out) -> None:
        builder: ir.IRBuilder = K.builder
        limit = width if blocking.masked else None
        with short_loop(0, height) as r:
            operands = (moved(strip, r * step), None, K, b, b_row, limit, moved(out, r * blocking.width))
            with builder.if_else((width > blocking.panel).value) as (wide, narrow):
                with wide:
                    _product(blocking, 1, blocking.block, *operands)
                with narrow:
                    _product(blocking, 1, blocking.vectors, *operands)

    return declared(multiply, blocking.dtype, "pnnpnnp", blocking)


def _product(blocking: Blocking, rows: int, vectors: int, strip, runs, K, b, b_row, width, out, pitch=0) -> None:
    """out[rows, vectors] = strip @ b, reading no more than `width` columns of b if that is given."""
    builder, lanes = K.builder, blocking.lanes
    masks = [first(width - v * lanes, lanes) for v in range(vectors)] if width is not None else []
    results = [zero_vector(builder, blocking.dtype, lanes)] * (rows * vectors)
    if blocking.strip == "runs":
        run_size = ((K + (lanes - 1)) & -lanes) * blocking.rows
        with reduction(runs, results) as (run, sums, results):
            place = moved(strip, run * run_size), moved(b, run * K * b_row)
            results += _sums(blocking, rows, vectors, K, *place, b_row, masks, sums, pitch)
    else:
        results = _sums(blocking, rows, vectors, K, strip, b, b_row, masks, results, pitch)
    for i, total in enumerate(results):
        r, v = divmod(i, vectors)
        store(moved(out, r * blocking.width + v * lanes), integer_constant(builder, 0), total)


def _sums(blocking: Blocking, rows: int, vectors: int, K, strip, b, b_row, masks, starts, pitch) -> list[Register]:
    """The accumulators after all k, which begin with `starts`."""
    lanes, distance = blocking.lanes, 1 if blocking.strip == "columns" else blocking.lanes
    with reduction(K, starts) as (k, sums, results):
        b_vectors = _row_of_b(moved(b, k * b_row), masks, vectors, lanes)
        strip_k = moved(strip, _strip_offset(blocking, k, pitch))
        for r in range(rows):
            a = broadcast(load_scalar(strip_k, r * distance), lanes)
            results += [fma(a, b_vectors[v], sums[r * vectors + v]) for v in range(vectors)]
    return results


def _row_of_b(b: Pointer, masks: list[Register], vectors: int, lanes: int) -> list[Register]:
    places = [integer_constant(b.builder, v * lanes) for v in range(vectors)]
    if masks:
        return [load_masked(b, place, mask) for place, mask in zip(places, masks, strict=True)]
    return [load(b, place, lanes) for place in places]


def _strip_offset(blocking: Blocking, k: Register, pitch: int) -> Register:
    if blocking.strip == "columns":
        return k * (pitch or blocking.rows)
    return (k & -blocking.lanes) * blocking.rows + (k & (blocking.lanes - 1))
