"""Templates of the gradients of a depthwise convolution, one pass over the pixels for all that is wanted.

The gradient of the data alone is done a thread a strip of pixels. With sums over pixels, a block takes a piece of the
batch and some channels: its threads go over strips of pixels, take (or *mix*, each just once) what was convolved, and
keep the sums of the taps in registers and those of the values in shared memory, where all are put together in the end,
always in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.depthwise_backward import POINTERS, DepthwiseBackwardSpec, arguments
from nngraph_kernels.cuda import depthwise_frame as frame
from nngraph_kernels.cuda.depthwise_frame import decode, inside, load, store, strips
from nngraph_kernels.cuda.depthwise_gradients import (
    centered_lines,
    clear_lines,
    data_lines,
    leave_lines,
    meeting_lines,
    strip_gradients,
    weight_lines,
)
from nngraph_kernels.cuda.depthwise_layout import STRIP, groups, piece_lanes
from nngraph_kernels.cuda.indices import quotient, quotient_lines
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import indent, module

ROOM = 16  # sums of each thread in shared memory


def source(name: str, spec: DepthwiseBackwardSpec) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.depthwise_backward`."""
    names, pointers = arguments(spec), len(POINTERS[spec.wanted])
    lines = frame.slots(spec.block.dtype, names, pointers, spec.square)
    if spec.square:
        lines += [f"shift = top & {spec.square[1] - 1}", f"strips = {strips('height + shift')}"]
    if spec.wanted == "data":
        lines += strip_lines(*spec.square) if spec.square else pixel_lines()
        return module(name, lines, constants=frame.constants([]))
    lines += piece_lines(spec)
    return module(name, lines, constants=frame.constants(["groups", "piece_lanes"], LISTED=len(names), ROOM=ROOM))


def grid(spec: DepthwiseBackwardSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    given = dict(zip(arguments(spec)[len(POINTERS[spec.wanted]) :], integers, strict=True))
    pieces, images, height, width, channels = (given[k] for k in ("pieces", "images", "height", "width", "channels"))
    shift = given["top"] % spec.square[1] if spec.square else 0
    units = images * width * (-(-(height + shift) // STRIP) if spec.square else height)
    if spec.wanted == "data":
        blocks = -(-units * channels // size.threads)
    else:
        blocks = pieces * groups(channels, piece_lanes(pieces, channels, units))
    return max(1, min(int(blocks), size.blocks)), size.threads


def strip_lines(size: int, stride: int) -> list[str]:
    """The gradient of the data, for a constant window: a thread a strip of pixels."""
    return [
        "for e in range(cuda.grid(1), images * strips * width * channels, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("w", "width"), ("strip", "strips"), ("image", "")),
            f"h = strip * {STRIP} - shift",
            *weight_lines(size),
            *(f"dr{q} = zero" for q in range(STRIP)),
            *strip_gradients(size, stride, data=True, weight=False),
            "place = dx + ((image * height + h) * width + w) * channels + c",
            *stores("dr", "True"),
        ]),
    ]  # fmt: skip


def stores(variable: str, condition: str) -> list[str]:
    """A strip's numbers, each if its row is one of the image."""
    lines: list[str] = []
    for q in range(STRIP):
        lines.append(f"if {inside(q)}:" if condition == "True" else f"if {condition} and {inside(q)}:")
        lines.append("    " + store(f"place + {q} * width * channels", f"{variable}{q}"))
    return lines


def pixel_lines() -> list[str]:
    """The gradient of the data, for any window: a thread a pixel."""
    return [
        "for e in range(cuda.grid(1), images * height * width * channels, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("w", "width"), ("h", "height"), ("image", "")),
            *data_lines(),
            store("dx + e", "dr0"),
        ]),
    ]  # fmt: skip


def piece_lines(spec: DepthwiseBackwardSpec) -> list[str]:
    """Gradients with sums over pixels: a block a piece of the batch and some channels."""
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    units = "strips * width" if spec.square else "height * width"
    return [
        f"shared = cuda.shared.array(ROOM * THREADS, {dtype})",
        f"exponent = piece_lanes(pieces, channels, images * {units})",
        *frame.parts(),
        "for item in range(cuda.blockIdx.x, pieces * chunks, cuda.gridDim.x):",
        *indent([
            *quotient_lines("piece", "chunk", "item", "chunks"),
            "channel = (chunk << exponent) + lane",
            "c = min(channel, channels - 1)",
            f"first = {quotient('images * piece', 'pieces')}",
            f"units = ({quotient('images * (piece + 1)', 'pieces')} - first) * {units}",
            *(["sum_dp = zero", *frame.offset_lines(dtype)] if mixed else []),
            *(square_walks(spec) if spec.square else window_walks(spec)),
            *(["shared[cuda.threadIdx.x] = sum_dp", *leave_lines("1", "total + piece * channels")] if mixed else []),
        ]),
    ]  # fmt: skip


