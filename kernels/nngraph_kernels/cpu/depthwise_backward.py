"""Template of the gradients of a depthwise convolution, one pass over the images for all that is wanted.

The unit of work is a piece of the images and a bundle of neighboring channels. The cotangent's rows stand in rings in
the L1 cache. For each row of the image, what was convolved is brought beside them (copied, or *mixed* once more from
the values it was mixed from), the row of its cotangent and the sums of the weight's gradient are taken from the rows
in the ring, and if mixed, the cotangent is masked where the sum was not positive, stored, and summed over the image:
alone, and times what each value was above its mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nngraph_kernels.cpu.depthwise import (
    SIZES,
    WINDOW,
    block_lines,
    bundle_lines,
    indent,
    prepare,
    slot_lines,
    tabulate,
)
from nngraph_kernels.cpu.depthwise_layout import PIXELS, Block, Pair

LAYOUT = ("bundle", "slots", "row", "lead", "groups", "share")
POINTERS = {
    "data": ("dx", "dy", "weight", "scratch"),
    "weight": ("dweight", "x", "dy", "scratch"),
    "mixed": ("dp", "dweight", "total", "centered", "dy", "s", "weight", "scratch"),
}

OF_ROWS = {
    "data": {"store_row": "row_storer(BLOCK)"},
    "weight": {"store_sums": "sums_storer(BLOCK)"},
    "mixed": {
        "mix_row": "row_mixer(BLOCK, ahead=True)",
        "tabulate": "tabulator(BLOCK)",
        "finish_row": "row_finisher(BLOCK)",
        "store_sums": "sums_storer(BLOCK)",
    },
}


@dataclass(frozen=True, slots=True)
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
    slots, mixed = arguments(spec), spec.wanted == "mixed"
    body = [
        *slot_lines(slots, len(POINTERS[spec.wanted]), spec.block.dtype),
        *prepare(spec.square, mixed),
        f"pixels = groups * {PIXELS}",
        "image_row = offset_pointer(zeros, row * LANES)",
        "cotangent_row = offset_pointer(image_row, pixels * LANES)",
        "all_sums = offset_pointer(cotangent_row, pixels * LANES)",
        f"count = rows * columns{' + 1 + values' if mixed else ''}",
        "clear(ring, (bundle * slots + 1) * row + pixels)",
        *(tabulate(len(slots), "all_sums", "bundle * count") if mixed else []),
        f"shift = {'left % across' if spec.square else '0'}",
        f"start = lead + {'left // across' if spec.square else 'left'}",
        "units = pieces * bundles",
        "for unit in range(units * thread // threads, units * (thread + 1) // threads):",
        *indent(unit_lines(spec, len(slots))),
    ]
    return "\n".join([*head(spec), f"def {name}(args, thread, threads):", *indent(body)]) + "\n"


def head(spec: DepthwiseBackwardSpec) -> Iterator[str]:
    """The module's docstring, imports and primitives."""
    made = {"clear": "vectors_cleaner(BLOCK)", "load_row": "row_loader(BLOCK)", **OF_ROWS[spec.wanted]}
    wanted = f"Wanted(data={spec.wanted != 'weight'}, weight={spec.wanted != 'data'})"
    window = "square_transposer" if spec.square else "any_transposer"
    yield f'"""Gradients of a depthwise convolution ({spec.wanted}), {spec.block.dtype}."""'
    yield ""
    yield "from nngraph_kernels.cpu.depthwise_layout import Block"
    makers = sorted(call.partition("(")[0] for call in made.values())
    yield f"from nngraph_kernels.cpu.depthwise_rows import {', '.join(makers)}"
    yield f"from nngraph_kernels.cpu.depthwise_window_backward import Wanted, {window}"
    yield "from nngraph_kernels.simd import integer, offset_pointer, pointer"
    yield ""
    yield f"BLOCK = {spec.block!r}"
    yield f"LANES = {spec.block.lanes}"
    yield from (f"{function} = {call}" for function, call in made.items())
    yield f"go_back = {window}(BLOCK, {f'{spec.square}, ' if spec.square else ''}{wanted})"
    yield ""
    yield ""


