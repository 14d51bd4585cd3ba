"""Template of the gradients of a depthwise convolution, one pass over the images for all that is wanted.

The unit of work is a piece of the images and a bundle of neighboring channels. The cotangent's rows stand in rings in
the L1 cache. For each row of the image, what was convolved is brought beside them (copied, or *mixed* once more from
the values it was mixed from), the row of its cotangent and the sums of the weight's gradient are taken from the rows
in the ring, and if mixed, the cotangent is masked where the sum was not positive, stored, and summed over the image:
alone, and times what each value was above its mean.
"""

from __future__ import annotations

from typing import Literal

from nngraph_kernels.cpu.depthwise import SIZES, WINDOW, traced_module
from nngraph_kernels.cpu.depthwise_layout import Block, Pair
from nngraph_kernels.record import record

LAYOUT = ("bundle", "slots", "row", "lead", "groups", "share")
POINTERS = {
    "data": ("dx", "dy", "weight", "scratch"),
    "weight": ("dweight", "x", "dy", "scratch"),
    "mixed": ("dp", "dweight", "total", "centered", "dy", "s", "weight", "scratch"),
}


@record
class DepthwiseBackwardSpec:
    """Which gradients.

    Attributes
    ----------
    block : Block
    wanted : {"data", "weight", "mixed"}
        "mixed": both, and the sums over the cotangent of what was mixed.
    square : (int, int) or None
        As in `depthwise.DepthwiseSpec`.
    """

    block: Block
    wanted: Literal["data", "weight", "mixed"]
    square: Pair | None = None


def arguments(spec: DepthwiseBackwardSpec) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `dx` or `dp` (images, height, width, channels); `dweight` (pieces, rows, columns, channels), `total`
    (pieces, channels) and `centered` (pieces, values, channels), to be added up; `x`, or `s`, the weights of the
    values; `dy` (images, result_height, result_width, channels), `weight` (rows, columns, channels), `scratch`.
    Ints: `pieces`, of which piece p is the images p / pieces to (p + 1) / pieces; the sizes; the fields of
    `depthwise_layout.backward_layout`; the window if it is no constant; `values` if mixed. Then the list: for each
    value x_i, mean_i, factor_i, offset_i.
    """
    window = () if spec.square else WINDOW
    values = ("values",) if spec.wanted == "mixed" else ()
    return (*POINTERS[spec.wanted], "pieces", *SIZES, *LAYOUT, *window, *values)


def source(name: str, spec: DepthwiseBackwardSpec) -> str:
    """The source text of the kernel `name`."""
    title = f"Gradients of a depthwise convolution ({spec.wanted}), {spec.block.dtype}."
    return traced_module(name, title, arguments(spec), "depthwise_backward", "depthwise_backward_kernel", spec)
