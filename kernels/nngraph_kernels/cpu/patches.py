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
from nngraph_kernels.cpu.flow import declared, loop, moved, reduction
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
        with _patches(g, images, start, height) as (r, image, corner):
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
    above = _quotient(start, g["result_width"])
    image = _quotient(above, g["result_height"])
    place = [image, above - image * g["result_height"], start - above * g["result_width"]]
    with reduction(count, place) as (r, (b, y, x), following):
        corner = y * g["stride_y"] - g["padding_y"], x * g["stride_x"] - g["padding_x"]
        yield r, moved(images, b * g["image_height"] * g["image_width"] * g["pixel"]), corner
        following += _next_pixel(g, b, y, x)


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
    with loop(0, g["runs_y"]) as i, loop(0, g["runs_x"]) as j:
        run, seen = _run(g, image, corner, i, j)
        _copy_run(blocking, run, length, seen, moved(strip, (i * g["runs_x"] + j) * run_size))


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
    lanes = blocking.lanes
    with loop(0, part[1] - part[0], lanes) as k:
        at = part[0] + k
        inside = first(seen[1] - at, lanes) & ~first(seen[0] - at, lanes)
        store(to, at, load_masked(run, at, inside))


def _copy_run(blocking: Blocking, run: Pointer, length: Register, seen: tuple[Register, Register], to: Pointer) -> None:
    """Copy the elements of a run that are seen, zeros before and after, into the layout "rows" of a strip."""
    (begin, end), lanes, builder = seen, blocking.lanes, length.builder
    whole = length & -lanes
    with builder.if_else(((begin < 1) & end.equals(length)).value) as (inside, clipped):
        with inside:
            with loop(0, whole, lanes) as k:
                store(to, k * blocking.rows, load(run, k, lanes))
            with builder.if_then((whole < length).value):
                store(to, whole * blocking.rows, load_masked(run, whole, first(length - whole, lanes)))
        with clipped, loop(0, length, lanes) as k:
            seen = first(end - k, lanes) & ~first(begin - k, lanes)
            store(to, k * blocking.rows, load_masked(run, k, seen))
