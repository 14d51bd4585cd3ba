"""The gradients of a depthwise convolution as instructions: what a kernel of `depthwise_backward` runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from nngraph_kernels.cpu.depthwise_backward import POINTERS, DepthwiseBackwardSpec, arguments
from nngraph_kernels.cpu.depthwise_frame import (
    Frame,
    Place,
    blocks_from,
    frame_of,
    mixture_of,
    most,
    ring_of,
    units,
)
from nngraph_kernels.cpu.depthwise_layout import PIXELS
from nngraph_kernels.cpu.depthwise_mixture import Mixture, finish_row, mix_row, tabulate
from nngraph_kernels.cpu.depthwise_rows import Ring, clear, load_row, store_row, store_sums
from nngraph_kernels.cpu.depthwise_window_backward import Gradients, go_back_row, go_back_square
from nngraph_kernels.cpu.flow import declared, integer_constant, moved, short_reduction
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import least, quotient
from nngraph_kernels.record import record
from nngraph_kernels.simd.register import Pointer, Register


@record(eq=False)
class Work:
    """A call, and the parts of the scratch memory behind the rings.

    Attributes
    ----------
    r, dr : Pointer
        A row of what was convolved, and of its cotangent.
    sums : Pointer
        For each block of a bundle `count` vectors: of the taps, and if mixed, of dp and of each value.
    mixture : Mixture or None
    """

    spec: DepthwiseBackwardSpec
    f: Frame
    r: Pointer
    dr: Pointer
    sums: Pointer
    count: Register
    mixture: Mixture | None

    @property
    def sums_wanted(self) -> bool:
        return self.spec.wanted != "data"


@cache
def depthwise_backward_kernel(spec: DepthwiseBackwardSpec) -> Any:
    """A function for kernels, `run(args, thread, threads)`."""
    names, pointers = arguments(spec), len(POINTERS[spec.wanted])

    def run(args, thread, threads) -> None:
        f = frame_of(spec.block, spec.square, names, pointers, args, thread)
        pixels = f["groups"] * PIXELS
        clear(spec.block, f.ring, (f["bundle"] * f["slots"] + 1) * f["row"] + pixels)
        w = _work(spec, f, len(names), pixels)
        if w.mixture:
            tabulate(w.mixture, f["s"])
        with units(f, f["pieces"], thread, threads) as (piece, first):
            _piece(w, piece, first)

    return declared(run, spec.block.dtype, "ann", spec)


def _work(spec: DepthwiseBackwardSpec, f: Frame, slot: int, pixels: Register) -> Work:
    lanes, r = spec.block.lanes, f.behind
    sums = moved(r, pixels * 2 * lanes)
    taps = pixels * 0 + f["rows"] * f["columns"]
    mixed = spec.wanted == "mixed"
    count = taps + 1 + f["values"] if mixed else taps
    mixture = mixture_of(f, slot, moved(sums, f["bundle"] * count * lanes), ahead=True) if mixed else None
    return Work(spec, f, r, moved(r, pixels * lanes), sums, count, mixture)


def _piece(w: Work, piece: Register, first: Register) -> None:
    """The images of a piece, and a bundle."""
    f = w.f
    if w.sums_wanted:
        clear(w.spec.block, w.sums, f["bundle"] * w.count)
    start, stop = (quotient(f["images"] * p, f["pieces"]) for p in (piece, piece + 1))
    down = f["down"] if w.spec.square is None else integer_constant(piece.builder, f["down"])
    with loop(start, stop) as image, short_reduction(f["height"], [image * 0]) as (h, (filled,), results):
        needed = least(quotient(h + f["top"], down) + 1, f["result_height"])
        with loop(filled, needed) as r:
            _bring(w, image, r, first)
        results.append(most(filled, needed))
        with blocks_from(f, first) as place:
            _row(w, image, h, place)
    if w.sums_wanted:
        with blocks_from(f, first) as place:
            _leave(w, piece, place)


def _bring(w: Work, image: Register, r: Register, first: Register) -> None:
    """Row r of the cotangent into the rings, its columns as far apart as they were seen."""
    f = w.f
    with blocks_from(f, first) as place:
        at = (image * f["result_height"] + r) * f["result_width"] * f["channels"] + place.c
        to = moved(ring_of(f, place, f["result_height"]).slot(r), f["lead"] * w.spec.block.lanes)
        load_row(f.held, moved(f["dy"], at), f["result_width"], to, 1 if w.spec.square else f["across"])


def _row(w: Work, image: Register, h: Register, place: Place) -> None:
    """Row h of an image, for a block: what was convolved, then the gradients, then what leaves."""
    f, lanes, width = w.f, w.spec.block.lanes, w.f["width"]
    at = (image * f["height"] + h) * width * f["channels"] + place.c
    # Square windows go over the columns by their remainder, and begin with remainder 0.
    shift = (f["left"] & (f["across"] - 1)) * lanes if w.spec.square else h * 0
    r, dr = moved(w.r, shift), moved(w.dr, shift)
    sums = moved(w.sums, place.number * w.count * lanes)
    if w.mixture:
        mix_row(w.mixture, at, place.c, width, r)
    elif w.sums_wanted:
        load_row(f.held, moved(f["x"], at), width, r)
    data, weight = w.spec.wanted != "weight", w.sums_wanted
    gradients = Gradients(f.held, data, weight, f["groups"], w.r, w.dr, sums)
    _gradients(w, gradients, ring_of(f, place, f["result_height"]), h, place)
    if w.mixture:
        finish_row(w.mixture, at, place.c, width, r, dr, f["dp"], moved(sums, f["rows"] * f["columns"] * lanes))
    elif data:
        store_row(f.held, dr, width, moved(f["dx"], at))


def _gradients(w: Work, g: Gradients, ring: Ring, h: Register, place: Place) -> None:
    f, down, lanes = w.f, h + w.f["top"], w.spec.block.lanes
    weight = moved(f["weight"], place.c) if g.data else f["dy"]
    if w.spec.square:
        start = f["lead"] + (f["left"] >> (f["across"].bit_length() - 1))
        go_back_square(g, w.spec.square, ring, down, weight, start)
        return
    if g.data:
        clear(w.spec.block, w.dr, f["groups"] * PIXELS)
    with loop(0, f["rows"]) as ky:
        padded = down - ky * f["down_dilation"]
        r = quotient(padded, f["down"])
        meets = (padded >= 0) & (r * f["down"]).equals(padded) & (r < ring.height)
        with h.builder.if_then(meets.value):
            dy = moved(ring.slot(r), (f["lead"] + f["left"]) * lanes)
            of_row = Gradients(g.held, g.data, g.weight, g.groups, g.r, g.dr, moved(g.sums, ky * f["columns"] * lanes))
            taps = moved(weight, ky * f["columns"] * f["channels"]) if g.data else weight
            go_back_row(of_row, dy, f["columns"], f["across_dilation"], taps)


def _leave(w: Work, piece: Register, place: Place) -> None:
    """The sums of a piece, for a block."""
    f, lanes = w.f, w.spec.block.lanes
    sums, taps = moved(w.sums, place.number * w.count * lanes), piece * 0 + f["rows"] * f["columns"]
    store_sums(f.held, sums, taps, moved(f["dweight"], piece * taps * f["channels"] + place.c))
    if w.mixture:
        others = moved(sums, taps * lanes)
        one = integer_constant(piece.builder, 1)
        store_sums(f.held, others, one, moved(f["total"], piece * f["channels"] + place.c))
        to = moved(f["centered"], piece * f["values"] * f["channels"] + place.c)
        store_sums(f.held, moved(others, lanes), f["values"], to)
