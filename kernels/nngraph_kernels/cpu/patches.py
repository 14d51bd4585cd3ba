"""Patches of images as the rows of a matrix, gathered while the matrix product packs its strips.

Row m of the matrix is what a window sees at pixel m of the result, zeros where it sees padding; the columns are in
the order of the filters' weights. A patch consists of *runs* of elements that are neighbors in the image: a row of
the window where its pixels and all of their channels are, otherwise the channels of one pixel. The strip holds one
run after the other, each in the layout "rows" and on a vector of its own; see `matmul_tile`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.flow import declared, moved, reduction, short_loop
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.simd.arguments import integer
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register


@cache
def patch_packer(blocking: Blocking, slot: int) -> Any:
    """A function for kernels, `pack(args, images, start, height, strip)`: copies `height` patches from `start` on.

    The geometry is in the slots from `slot` on.
    """

    def pack(args, images, start, height, strip) -> None:
        g = _geometry(args, slot)
        place = _place(g, start)
        neighbors = place[2] + (blocking.rows - 1) < g["result_width"]
        _, (y, x) = _corner(g, images, *place)
        inside = neighbors & (height > blocking.rows - 1) & _is_inside(g, y, x, x + g["stride_x"] * (blocking.rows - 1))
        with start.builder.if_else(inside.value) as (together, apart):
            with together:
                _pack_neighbors(blocking, g, *_corner(g, images, *place), strip)
            with apart, _patches(g, images, start, height) as (r, image, corner):
                _pack_patch(blocking, g, image, corner, moved(strip, r * blocking.lanes))

    return declared(pack, blocking.dtype, "apnnp", (blocking, slot))


@cache
def patch_row_packer(blocking: Blocking, slot: int, pitch: int) -> Any:
    """A function for kernels, `pack(args, images, start, count, top, bottom, rows)`: elements `top` to `bottom` of
    `count` patches, each in a row of its own, `pitch` elements from the one before.

    It writes up to a vector's lanes beyond each row.
    """

    def pack(args, images, start, count, top, bottom, rows) -> None:
        g = _geometry(args, slot)
        first_run = _quotient(top, g["run_length"])
        i = _quotient(first_run, g["runs_x"])
        place = [first_run * g["run_length"], i, first_run - i * g["runs_x"]]
        runs = _quotient(bottom - 1, g["run_length"]) - first_run + 1
        with _patches(g, images, start, count) as (r, image, corner):
            to = moved(rows, r * pitch - top)
            with reduction(runs, place) as (_, (begin, i, j), following):
                run, seen = _run(g, image, corner, i, j)
                part = _larger(top - begin, top - top), _least(bottom - begin, g["run_length"])
                _copy_part(blocking, run, part, seen, moved(to, begin))
                row_ends = (j + 1).equals(g["runs_x"])
                following += [begin + g["run_length"], select(row_ends, i + 1, i), select(row_ends, 0, j + 1)]

    return declared(pack, blocking.dtype, "apnnnnp", (blocking, slot, pitch))


def _geometry(args: Pointer, slot: int) -> dict[str, Register]:
    return {name: integer(args, slot + k) for k, name in enumerate(GEOMETRY)}


@contextmanager
def _patches(
    g: dict[str, Register], images: Pointer, start: Register, count: Register
) -> Generator[tuple[Register, Pointer, tuple[Register, Register]]]:
    """A loop over `count` patches from `start` on: number, image, and the pixel at which the window begins."""
    with reduction(count, _place(g, start)) as (r, (b, y, x), following):
        yield r, *_corner(g, images, b, y, x)
        following += _next_pixel(g, b, y, x)


def _place(g: dict[str, Register], pixel: Register) -> list[Register]:
    """Image, row and column of a pixel of the results."""
    above = _quotient(pixel, g["result_width"])
    image = _quotient(above, g["result_height"])
    return [image, above - image * g["result_height"], pixel - above * g["result_width"]]


def _corner(
    g: dict[str, Register], images: Pointer, b: Register, y: Register, x: Register
) -> tuple[Pointer, tuple[Register, Register]]:
    """The image that a pixel of the results sees, and the pixel at which its window begins."""
    image = moved(images, b * g["image_height"] * g["image_width"] * g["pixel"])
    return image, (y * g["stride_y"] - g["padding_y"], x * g["stride_x"] - g["padding_x"])


def _is_inside(g: dict[str, Register], y: Register, x: Register, last_x: Register) -> Register:
    """Whether all is inside of the image that windows see which begin at pixels from (y, x) to (y, last_x)."""
    y_end = y + (g["runs_y"] - 1) * g["step_y"]
    x_end = (last_x + (g["runs_x"] - 1) * g["step_x"]) * g["pixel"] + g["run_length"]
    rows_inside = (y > -1) & (y_end < g["image_height"])
    return rows_inside & (x > -1) & (x_end < g["image_width"] * g["pixel"] + 1)


def _pack_neighbors(
    blocking: Blocking, g: dict[str, Register], image: Pointer, corner: tuple[Register, Register], strip: Pointer
) -> None:
    """Copy the patches of a strip's rows, all inside of one image and one stride apart."""
    length, lanes, distance = g["run_length"], blocking.lanes, g["stride_x"] * g["pixel"]
    whole, rows = length & -lanes, range(blocking.rows)
    run_size = ((length + (lanes - 1)) & -lanes) * blocking.rows
    with short_loop(0, g["runs_y"]) as i, short_loop(0, g["runs_x"]) as j:
        (run, _), to = _run(g, image, corner, i, j), moved(strip, (i * g["runs_x"] + j) * run_size)
        with short_loop(0, whole, lanes) as k:
            for r in rows:
                store(moved(to, r * lanes), k * blocking.rows, load(run, distance * r + k, lanes))
        with length.builder.if_then((whole < length).value):
            rest = first(length - whole, lanes)
            for r in rows:
                store(moved(to, r * lanes), whole * blocking.rows, load_masked(run, distance * r + whole, rest))


