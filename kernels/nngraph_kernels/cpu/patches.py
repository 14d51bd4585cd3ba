"""Patches of images as the rows of a matrix, gathered while the matrix product packs its strips.

Row m of the matrix is what a window sees at pixel m of the result, zeros where it sees padding; the columns are in
the order of the filters' weights. A patch consists of *runs* of elements that are neighbors in the image: a row of
the window where its pixels and all of their channels are, otherwise the channels of one pixel. The strip holds one
run after the other, each in the layout "rows" and on a vector of its own; see `matmul_tile`.
"""

from __future__ import annotations

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
        g = {name: integer(args, slot + k) for k, name in enumerate(GEOMETRY)}
        above = _quotient(start, g["result_width"])
        image = _quotient(above, g["result_height"])
        place = [image, above - image * g["result_height"], start - above * g["result_width"]]
        with reduction(height, place) as (r, (b, y, x), following):
            window = moved(images, b * g["image_height"] * g["image_width"] * g["pixel"])
            corner = y * g["stride_y"] - g["padding_y"], x * g["stride_x"] - g["padding_x"]
            _pack_patch(blocking, g, window, corner, moved(strip, r * blocking.lanes))
            following += _next_pixel(g, b, y, x)

    return declared(pack, blocking.dtype, "apnnp", (blocking, slot))


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
    length = g["length"]
    run_size = ((length + (blocking.lanes - 1)) & -blocking.lanes) * blocking.rows
    with loop(0, g["runs_y"]) as i:
        y = corner[0] + i * g["step_y"]
        limit = select((y > -1) & (y < g["image_height"]), length, length - length)
        with loop(0, g["runs_x"]) as j:
            x = corner[1] + j * g["step_x"]
            begin = _least(length, (y - y) - x * g["pixel"])
            end = _least(limit, (g["image_width"] - x) * g["pixel"])
            run = moved(image, (y * g["image_width"] + x) * g["pixel"])
            _copy_run(blocking, run, length, begin, end, moved(strip, (i * g["runs_x"] + j) * run_size))


def _least(a: Register, b: Register) -> Register:
    return select(a < b, a, b)


def _copy_run(blocking: Blocking, run: Pointer, length: Register, begin: Register, end: Register, to: Pointer) -> None:
    """Copy the elements from `begin` to `end` of a run, zeros before and after."""
    lanes, builder = blocking.lanes, length.builder
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
