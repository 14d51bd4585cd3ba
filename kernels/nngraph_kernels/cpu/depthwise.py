"""Template of the depthwise convolution: each channel with a window of its own, sizes known at run time.

The unit of work is an image and a bundle of neighboring channels, so that memory is read in long runs. Rows of the
image are brought into rings of rows in the L1 cache, one for each vector of channels, as the window comes down to
them, and convolved there. A row is copied, or it is *mixed* on the way: what is convolved is then max(0, Σ s_i z_i),
with z_i = (x_i − mean_i) factor_i + offset_i for a list of values of any length, as a node of a randomly wired network
takes it (Xie et al. 2019); none of it is ever written to memory. The zeros of the padding stand around the row after
that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nngraph_kernels.cpu.depthwise_layout import Block, Pair

SIZES = ("images", "height", "width", "result_height", "result_width", "channels", "top", "left")
LAYOUT = ("bundle", "slots", "row", "share")
WINDOW = ("rows", "columns", "down", "across", "down_dilation", "across_dilation")


@dataclass(frozen=True, slots=True)
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
    slots = arguments(spec)
    body = [
        *slot_lines(slots, 4, spec.block.dtype),
        *prepare(spec.square, spec.mixed),
        "clear(ring, (bundle * slots + 1) * row)",
        *(tabulate(len(slots), "zeros", "row") if spec.mixed else []),
        "units = images * bundles",
        "for unit in range(units * thread // threads, units * (thread + 1) // threads):",
        *indent(unit_lines(spec, len(slots))),
    ]
    return "\n".join([*head(spec), f"def {name}(args, thread, threads):", *indent(body)]) + "\n"


def indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def head(spec: DepthwiseSpec) -> Iterator[str]:
    """The module's docstring, imports and primitives."""
    row = "row_mixer, tabulator" if spec.mixed else "row_loader"
    window = "square_convolver" if spec.square else "any_convolver"
    what = "of a mixture of normalized values" if spec.mixed else "of images"
    yield f'"""Depthwise convolution {what}, {spec.block.dtype}."""'
    yield ""
    yield "from nngraph_kernels.cpu.depthwise_layout import Block"
    yield f"from nngraph_kernels.cpu.depthwise_rows import {row}, vectors_cleaner"
    yield f"from nngraph_kernels.cpu.depthwise_window import {window}"
    yield "from nngraph_kernels.simd import integer, offset_pointer, pointer"
    yield ""
    yield f"BLOCK = {spec.block!r}"
    yield f"LANES = {spec.block.lanes}"
    yield "clear = vectors_cleaner(BLOCK)"
    yield from (
        ("mix_row = row_mixer(BLOCK)", "tabulate = tabulator(BLOCK)")
        if spec.mixed
        else ("load_row = row_loader(BLOCK)",)
    )
    yield f"convolve = {window}(BLOCK, {spec.square})" if spec.square else f"convolve = {window}(BLOCK)"
    yield ""
    yield ""


def slot_lines(slots: tuple[str, ...], pointers: int, dtype: str) -> list[str]:
    """Read the argument slots: so many pointers, then ints."""
    lines = [f'{slot} = pointer(args, {i}, "{dtype}")' for i, slot in enumerate(slots[:pointers])]
    return lines + [f"{slot} = integer(args, {i})" for i, slot in enumerate(slots) if i >= pointers]


def prepare(square: Pair | None, mixed: bool) -> list[str]:
    """Statements before all loops: the parts of the scratch memory that every kernel has."""
    lines = []
    if square:
        size, stride = square
        lines = [f"rows = columns = {size}", f"down = across = {stride}", "down_dilation = 1"]
    return [
        *lines,
        "blocks = (channels + LANES - 1) // LANES",
        "ring = offset_pointer(scratch, thread * share)",
        "bundles = (blocks + bundle - 1) // bundle",
        "ring_size = slots * row * LANES",
        "zeros = offset_pointer(ring, bundle * ring_size)",
    ]


def tabulate(slot: int, before: str, vectors: str) -> list[str]:
    """The factors of what is mixed, in the scratch memory behind `vectors` vectors at `before`."""
    return [
        f"table = offset_pointer({before}, {vectors} * LANES)",
        "table_row = blocks * LANES",
        f"tabulate(args, {slot}, values, s, channels, table, table_row)",
    ]


def bundle_lines() -> list[str]:
    """The blocks of channels of a unit."""
    return ["first_block = unit % bundles * bundle", "stop_block = min(first_block + bundle, blocks)"]


def block_lines(block: Block) -> list[str]:
    """For each block of the unit, its first channel and its ring."""
    return [
        "for block in range(first_block, stop_block):",
        "    c = 0" if block.narrow else "    c = min(block * LANES, channels - LANES)",
        "    ring_here = offset_pointer(ring, (block - first_block) * ring_size)",
    ]


def unit_lines(spec: DepthwiseSpec, slot: int) -> list[str]:
    """One image and a bundle of blocks of channels."""
    known = "ring_here, row * LANES, zeros, first_row, height, w, channels, result_width, y_row"
    window = "" if spec.square else ", slots, rows, columns, across, down_dilation, across_dilation"
    convolve = f"convolve({known}{window})"
    at = "(image * height + r) * width * channels + c"
    to = "offset_pointer(ring_here, ((r & (slots - 1)) * row + left) * LANES)"
    if spec.mixed:
        fill = f"mix_row(args, {slot}, values, {at}, channels, width, offset_pointer(table, c), table_row, {to})"
    else:
        fill = f"load_row(offset_pointer(x, {at}), channels, width, {to}, 1)"
    return [
        "image = unit // bundles",
        *bundle_lines(),
        "filled = 0",
        "for h in range(result_height):",
        "    first_row = h * down - top",
        "    stop = min(first_row + (rows - 1) * down_dilation + 1, height)",
        "    for r in range(max(filled, first_row), stop):",
        *indent(indent(block_lines(spec.block))),
        f"            {fill}",
        "    filled = max(filled, stop)",
        *indent(block_lines(spec.block)),
        "        y_row = offset_pointer(y, (image * result_height + h) * result_width * channels + c)",
        "        w = offset_pointer(weight, c)",
        f"        {convolve}",
    ]