def square_walks(spec: DepthwiseBackwardSpec) -> list[str]:
    """Over the strips of a piece, for a constant window; again for the values that were too many for the first walk."""
    assert spec.square
    size, stride = spec.square
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    sums = [f"g{i}{j}" for i in range(size) for j in range(size)]
    walk = [*strip_places(), *(mixed_strip(dtype) if mixed else taken_strip())]
    walk += [f"dr{q} = zero" for q in range(STRIP) if mixed]
    walk += strip_gradients(size, stride, data=mixed, weight=True)
    if mixed:
        walk += masked_strip()
        walk += centered_lines(dtype, STRIP, "i", "0", "min(values, ROOM)")
    lines = [*(weight_lines(size) if mixed else []), *(f"{s} = zero" for s in sums)]
    lines += clear_lines("min(values, ROOM)") if mixed else []
    lines += ["for u in range(worker, units, workers):", *indent(walk)]
    lines += leave_lines("min(values, ROOM)", "centered + piece * values * channels") if mixed else []
    for start in range(0, len(sums), ROOM):
        here = sums[start : start + ROOM]
        lines += [f"shared[{k} * THREADS + cuda.threadIdx.x] = {s}" for k, s in enumerate(here)]
        lines += leave_lines(str(len(here)), f"dweight + (piece * {len(sums)} + {start}) * channels")
    return [*lines, *(further_walks(dtype) if mixed else [])]


def further_walks(dtype: str) -> list[str]:
    """Sums of more values, over the cotangents that the thread stored before."""
    return [
        "for low in range(ROOM, values, ROOM):",
        *indent([
            "high = min(low + ROOM, values)",
            *clear_lines("high - low"),
            "for u in range(worker, units, workers):",
            *indent([
                *strip_places(),
                *(f"d{q} = {load(f'dp + place + row{q}')} if {inside(q)} else zero" for q in range(STRIP)),
                *centered_lines(dtype, STRIP, "i - low", "low", "high"),
            ]),
            *leave_lines("high - low", "centered + (piece * values + low) * channels"),
        ]),
    ]  # fmt: skip


def strip_places() -> list[str]:
    return [
        *decode("u", ("w", "width"), ("strip", "strips"), ("image", "")),
        "image += first",
        f"h = strip * {STRIP} - shift",
        "place = (image * height * width + w) * channels + c",
        *frame.strip_rows(STRIP),
    ]


def mixed_strip(dtype: str) -> list[str]:
    return [*frame.mix_lines(dtype, STRIP), *(f"r{q} = r{q} if {inside(q)} else zero" for q in range(STRIP))]


def taken_strip() -> list[str]:
    return [f"r{q} = {load(f'x + place + row{q}')} if {inside(q)} else zero" for q in range(STRIP)]


def masked_strip() -> list[str]:
    """The cotangent of the sum before the rectifier: stored, and added up."""
    lines = [f"d{q} = dr{q} if r{q} > zero else zero" for q in range(STRIP)]
    for q in range(STRIP):
        lines.append(f"if channel < channels and {inside(q)}:")
        lines.append("    " + store(f"dp + place + row{q}", f"d{q}"))
        lines.append(f"sum_dp += d{q}")
    return lines


def window_walks(spec: DepthwiseBackwardSpec) -> list[str]:
    """Over the pixels of a piece, for any window, once for every `ROOM` sums: of the taps, then of the values."""
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    walk = [
        *decode("u", ("w", "width"), ("h", "height"), ("image", "")),
        "image += first",
        "place = ((image * height + h) * width + w) * channels + c",
        *(mixed_pixel(dtype) if mixed else [f"r0 = {load('x + place')}"]),
        "for t in range(low, min(high, taps)):",
        *indent([
            *quotient_lines("ky", "kx", "t", "columns"),
            *meeting_lines(),
            "shared[uint64((t - low) * THREADS + cuda.threadIdx.x)] += r0 * v",
        ]),
    ]  # fmt: skip
    values = ["of_values = max(low - taps, 0)"] if mixed else []
    walk += centered_lines(dtype, 1, "i + taps - low", "of_values", "high - taps") if mixed else []
    place = "centered + (piece * values + of_values) * channels"
    return [
        "taps = rows * columns",
        f"for low in range(0, {'taps + values' if mixed else 'taps'}, ROOM):",
        *indent([
            f"high = min(low + ROOM, {'taps + values' if mixed else 'taps'})",
            *values,
            *clear_lines("high - low"),
            "for u in range(worker, units, workers):",
            *indent(walk),
            *leave_lines("max(min(high, taps) - low, 0)", "dweight + (piece * taps + low) * channels"),
            *(leave_lines("max(high - taps - of_values, 0)", place, "max(taps - low, 0)") if mixed else []),
        ]),
    ]  # fmt: skip


def mixed_pixel(dtype: str) -> list[str]:
    """What was convolved, where it is needed, and its cotangent, which the first walk stores."""
    return [
        "row0 = 0",
        "r0 = zero",
        "if low < taps:",
        *indent(frame.mix_lines(dtype, 1)),
        "if low == 0:",
        *indent([
            *data_lines(),
            "d0 = dr0 if r0 > zero else zero",
            "sum_dp += d0",
            "if channel < channels:",
            "    " + store("dp + place", "d0"),
        ]),
        "else:",
        f"    d0 = {load('dp + place')}",
    ]  # fmt: skip
