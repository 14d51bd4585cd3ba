"""Patches of images as the rows of a matrix, read where they stand or gathered.

Row m of the matrix is what a window sees at pixel m of the result, zeros where it sees padding; the columns are in
the order of the filters' weights. A patch consists of *runs* of elements that are neighbors in the image: a row of
the window where its pixels and all of their channels are, otherwise the channels of one pixel.

The patches of neighboring pixels inside of the image are a constant distance apart and read in place. Where patches
have to be copied, those that do not leave the image to the left or right are copied together, row by row of the window;
others one by one, clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.flow import declared, moved, reduction, short_loop
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.record import record
from nngraph_kernels.simd.arguments import integer
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load_masked, store
from nngraph_kernels.simd.register import Pointer, Register

Corner = tuple[Register, Register]
Place = tuple[Register, Register, Register]


@record(eq=False)
class Part:
    """Which runs of a patch are copied, and where to.

    Attributes
    ----------
    first, count : Register
        The first run, by rows and columns of runs, and how many there are.
    bounds : callable
        ``bounds(number) -> (begin, end, place)`` of one of them: the elements that are copied, and where element 0
        of the run belongs in the copy of its patch.
    patch : Register or int
        Elements from one patch's copy to the next.
    """

    first: tuple[Register, Register]
    count: Register
    bounds: Callable[[Register], tuple[Register, Register, Register]]
    patch: Register | int


@record(eq=False)
class Patches:
    """Patches for a register tile: the first one, and elements from patch to patch, from run to run."""

    start: Pointer
    patch: Register
    run: Register


def patches_of(
    blocking: Blocking, args: Pointer, slot: int, images: Pointer, start: Register, height: Register, strip: Pointer
) -> Patches:
    """The patches of `height` pixels from `start` on, where they stand in the image or copied into a strip.

    The geometry is in the slots from `slot` on. They are read in place if they are neighbors inside of one image, and
    their runs equally far apart. The strip holds the first runs of all patches, then the second ones.
    """
    g, none = _geometry(args, slot), start - start
    length, place = g["run_length"], _place(g, start)
    row = (length + (blocking.lanes - 1)) & -blocking.lanes
    in_place = _is_inside(g, *place, blocking.rows) & (height > blocking.rows - 1) & (g["runs_x"] < 2)
    with start.builder.if_then((~in_place).value):
        runs = g["runs_y"] * g["runs_x"]
        part = Part((none, none), runs, lambda run: (none, length, run * row * blocking.rows), row)
        _copy_patches(blocking, g, images, place, height, part, strip)
    image, (y, x) = _corner(g, images, *place)
    standing = moved(image, (y * g["image_width"] + x) * g["pixel"])
    chosen = start.builder.select(in_place.value, standing.value, strip.value)
    run = select(in_place, g["step_y"] * g["image_width"] * g["pixel"], row * blocking.rows)
    return Patches(Pointer(start.builder, strip.dtype, chosen), select(in_place, g["stride_x"] * g["pixel"], row), run)


@cache
def patch_row_packer(blocking: Blocking, slot: int, pitch: int) -> Any:
    """A function for kernels, `pack(args, images, start, count, top, bottom, rows)`: elements `top` to `bottom` of
    `count` patches, each in a row of its own, `pitch` elements from the one before.

    It writes up to a vector's lanes beyond each row.
    """

    def pack(args, images, start, count, top, bottom, rows) -> None:
        g = _geometry(args, slot)
        none, length = start - start, g["run_length"]
        before = _quotient(top, length)
        i = _quotient(before, g["runs_x"])

        def bounds(run: Register) -> tuple[Register, Register, Register]:
            place = (before + run) * length - top
            return _larger(none, none - place), _least(length, bottom - top - place), place

        runs = _quotient(bottom - 1, length) - before + 1
        part = Part((i, before - i * g["runs_x"]), runs, bounds, pitch)
        _copy_patches(blocking, g, images, _place(g, start), count, part, rows)

    return declared(pack, blocking.dtype, "apnnnnp", (blocking, slot, pitch))


def _copy_patches(
    blocking: Blocking, g: dict[str, Register], images: Pointer, place: Place, count: Register, part: Part, to: Pointer
) -> None:
    """Copy parts of `count` patches, those of one row of pixels after those of another."""
    b, y, x = place
    rows = _quotient(x + count - 1, g["result_width"]) + 1
    with reduction(rows, [b, y, x, x - x]) as (_, (b, y, x, done), following):
        here = _least(count - done, g["result_width"] - x)
        before, after = _inside(g, x, here)
        between, image = after - before, _corner(g, images, b, y, x)
        _copy_neighbors(blocking, g, image, before, between, part, moved(to, done * part.patch))
        with short_loop(0, here - between) as n:
            r = n + select(n < before, 0, between)
            clipped = _corner(g, images, b, y, x + r)
            _copy_clipped(blocking, g, clipped, part, moved(to, (done + r) * part.patch))
        image_ends = (y + 1).equals(g["result_height"])
        following += [select(image_ends, b + 1, b), select(image_ends, 0, y + 1), x - x, done + here]


def _inside(g: dict[str, Register], x: Register, count: Register) -> tuple[Register, Register]:
    """The first of `count` pixels from `x` on whose window does not leave the image sideways, and the one after."""
    corner = x * g["stride_x"] - g["padding_x"]
    before = _quotient(select(corner < 0, 0 - corner, 0) + (g["stride_x"] - 1), g["stride_x"])
    room = g["last_inside"] - corner
    after = select(room < 0, 0, _quotient(room, g["stride_x"]) + 1)
    before = _least(before, count)
    return before, _larger(before, _least(after, count))


def _copy_neighbors(
    blocking: Blocking, g: dict[str, Register], image: tuple[Pointer, Corner], start: Register, count: Register,
    part: Part, to: Pointer,
) -> None:  # fmt: skip
    """Copy patches from the `start`-th pixel on, zeros for rows of the window above or below the image."""
    lanes, distance = blocking.lanes, g["stride_x"] * g["pixel"]
    with _runs(g, *image, part) as (run, seen, begin, end, place):
        first_run, limit = moved(run, start * distance), select(seen[1] > 0, end, 0)
        first_copy = moved(to, start * part.patch + place)
        with short_loop(begin, end, lanes) as k:
            inside = first(limit - k, lanes)
            with short_loop(0, count) as r:
                vector = load_masked(moved(first_run, r * distance), k, inside)
                store(moved(first_copy, r * part.patch), k, vector)


def _copy_clipped(
    blocking: Blocking, g: dict[str, Register], image: tuple[Pointer, Corner], part: Part, to: Pointer
) -> None:
    """Copy one patch, zeros where it is not in the image."""
    lanes = blocking.lanes
    with _runs(g, *image, part) as (run, seen, begin, end, place), short_loop(begin, end, lanes) as k:
        inside = first(seen[1] - k, lanes) & ~first(seen[0] - k, lanes)
        store(moved(to, place), k, load_masked(run, k, inside))


@contextmanager
def _runs(
    g: dict[str, Register], image: Pointer, corner: Corner, part: Part
) -> Generator[tuple[Pointer, tuple[Register, Register], Register, Register, Register]]:
    """A loop over runs: where one lies, the first and last of its elements in the image, and its bounds."""
    with reduction(part.count, list(part.first)) as (number, (i, j), following):
        y, x = corner[0] + i * g["step_y"], corner[1] + j * g["step_x"]
        limit = select((y > -1) & (y < g["image_height"]), g["run_length"], 0)
        seen = 0 - x * g["pixel"], _least(limit, (g["image_width"] - x) * g["pixel"])
        yield moved(image, (y * g["image_width"] + x) * g["pixel"]), seen, *part.bounds(number)
        row_ends = (j + 1).equals(g["runs_x"])
        following += [select(row_ends, i + 1, i), select(row_ends, 0, j + 1)]


def _geometry(args: Pointer, slot: int) -> dict[str, Register]:
    return {name: integer(args, slot + k) for k, name in enumerate(GEOMETRY)}


def _place(g: dict[str, Register], pixel: Register) -> Place:
    """Image, row and column of a pixel of the results."""
    above = _quotient(pixel, g["result_width"])
    b = _quotient(above, g["result_height"])
    return b, above - b * g["result_height"], pixel - above * g["result_width"]


def _corner(g: dict[str, Register], images: Pointer, b: Register, y: Register, x: Register) -> tuple[Pointer, Corner]:
    """The image that a pixel of the results sees, and the pixel at which its window begins."""
    image = moved(images, b * g["image_height"] * g["image_width"] * g["pixel"])
    return image, (y * g["stride_y"] - g["padding_y"], x * g["stride_x"] - g["padding_x"])


def _is_inside(g: dict[str, Register], b: Register, y: Register, x: Register, count: int) -> Register:
    """Whether what the windows of `count` pixels of one row see is all inside of the image."""
    top, left = y * g["stride_y"] - g["padding_y"], x * g["stride_x"] - g["padding_x"]
    rows = (top > -1) & (top + (g["runs_y"] - 1) * g["step_y"] < g["image_height"])
    columns = (left > -1) & (left + g["stride_x"] * (count - 1) < g["last_inside"] + 1)
    return rows & columns & (x + (count - 1) < g["result_width"])


def _quotient(a: Register, b: Register) -> Register:
    return a.like(a.builder.sdiv(a.value, b.value))


def _least(a: Register, b: Register) -> Register:
    return select(a < b, a, b)


def _larger(a: Register, b: Register) -> Register:
    return select(a < b, b, a)