def unit_lines(spec: DepthwiseBackwardSpec, slot: int) -> list[str]:
    """One piece of the images and a bundle of blocks of channels."""
    sums = spec.wanted != "data"
    blocks = [*block_lines(spec.block), "    sums = offset_pointer(all_sums, (block - first_block) * count * LANES)"]
    return [
        "piece = unit // bundles",
        *bundle_lines(),
        *(["clear(all_sums, bundle * count)"] if sums else []),
        "for image in range(images * piece // pieces, images * (piece + 1) // pieces):",
        "    filled = 0",
        "    for h in range(height):",
        "        stop = min((h + top) // down + 1, result_height)",
        "        for r in range(filled, stop):",
        *indent(indent(indent(block_lines(spec.block)))),
        *indent(indent(indent(indent(load_lines("across" if spec.square is None else "1"))))),
        "        filled = max(filled, stop)",
        *indent(indent(blocks)),
        "            at = (image * height + h) * width * channels + c",
        *indent(indent(indent(image_lines(spec, slot)))),
        *indent(indent(indent(square_lines(spec) if spec.square else window_lines(spec)))),
        *indent(indent(indent(finish_lines(spec, slot)))),
        *([*blocks, *indent(sums_lines(spec))] if sums else []),
    ]


def load_lines(step: str) -> list[str]:
    """Row r of the cotangent enters the ring."""
    return [
        "from_row = offset_pointer(dy, (image * result_height + r) * result_width * channels + c)",
        "to_row = offset_pointer(ring_here, ((r & (slots - 1)) * row + lead) * LANES)",
        f"load_row(from_row, channels, result_width, to_row, {step})",
    ]


def image_lines(spec: DepthwiseBackwardSpec, slot: int) -> list[str]:
    """The row of what was convolved."""
    to = "offset_pointer(image_row, shift * LANES)"
    if spec.wanted == "mixed":
        factors = "offset_pointer(table, c), table_row"
        return [f"mix_row(args, {slot}, values, at, channels, width, {factors}, {to})"]
    return [f"load_row(offset_pointer(x, at), channels, width, {to}, 1)"] if spec.wanted == "weight" else []


def square_lines(spec: DepthwiseBackwardSpec) -> list[str]:
    """The row's gradients where the window is a constant."""
    weight = "dy" if spec.wanted == "weight" else "offset_pointer(weight, c)"
    rows = f"ring_here, row * LANES, zeros, h + top, result_height, {weight}, channels"
    return [f"go_back({rows}, start, groups, image_row, cotangent_row, sums)"]


def window_lines(spec: DepthwiseBackwardSpec) -> list[str]:
    """The row's gradients, a row of the window after the other."""
    weight = "dy" if spec.wanted == "weight" else "offset_pointer(weight, ky * columns * channels + c)"
    tap_sums = "offset_pointer(sums, ky * columns * LANES)"
    return [
        "clear(cotangent_row, pixels)",
        "for ky in range(rows):",
        "    padded = h + top - ky * down_dilation",
        "    r = padded // down",
        "    if padded >= 0 and r * down == padded and r < result_height:",
        "        dy_row = offset_pointer(ring_here, ((r & (slots - 1)) * row + start) * LANES)",
        f"        w = {weight}",
        f"        tap_sums = {tap_sums}",
        "        go_back(dy_row, across_dilation, columns, w, channels, groups, image_row, cotangent_row, tap_sums)",
    ]


def finish_lines(spec: DepthwiseBackwardSpec, slot: int) -> list[str]:
    """The row's cotangent leaves."""
    row = "offset_pointer(cotangent_row, shift * LANES)"
    if spec.wanted == "mixed":
        image = "offset_pointer(image_row, shift * LANES)"
        rest = f"{image}, {row}, dp, offset_pointer(sums, rows * columns * LANES)"
        return [f"finish_row(args, {slot}, values, at, c, channels, width, {rest})"]
    return [f"store_row({row}, width, offset_pointer(dx, at), channels)"] if spec.wanted == "data" else []


def sums_lines(spec: DepthwiseBackwardSpec) -> list[str]:
    """The piece's sums leave."""
    to = "offset_pointer({0}, piece * {1} * channels + c), channels"
    lines = [f"store_sums(sums, rows * columns, {to.format('dweight', '(rows * columns)')})"]
    if spec.wanted == "mixed":
        lines += [
            "others = offset_pointer(sums, rows * columns * LANES)",
            f"store_sums(others, 1, {to.format('total', '1')})",
            f"store_sums(offset_pointer(others, LANES), values, {to.format('centered', 'values')})",
        ]
    return lines
