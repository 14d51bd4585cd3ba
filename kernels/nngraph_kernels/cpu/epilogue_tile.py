"""What an anchor kernel does to its accumulators, written as instructions: in registers, or from a copy in L1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nngraph_kernels.cpu.epilogue import PIECES, Epilogue, number_names, operand_names, output_names
from nngraph_kernels.cpu.flow import integer_constant, moved, reduction, zero_vector
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import quotient
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, load_splat, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast, constant, convert

Values = dict[str, Register]


@record(eq=False)
class Applied:
    """An epilogue and the arguments of a call.

    Attributes
    ----------
    slots : mapping of str to Register or Pointer
        By the names that `epilogue` has for them.
    each : callable
        What the lines of the epilogue compute of one vector: the outputs, and what moments are left of.
    """

    epilogue: Epilogue
    lanes: int
    slots: Mapping[str, Any]
    each: Callable[..., tuple[Register, ...]]


@record(eq=False)
class Place:
    """The first element of a vector of the result, and which of its elements there are if not all."""

    batch: Register
    row: Register
    column: Register
    mask: Register | None = None


@record(eq=False)
class Moments:
    """Where the moments of a piece are gathered, from the first column of a block on, and of how many rows so far."""

    mean: Pointer
    squares: Pointer
    done: Register


def applied(epilogue: Epilogue, lanes: int, slots: Mapping[str, Any], function: Callable[..., Any]) -> Applied:
    """The epilogue of a call, what is the same for every vector computed."""
    numbers = [slots[s] for s in number_names(epilogue)]
    scalars = [load_splat(slots[x], 0, lanes) for x in _read(epilogue, "scalar")]
    return Applied(epilogue, lanes, slots, function(*numbers, *scalars))


def _read(epilogue: Epilogue, *accesses: str) -> list[str]:
    names = zip(operand_names(epilogue), epilogue.operands, strict=True)
    return [x for x, operand in names if operand.access in accesses]


def once_per_column(e: Applied, place: Place) -> Values:
    """The operands that do not change from row to row."""
    return {x: _load(e, x, place, rows=False) for x in _read(e.epilogue, "column")}


def once_per_row(e: Applied, place: Place) -> Values:
    """The operands that do not change along a row."""
    return {x: load_splat(e.slots[x], row_start(e, x, place), e.lanes) for x in _read(e.epilogue, "row")}


def apply(e: Applied, acc: Register, place: Place, known: Values) -> tuple[Register, ...]:
    """Store what the epilogue makes of the accumulator of one vector, given the operands known so far."""
    values = known | {x: _load(e, x, place, rows=True) for x in _read(e.epilogue, "full")}
    operands = [values[x] for x in _read(e.epilogue, "full", "row", "column")]
    results = e.each(acc, *operands, place.batch, place.row, place.column)
    for y, result in zip(output_names(e.epilogue), results, strict=not e.epilogue.moments):
        at = row_start(e, y, place) + place.column
        if place.mask is None:
            store(e.slots[y], at, result)
        else:
            store_masked(e.slots[y], at, result, place.mask)
    return results


def row_start(e: Applied, name: str, place: Place) -> Register:
    return place.batch * e.slots[f"{name}_batch"] + place.row * e.slots[f"{name}_row"]


def _load(e: Applied, name: str, place: Place, rows: bool) -> Register:
    start = row_start(e, name, place) if rows else place.batch * e.slots[f"{name}_batch"]
    at = start + place.column
    return load(e.slots[name], at, e.lanes) if place.mask is None else load_masked(e.slots[name], at, place.mask)


def from_registers(
    e: Applied, accumulators: list[Register], vectors: int, place: Place, moments: Moments | None, left: Register
) -> None:
    """Apply the epilogue to a register tile that belongs in `place`, in a block of columns from `left` on."""
    places = [Place(place.batch, place.row, place.column + v * e.lanes) for v in range(vectors)]
    columns = [once_per_column(e, p) for p in places]
    gathered: list[list[Register]] = [[] for _ in places]
    rows = len(accumulators) // vectors
    for r in range(rows):
        row = place.row + r
        known = once_per_row(e, Place(place.batch, row, place.column))
        for v, column in enumerate(columns):
            here = Place(place.batch, row, places[v].column)
            results = apply(e, accumulators[r * vectors + v], here, known | column)
            gathered[v].append(results[-1])
    if moments is not None:
        for p, values in zip(places, gathered, strict=True):
            add_moments(e, moments, p, p.column - left, values)


def add_moments(e: Applied, m: Moments, place: Place, j: Register, values: list[Register]) -> None:
    """Add the rows of one column of vectors to its moments."""
    mean = _known_mean(e, m, place, j, values[0])
    zero = zero_vector(j.builder, m.mean.dtype, e.lanes)
    total, squares = zero, zero
    for value in values:
        total, squares = _with_row(total, squares, value - mean)
    merge(e, m, place, j, integer_constant(j.builder, len(values)), (mean, total, squares))


def _known_mean(e: Applied, m: Moments, place: Place, j: Register, value: Register) -> Register:
    """The mean so far, from which deviations are taken: at first the first row, so that no large squares cancel."""
    return select(m.done > 0, _load_part(m.mean, j, place, e.lanes), value)


def _with_row(total: Register, squares: Register, rest: Register) -> tuple[Register, Register]:
    return total + rest, fma(rest, rest, squares)


def _load_part(row: Pointer, j: Register, place: Place, lanes: int) -> Register:
    return load(row, j, lanes) if place.mask is None else load_masked(row, j, place.mask)


def merge(
    e: Applied, m: Moments, place: Place, j: Register, rows: Register, part: tuple[Register, Register, Register]
) -> None:
    """Merge `rows` rows into the moments, given the mean so far, and the sums of deviations from it and their squares.

    Chan, Golub and LeVeque 1983, with the new part's mean counted from the old one's.
    """
    mean, total, squares = part
    number = convert(m.done + rows, m.mean.dtype)
    share = broadcast(constant(number, 1.0) / number, e.lanes)
    before = _load_part(m.squares, j, place, e.lanes)
    after = before + (squares - total * (total * share))
    for row, value in ((m.mean, fma(total, share, mean)), (m.squares, after)):
        _ = store(row, j, value) if place.mask is None else store_masked(row, j, value, place.mask)


def from_tile(
    e: Applied, tile: Pointer, pitch: int, place: Place, extent: tuple[Register, Register, Register],
    moments: Moments | None,
) -> None:  # fmt: skip
    """Apply the epilogue to a copy of the accumulators, in rows `pitch` apart, that belong in a block at `place`.

    `extent` is the number of rows, the first column and the end of the columns.
    """
    height, start, end = extent
    whole = end & -e.lanes
    with loop(start, whole, e.lanes) as j:
        _column(e, tile, pitch, Place(place.batch, place.row, place.column + j), (height, j), moments)
    with end.builder.if_then((whole < end).value):
        mask = first(end - whole, e.lanes)
        _column(e, tile, pitch, Place(place.batch, place.row, place.column + whole, mask), (height, whole), moments)


def _column(
    e: Applied, tile: Pointer, pitch: int, place: Place, extent: tuple[Register, Register], moments: Moments | None
) -> None:
    height, j = extent
    column = once_per_column(e, place)

    def row(r: Register) -> tuple[Register, ...]:
        here = Place(place.batch, place.row + r, place.column, place.mask)
        return apply(e, load(tile, r * pitch + j, e.lanes), here, column | once_per_row(e, here))

    if moments is None:
        with loop(0, height) as r:
            row(r)
        return
    zero = zero_vector(j.builder, moments.mean.dtype, e.lanes)
    known = _load_part(moments.mean, j, place, e.lanes)
    with reduction(height, [known, zero, zero]) as (r, (mean, total, squares), after):
        value = row(r)[-1]
        mean = select(moments.done + r > 0, mean, value)
        after += [mean, *_with_row(total, squares, value - mean)]
    merge(e, moments, place, j, height, (after[0], after[1], after[2]))


def piece_bounds(tiles: Register, piece: Register) -> tuple[Register, Register]:
    """The first tile of a piece, and the first after it."""
    return tuple(quotient(tiles * p, integer_constant(piece.builder, PIECES)) for p in (piece, piece + 1))  # type: ignore[return-value]


def begin_piece(
    e: Applied, piece: Register, column: Register, width: Register, rows: Register
) -> tuple[Pointer, Pointer]:
    """Note the number of a piece's rows for `width` columns from `column` on; where their means and squares go."""
    channels: Register = e.slots["channels"]
    start = moved(e.slots["partial"], piece * 3 * channels + column)
    dtype = start.dtype
    with loop(0, width, e.lanes) as j:
        mask = first(width - j, e.lanes)
        store_masked(start, j, broadcast(convert(rows, dtype), e.lanes), mask)
        for part in (1, 2):
            store_masked(moved(start, channels * part), j, zero_vector(j.builder, dtype, e.lanes), mask)
    return moved(start, channels), moved(start, channels * 2)
