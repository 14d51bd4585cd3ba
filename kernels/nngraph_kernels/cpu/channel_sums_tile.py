"""The sums over one piece of rows, a chunk of rows and a few vectors of channels at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from nngraph_kernels.cpu.channel_vectors import Columns, Vectors, channel_blocks
from nngraph_kernels.cpu.flow import declared, loop, moved, reduction, zero_vector
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast, constant, convert

CHUNK = 64  # rows whose sums stay in registers
WIDE = 4  # vectors of channels that are summed together
ROWS = 4  # with sums of their own where there is one vector only: each addition waits for the one before it


@cache
def piece_summer(sums: str, dtype: str, lanes: int) -> Any:
    """A function for kernels, `sum_piece(x, height, channels, into)`, or `dz, x, mean` in place of `x`.

    Leaves the sums over `height` rows of `channels` each in `into`, a row for each kind of sum.
    """

    def moments(x, height, channels, into) -> None:
        _fill(into, channels, broadcast(convert(height, dtype), lanes))
        _fill(moved(into, channels), channels * 2, zero_vector(height.builder, dtype, lanes))
        for r, rows, c, columns in _blocks(height, channels, lanes):
            _add_moments(moved(x, r * channels + c), channels, r, rows, moved(into, channels + c), columns)

    def scale_shift(dz, x, mean, height, channels, into) -> None:
        _fill(into, channels * 2, zero_vector(height.builder, dtype, lanes))
        for r, rows, c, columns in _blocks(height, channels, lanes):
            at = r * channels + c
            _add_products(moved(dz, at), moved(x, at), moved(mean, c), channels, rows, moved(into, c), columns)

    function, parameters = {"moments": (moments, "pnnp"), "scale_shift": (scale_shift, "pppnnp")}[sums]
    return declared(function, dtype, parameters, (dtype, lanes))


def _blocks(height: Register, channels: Register, lanes: int) -> Iterator[tuple[Register, Register, Register, Columns]]:
    """Loops over chunks of rows and, within, blocks of channels.

    Gives the first row and the number of rows, the first channel and which channels; three times, for what is written
    inside differs between blocks of several vectors, of one, and of a part of one.
    """
    with loop(0, height, CHUNK) as r:
        rows = select(height - r < CHUNK, height - r, CHUNK)
        for c, columns in channel_blocks(channels, lanes, (WIDE, 1)):
            yield r, rows, c, columns


def _add_moments(
    x: Pointer, channels: Register, done: Register, rows: Register, into: Pointer, columns: Columns
) -> None:
    """Add `rows` rows to the mean and the squared deviations of the `done` rows before them.

    Deviations are taken from the mean so far, at first from the first row: no large squares cancel, and the merger of
    the two parts is short (Chan, Golub and LeVeque 1983, with the second part's mean counted from the first's).
    """
    squares_at = moved(into, channels)
    means = [
        select(broadcast(done > 0, columns.lanes), mean, start)
        for mean, start in zip(columns.load(into), columns.load(x), strict=True)
    ]

    def term(row: Register, so_far: Vectors) -> Vectors:
        rests = [value - mean for value, mean in zip(columns.load(moved(x, row * channels)), means, strict=True)]
        sums, squares = so_far[: columns.vectors], so_far[columns.vectors :]
        return [
            *(total + rest for total, rest in zip(sums, rests, strict=True)),
            *(fma(rest, rest, total) for total, rest in zip(squares, rests, strict=True)),
        ]

    found = _summed(rows, columns.zeros(rows.builder, x.dtype) * 2, columns, term)
    sums, squares = found[: columns.vectors], found[columns.vectors :]
    number = convert(done + rows, x.dtype)
    share = broadcast(constant(number, 1.0) / number, columns.lanes)
    before = columns.load(squares_at)
    columns.store(into, [fma(total, share, mean) for total, mean in zip(sums, means, strict=True)])
    columns.store(
        squares_at, [b + (s - total * (total * share)) for b, s, total in zip(before, squares, sums, strict=True)]
    )


def _add_products(
    dz: Pointer, x: Pointer, mean: Pointer, channels: Register, rows: Register, into: Pointer, columns: Columns
) -> None:
    """Add Σ dz and Σ dz (x − mean) of `rows` rows to what is there."""
    means, products_at = columns.load(mean), moved(into, channels)

    def term(row: Register, so_far: Vectors) -> Vectors:
        at = row * channels
        terms = list(zip(columns.load(moved(dz, at)), columns.load(moved(x, at)), means, strict=True))
        sums, products = so_far[: columns.vectors], so_far[columns.vectors :]
        return [
            *(total + d for total, (d, _, _) in zip(sums, terms, strict=True)),
            *(fma(d, value - mean, total) for total, (d, value, mean) in zip(products, terms, strict=True)),
        ]

    found = _summed(rows, columns.zeros(rows.builder, x.dtype) * 2, columns, term)
    for place, new in ((into, found[: columns.vectors]), (products_at, found[columns.vectors :])):
        columns.store(place, [old + n for old, n in zip(columns.load(place), new, strict=True)])


def _summed(rows: Register, zeros: Vectors, columns: Columns, term: Callable[[Register, Vectors], Vectors]) -> Vectors:
    """Sums over rows; `term(row, so far)` adds what one row contributes."""
    together = ROWS if columns.vectors == 1 else 1
    with reduction(rows >> (together.bit_length() - 1), zeros * together) as (i, so_far, found):
        for u in range(together):
            found += term(i * together + u, so_far[u * len(zeros) : (u + 1) * len(zeros)])
    if together == 1:
        return found
    parts = [found[k :: len(zeros)] for k in range(len(zeros))]
    folded = [(a + b) + (c + d) for a, b, c, d in parts]
    start = rows & -together
    with reduction(rows - start, folded) as (i, so_far, rest):
        rest += term(start + i, so_far)
    return rest


def _fill(row: Pointer, count: Register, value: Register) -> None:
    with loop(0, count, value.lanes) as i:
        store_masked(row, i, value, first(count - i, value.lanes))
