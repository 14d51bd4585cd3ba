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
from nngraph_kernels.cuda.depthwise import weight_lines
from nngraph_kernels.cuda.depthwise_frame import inside, load, masked, store, strips
from nngraph_kernels.cuda.depthwise_gradients import (
    centered_lines,
    clear_lines,
    data_lines,
    leave_lines,
    meeting_lines,
    strip_gradients,
)
from nngraph_kernels.cuda.depthwise_layout import STRIP, THREADS, groups, piece_lanes
from nngraph_kernels.cuda.indices import decode, quotient, quotient_lines
from nngraph_kernels.cuda.loops import while_loops
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import indent, module, place

ROOM = 16  # sums of each thread in shared memory


def source(name: str, spec: DepthwiseBackwardSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.depthwise_backward`."""
    names, pointers = arguments(spec), len(POINTERS[spec.wanted])
    kinds = frame.kinds(spec.block.dtype, names[:pointers], narrow)
    lines = frame.slots(kinds, spec.block.dtype, names, pointers, spec.square)
    if spec.square:
        lines += [f"shift = int32(top & {spec.square[1] - 1})", f"strips = {strips('height + shift')}"]
    if spec.wanted == "data":
        lines += strip_lines(*spec.square) if spec.square else pixel_lines()
        lines = frame.as_stored(lines, kinds)
        return module(name, while_loops(lines, wide={"e", "item"}), constants=frame.constants([]))
    lines = frame.as_stored([*lines, *piece_lines(spec)], kinds)
    return module(
        name,
        while_loops(lines, wide={"e", "item"}),
        constants=frame.constants(["groups", "piece_lanes"], LISTED=len(names), ROOM=ROOM, SUMS=ROOM * THREADS),
    )


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
        "for e in range(cuda.grid(1), images * strips * row_size, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("w", "width"), ("strip", "strips"), ("image", "")),
            f"h = int32(strip * {STRIP} - shift)",
            *weight_lines(size),
            *(f"dr{q} = zero" for q in range(STRIP)),
            *strip_gradients(size, stride, data=True, weight=False),
            "image_at = dx + image * image_size",
            *(line for q in range(STRIP) for line in stored(q)),
        ]),
    ]  # fmt: skip


def stored(q: int) -> list[str]:
    """One pixel of a strip, if there is such a row."""
    where = f"image_at + int32((h + {q}) * row_size + w * channels + c)"
    return [f"if {inside(f'h + {q}', 'height')}:", "    " + store(where, f"dr{q}", "dx")]


def pixel_lines() -> list[str]:
    """The gradient of the data, for any window: a thread a pixel."""
    return [
        "for e in range(cuda.grid(1), images * image_size, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("w", "width"), ("h", "height"), ("image", "")),
            *data_lines(),
            store("dx + e", "dr0", "dx"),
        ]),
    ]  # fmt: skip


def piece_lines(spec: DepthwiseBackwardSpec) -> list[str]:
    """Gradients with sums over pixels: a block a piece of the batch and some channels."""
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    units = "int32(strips * width)" if spec.square else "int32(height * width)"
    return [
        f"shared = cuda.shared.array(SUMS, {dtype})",
        f"exponent = int32(piece_lanes(pieces, channels, images * {units}))",
        *frame.parts(),
        "for item in range(cuda.blockIdx.x, pieces * chunks, cuda.gridDim.x):",
        *indent([
            *quotient_lines("piece", "chunk", "item", "chunks"),
            *frame.channel_lines(),
            f"first = {quotient('images * piece', 'pieces')}",
            f"units = int32(({quotient('images * (piece + 1)', 'pieces')} - first) * {units})",
            *(["sum_dp = zero", *frame.offset_lines(dtype)] if mixed else []),
            *(square_walks(spec) if spec.square else window_walks(spec)),
            *(["shared[thread] = sum_dp", *leave(spec, "1", "total", "piece")] if mixed else []),
        ]),
    ]  # fmt: skip


def leave(spec: DepthwiseBackwardSpec, count: str, output: str, row: str, start: str = "nought") -> list[str]:
    """Put sums together in an output, whose pointer is read only now: registers are scarce before."""
    slot = POINTERS[spec.wanted].index(output)
    return leave_lines(count, place(slot, spec.block.dtype), row, start)


def square_walks(spec: DepthwiseBackwardSpec) -> list[str]:
    """Over the strips of a piece, for a constant window; again for the values that were too many for the first walk."""
    assert spec.square
    size, stride = spec.square
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    sums = [f"g{i}{j}" for i in range(size) for j in range(size)]
    walk = [*strip(), *(mixed_strip(dtype) if mixed else taken_strip())]
    walk += [f"dr{q} = zero" for q in range(STRIP) if mixed]
    walk += strip_gradients(size, stride, data=mixed, weight=True)
    if mixed:
        walk += masked_strip()
        walk += centered_lines(dtype, STRIP, "i", "0", "min(values, ROOM)")
    lines = [*(weight_lines(size) if mixed else []), *(f"{s} = zero" for s in sums)]
    lines += clear_lines("min(values, ROOM)") if mixed else []
    lines += ["for u in range(worker, units, workers):", *indent(walk)]
    lines += leave(spec, "min(values, ROOM)", "centered", "piece * values") if mixed else []
    for start in range(0, len(sums), ROOM):
        here = sums[start : start + ROOM]
        lines += [f"shared[uint32({k} * THREADS + thread)] = {s}" for k, s in enumerate(here)]
        lines += leave(spec, str(len(here)), "dweight", f"(piece * {len(sums)} + {start})")
    return [*lines, *(further_walks(spec) if mixed else [])]


def further_walks(spec: DepthwiseBackwardSpec) -> list[str]:
    """Sums of more values, over the cotangents that the thread stored before."""
    dtype = spec.block.dtype
    return [
        "for low in range(int32(ROOM), values, int32(ROOM)):",
        *indent([
            "high = int32(min(low + ROOM, values))",
            *clear_lines("int32(high - low)"),
            "for u in range(worker, units, workers):",
            *indent([
                *strip(),
                *(f"d{q} = {load(f'dp + image_at + row{q}', 'dp')}" for q in range(STRIP)),
                *(masked(f"d{q}", inside(f"h + {q}", "height")) for q in range(STRIP)),
                *centered_lines(dtype, STRIP, "i - low", "low", "high"),
            ]),
            *leave(spec, "high - low", "centered", "(piece * values + low)"),
        ]),
    ]  # fmt: skip


def strip() -> list[str]:
    """Which strip unit `u` of the piece is."""
    return [
        *decode("u", ("w", "width"), ("strip", "strips"), ("image", "")),
        "image = int32(image + first)",
        f"h = int32(strip * {STRIP} - shift)",
        "image_at = image * image_size",
        *frame.strip_places(),
    ]


def mixed_strip(dtype: str) -> list[str]:
    lines = frame.mix_lines(dtype, STRIP)
    return lines + [masked(f"r{q}", inside(f"h + {q}", "height")) for q in range(STRIP)]


def taken_strip() -> list[str]:
    lines = [f"r{q} = {load(f'x + image_at + row{q}', 'x')}" for q in range(STRIP)]
    return lines + [masked(f"r{q}", inside(f"h + {q}", "height")) for q in range(STRIP)]


def masked_strip() -> list[str]:
    """The cotangent of the sum before the rectifier: stored, and added up."""
    lines = [f"d{q} = dr{q} if r{q} > zero else zero" for q in range(STRIP)]
    for q in range(STRIP):
        lines.append(f"if (channel < channels) & {inside(f'h + {q}', 'height')}:")
        lines.append("    " + store(f"dp + image_at + row{q}", f"d{q}", "dp"))
        lines.append(f"sum_dp += d{q}")
    return lines


def window_walks(spec: DepthwiseBackwardSpec) -> list[str]:
    """Over the pixels of a piece, for any window, once for every `ROOM` sums: of the taps, then of the values."""
    mixed = spec.wanted == "mixed"
    every = "int32(taps + values)" if mixed else "taps"
    return [
        "taps = int32(rows * columns)",
        f"for low in range(nought, {every}, int32(ROOM)):",
        *indent([
            f"high = int32(min(low + ROOM, {every}))",
            *(["of_values = int32(max(low - taps, 0))"] if mixed else []),
            *clear_lines("int32(high - low)"),
            "for u in range(worker, units, workers):",
            *indent(pixel_sums(spec)),
            *leave(spec, "max(min(high, taps) - low, 0)", "dweight", "(piece * taps + low)"),
            *(of_values(spec) if mixed else []),
        ]),
    ]  # fmt: skip


def pixel_sums(spec: DepthwiseBackwardSpec) -> list[str]:
    """A pixel's part in the sums `low` to `high`."""
    dtype, mixed = spec.block.dtype, spec.wanted == "mixed"
    return [
        *decode("u", ("w", "width"), ("h", "height"), ("image", "")),
        "image = int32(image + first)",
        "image_at = image * image_size",
        "row0 = int32(h * row_size + w * channels + c)",
        *(mixed_pixel(dtype) if mixed else [f"r0 = {load('x + image_at + row0', 'x')}"]),
        "for t in range(low, int32(min(high, taps))):",
        *indent([
            *quotient_lines("ky", "kx", "t", "columns"),
            *meeting_lines(),
            "shared[uint32((t - low) * THREADS + thread)] += r0 * v",
        ]),
        *(centered_lines(dtype, 1, "i + taps - low", "of_values", "int32(high - taps)") if mixed else []),
    ]  # fmt: skip


def of_values(spec: DepthwiseBackwardSpec) -> list[str]:
    count, start = "max(high - taps - of_values, 0)", "max(taps - low, 0)"
    return leave(spec, count, "centered", "(piece * values + of_values)", start)


def mixed_pixel(dtype: str) -> list[str]:
    """What was convolved, where it is needed, and its cotangent, which the first walk stores."""
    return [
        "r0 = zero",
        "if low < taps:",
        *indent(frame.mix_lines(dtype, 1)),
        "if low == nought:",
        *indent([
            *data_lines(),
            "d0 = dr0 if r0 > zero else zero",
            "sum_dp += d0",
            "if channel < channels:",
            "    " + store("dp + image_at + row0", "d0", "dp"),
        ]),
        "else:",
        f"    d0 = {load('dp + image_at + row0', 'dp')}",
    ]  # fmt: skip