def _quotient(a: Register, b: Register) -> Register:
    return a.like(a.builder.sdiv(a.value, b.value))


def _next_pixel(g: dict[str, Register], b: Register, y: Register, x: Register) -> list[Register]:
    row_ends = (x + 1).equals(g["result_width"])
    below = select(row_ends, y + 1, y)
    image_ends = below.equals(g["result_height"])
    return [select(image_ends, b + 1, b), select(image_ends, 0, below), select(row_ends, 0, x + 1)]


def _pack_patch(
    blocking: Blocking, g: dict[str, Register], image: Pointer, corner: tuple[Register, Register], strip: Pointer
) -> None:
    """Copy what the window sees that begins at `corner`, a pixel that may be outside of the image."""
    length = g["run_length"]
    run_size = ((length + (blocking.lanes - 1)) & -blocking.lanes) * blocking.rows
    inside = _is_inside(g, *corner, corner[1])
    with length.builder.if_else(inside.value) as (whole, part):
        with whole, short_loop(0, g["runs_y"]) as i, short_loop(0, g["runs_x"]) as j:
            run, _ = _run(g, image, corner, i, j)
            _copy_run(blocking, run, length, moved(strip, (i * g["runs_x"] + j) * run_size))
        with part, short_loop(0, g["runs_y"]) as i, short_loop(0, g["runs_x"]) as j:
            run, seen = _run(g, image, corner, i, j)
            to = moved(strip, (i * g["runs_x"] + j) * run_size)
            with short_loop(0, length, blocking.lanes) as k:
                store(to, k * blocking.rows, _seen(run, k, seen, blocking.lanes))


def _run(
    g: dict[str, Register], image: Pointer, corner: tuple[Register, Register], i: Register, j: Register
) -> tuple[Pointer, tuple[Register, Register]]:
    """Where a run of a patch lies, and the first and last of its elements that are inside of the image."""
    y, x = corner[0] + i * g["step_y"], corner[1] + j * g["step_x"]
    limit = select((y > -1) & (y < g["image_height"]), g["run_length"], y - y)
    seen = (x - x) - x * g["pixel"], _least(limit, (g["image_width"] - x) * g["pixel"])
    return moved(image, (y * g["image_width"] + x) * g["pixel"]), seen


def _least(a: Register, b: Register) -> Register:
    return select(a < b, a, b)


def _larger(a: Register, b: Register) -> Register:
    return select(a < b, b, a)


def _copy_part(
    blocking: Blocking, run: Pointer, part: tuple[Register, Register], seen: tuple[Register, Register], to: Pointer
) -> None:
    """Copy a part of a run, zeros where nothing is seen, in whole vectors."""
    with short_loop(0, part[1] - part[0], blocking.lanes) as k:
        store(to, part[0] + k, _seen(run, part[0] + k, seen, blocking.lanes))


def _seen(run: Pointer, at: Register, seen: tuple[Register, Register], lanes: int) -> Register:
    """The vector at an element of a run, zeros where nothing is seen."""
    return load_masked(run, at, first(seen[1] - at, lanes) & ~first(seen[0] - at, lanes))


def _copy_run(blocking: Blocking, run: Pointer, length: Register, to: Pointer) -> None:
    """Copy a whole run into the layout "rows" of a strip."""
    lanes = blocking.lanes
    whole = length & -lanes
    with short_loop(0, whole, lanes) as k:
        store(to, k * blocking.rows, load(run, k, lanes))
    with length.builder.if_then((whole < length).value):
        store(to, whole * blocking.rows, load_masked(run, whole, first(length - whole, lanes)))
