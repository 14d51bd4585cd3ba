"""Template of the depthwise convolution: each channel with a window of its own, sizes known at run time.

The unit of work is an image and a bundle of neighboring channels, so that memory is read in long runs. Rows of the
image are brought into rings of rows in the L1 cache, one for each vector of channels, as the window comes down to
them, and convolved there. A row is copied, or it is *mixed* on the way: what is convolved is then max(0, Σ s_i z_i),
with z_i = (x_i − mean_i) factor_i + offset_i for a list of values of any length, as a node of a randomly wired network
takes it (Xie et al. 2019); none of it is ever written to memory. The zeros of the padding stand around the row after
that.
"""

from __future__ import annotations

from nngraph_kernels.cpu.depthwise_layout import Block, Pair
from nngraph_kernels.record import record

SIZES = ("images", "height", "width", "result_height", "result_width", "channels", "top", "left")
LAYOUT = ("bundle", "slots", "row", "share")
POINTERS = 4
WINDOW = ("rows", "columns", "down", "across", "down_dilation", "across_dilation")


@record
class DepthwiseSpec:
    """Which depthwise convolution.

    Attributes
    ----------
    block : Block
    square : (int, int) or None
        Size and stride of a square window that is a constant of the kernel; None where the window is an argument.
    mixed : bool
        Whether rows are mixed from a list of values rather than copied.
    """

    block: Block
    square: Pair | None = None
    mixed: bool = False


def arguments(spec: DepthwiseSpec) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `y` (images, result_height, result_width, channels); `x` (images, height, width, channels), or `s`,
    the weights of the values, if mixed; `weight` (rows, columns, channels); `scratch`. Ints: the sizes, zeros at the
    `top` and `left` of the image; of `depthwise_layout.forward_layout` what `LAYOUT` names; the window if it is no
    constant; `values` if mixed. Then the list: for each value x_i, mean_i, factor_i, offset_i.
    """
    window = () if spec.square else WINDOW
    values = ("values",) if spec.mixed else ()
    return ("y", "s" if spec.mixed else "x", "weight", "scratch", *SIZES, *LAYOUT, *window, *values)


def source(name: str, spec: DepthwiseSpec) -> str:
    """The source text of the kernel `name`."""
    what = "a mixture of normalized values" if spec.mixed else "images"
    title = f"Depthwise convolution of {what}, {spec.block.dtype}."
    return traced_module(name, title, arguments(spec), "depthwise", "depthwise_kernel", spec)


def traced_module(name: str, title: str, slots: tuple[str, ...], template: str, maker: str, spec: object) -> str:
    """The text of a kernel that is one function of `<template>_kernel`, which writes instructions."""
    lines = [
        f'"""{title}"""',
        "",
        *(f"# args[{i}] is {slot}" for i, slot in enumerate(slots)),
        "",
        f"from nngraph_kernels.cpu.{template} import {type(spec).__name__}",
        f"from nngraph_kernels.cpu.{template}_kernel import {maker}",
        "from nngraph_kernels.cpu.depthwise_layout import Block",
        "",
        f"run = {maker}({spec!r})",
        "",
        "",
        f"def {name}(args, thread, threads):",
        "    run(args, thread, threads)",
    ]
    return "\n".join(lines) + "\n"
