"""The depthwise convolution as instructions: what a kernel of the template `depthwise` runs."""

from __future__ import annotations

from functools import cache
from typing import Any

from nngraph_kernels.cpu.depthwise import POINTERS, DepthwiseSpec, arguments
from nngraph_kernels.cpu.depthwise_frame import Frame, Place, blocks_from, frame_of, mixture_of, most, ring_of, units
from nngraph_kernels.cpu.depthwise_mixture import Mixture, mix_pixels, tabulate
from nngraph_kernels.cpu.depthwise_rows import clear, groups, load_row
from nngraph_kernels.cpu.depthwise_window import convolve_any, convolve_square
from nngraph_kernels.cpu.flow import declared, moved, short_reduction
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import least
from nngraph_kernels.simd.register import Pointer, Register


@cache
def depthwise_kernel(spec: DepthwiseSpec) -> Any:
    """A function for kernels, `run(args, thread, threads)`."""
    names = arguments(spec)

    def run(args, thread, threads) -> None:
        f = frame_of(spec.block, spec.square, names, POINTERS, args, thread)
        clear(spec.block, f.ring, (f["bundle"] * f["slots"] + 1) * f["row"])
        mixture = mixture_of(f, len(names), f.behind, ahead=False) if spec.mixed else None
        if mixture:
            tabulate(mixture, f["s"])
        with units(f, f["images"], thread, threads) as (image, first):
            _convolve(spec, f, mixture, image, first)

    return declared(run, spec.block.dtype, "ann", spec)


def _convolve(spec: DepthwiseSpec, f: Frame, mixture: Mixture | None, image: Register, first: Register) -> None:
    """An image and a bundle: row by row of the result, the rows that it needs are brought in before."""
    reach = (f["rows"] - 1) * f["down_dilation"]
    with short_reduction(f["result_height"], [image * 0]) as (h, (filled,), results):
        top = h * f["down"] - f["top"]
        stop = least(top + reach + 1, f["height"])
        with loop(most(filled, top), stop) as r:
            _bring(f, mixture, image, r, first)
        results.append(most(filled, stop))
        with blocks_from(f, first) as place:
            ring, weight = ring_of(f, place, f["height"]), moved(f["weight"], place.c)
            width = f["result_width"]
            y = moved(f["y"], (image * f["result_height"] + h) * width * f["channels"] + place.c)
            if spec.square:
                convolve_square(spec.square, f.held, ring, top, weight, width, y)
            else:
                convolve_any(f.slots, f.held, ring, top, weight, width, y)


def _bring(f: Frame, mixture: Mixture | None, image: Register, r: Register, first: Register) -> None:
    """Row r of the image, or of the mixture, into the rings."""
    width, start = f["width"], (image * f["height"] + r) * f["width"] * f["channels"]

    def slot(place: Place) -> Pointer:
        return moved(ring_of(f, place, f["height"]).slot(r), f["left"] * f.held.block.lanes)

    def mix(j: Register, pixels: int) -> None:
        assert mixture
        with blocks_from(f, first) as place:
            mix_pixels(mixture, start + place.c, place.c, width, slot(place), (j, pixels))

    if mixture:  # all blocks of some pixels, then the next: in the order in which they lie in memory
        groups(width, mix)
        return
    with blocks_from(f, first) as place:
        load_row(f.held, moved(f["x"], start + place.c), width, slot(place))
