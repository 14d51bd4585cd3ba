"""Copies of the operands of a matrix product in the order in which the register tile reads them."""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.flow import declared, moved, short_loop, short_reduction, zero_vector
from nngraph_kernels.cpu.transpose_tile import transpose_square
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Register


@cache
def panel_packer(blocking: Blocking) -> Any:
    """A function for kernels, `pack(b, b_row, width, K, panels)`: copies `width` columns, zeros beyond."""
    lanes, panel = blocking.lanes, blocking.panel

    def pack(b, b_row, width, K, panels) -> None:
        with short_loop(0, width, panel) as j:
            b_here, to = moved(b, j), moved(panels, j * K)
            starts = range(0, panel, lanes)
            masks = [first(width - j - start, lanes) for start in starts]
            with short_loop(0, K) as k:
                for start, mask in zip(starts, masks, strict=True):
                    store(to, k * panel + start, load_masked(b_here, k * b_row + start, mask))

    return declared(pack, blocking.dtype, "pnnnp", blocking)


@cache
def transposed_panel_packer(blocking: Blocking) -> Any:
    """A function for kernels, `pack(b, b_row, width, K, panels)`: the same from B stored [N, K].

    It writes up to a vector's lanes of k beyond K, and anything beyond `width`.
    """
    lanes, panel = blocking.lanes, blocking.panel

    def pack(b, b_row, width, K, panels) -> None:
        builder: ir.IRBuilder = K.builder
        with short_loop(0, width, lanes) as j:
            rows, to = moved(b, j * b_row), moved(panels, (j & -panel) * K + (j & (panel - 1)))
            step = width.like(ir.Constant(ir.IntType(64), panel))
            with short_loop(0, K, lanes) as k:
                square = (moved(rows, k), b_row, moved(to, k * panel), step)
                inside = (_at_least(width - j, lanes) & _at_least(K - k, lanes)).value
                with builder.if_else(inside) as (whole, part):
                    with whole:
                        transpose_square(lanes, *square)
                    with part:
                        transpose_square(lanes, *square, rows=width - j, columns=K - k)

    return declared(pack, blocking.dtype, "pnnnp", blocking)


@cache
def column_copier(blocking: Blocking, columns: int) -> Any:
    """A function for kernels, `copy(a, a_row, left, K, to)`: rows of `columns` elements, zeros for those beyond `left`.

    `columns` is a multiple of a vector's lanes.
    """
    lanes = blocking.lanes

    def copy(a, a_row, left, K, to) -> None:
        starts = range(0, columns, lanes)
        masks = [first(left - start, lanes) for start in starts]
        with short_loop(0, K) as k:
            for start, mask in zip(starts, masks, strict=True):
                store(to, k * columns + start, load_masked(a, k * a_row + start, mask))

    return declared(copy, blocking.dtype, "pnnnp", (blocking, columns))


@cache
def reader(blocking: Blocking) -> Any:
    """A function for kernels, `read(a, a_row, width, K, sink)`: reads whole vectors of K rows, and leaves their sum.

    What is read in order comes from memory several times as fast as what is read here and there.
    """
    lanes = blocking.lanes

    def read(a, a_row, width, K, sink) -> None:
        zero = zero_vector(K.builder, blocking.dtype, lanes)
        with short_reduction(K, [zero]) as (k, (total,), after):
            with short_reduction(width >> (lanes.bit_length() - 1), [total]) as (v, (so_far,), results):
                results.append(so_far + load(a, k * a_row + v * lanes, lanes))
            after += results
        store(sink, 0, after[0])

    return declared(read, blocking.dtype, "pnnnp", blocking)


def _at_least(value: Register, limit: int) -> Register:
    return value > limit - 1


@cache
def tile_packer(blocking: Blocking) -> Any:
    """A function for kernels, `pack(tile, height, width)`: puts the rows of a tile right after each other."""
    lanes = blocking.lanes

    def pack(tile, height, width) -> None:
        with short_loop(1, height) as r, short_loop(0, width, lanes) as j:
            store(tile, r * width + j, load(tile, r * blocking.width + j, lanes))

    return declared(pack, blocking.dtype, "pnn", blocking)


@cache
def tile_adder(blocking: Blocking) -> Any:
    """A function for kernels, `add(tile, height, width, begun, y, y_row)`: adds a tile to what is in y.

    If `begun` is 0 nothing is there yet, and the tile is stored.
    """
    lanes = blocking.lanes

    def add(tile, height, width, begun, y, y_row) -> None:
        builder: ir.IRBuilder = height.builder
        with short_loop(0, height) as r, short_loop(0, width, lanes) as j:
            inside = first(width - j, lanes)
            to, own = r * y_row + j, load(tile, r * blocking.width + j, lanes)
            with builder.if_else((begun < 1).value) as (fresh, further):
                with fresh:
                    store_masked(y, to, own, inside)
                with further:
                    store_masked(y, to, own + load_masked(y, to, inside), inside)

    return declared(add, blocking.dtype, "pnnnpn", blocking)
