"""Template of the depthwise convolution: each channel with a window of its own.

A convolution of images is done a thread a strip of results, or a result where the window is an argument; pixels come
through the cache. A *mixed* one, of max(0, Σ s_i z_i) with z_i = (x_i − mean_i) factor_i + offset_i, is done a block a
tile of results of some channels: the mixture that their windows see is computed once into shared memory, with zeros
around the image, and convolved there; none of it is ever written to the device's memory. Where not even one window
fits there, every tap mixes its own pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.depthwise import POINTERS, DepthwiseSpec, arguments
from nngraph_kernels.cuda import depthwise_frame as frame
from nngraph_kernels.cuda.depthwise_frame import clamped, inside, load, masked, store, strips
from nngraph_kernels.cuda.depthwise_layout import STRIP, TILE_BYTES, groups, tile_of, tiles
from nngraph_kernels.cuda.indices import decode, narrow, quotient
from nngraph_kernels.cuda.loops import while_loops
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import VIEWS, indent, module


def capacity(dtype: str) -> int:
    """Numbers of a tile in shared memory."""
    return TILE_BYTES // VIEWS[dtype][1]


def source(name: str, spec: DepthwiseSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.depthwise.arguments`."""
    names, dtype = arguments(spec), spec.block.dtype
    kinds = frame.kinds(dtype, names[:POINTERS], narrow)
    lines = frame.slots(kinds, dtype, names, POINTERS, spec.square)
    if not spec.mixed:
        body = strip_lines(*spec.square) if spec.square else result_lines(dtype, mixed=False)
        lines = frame.as_stored([*lines, *body], kinds)
        return module(name, while_loops(lines, wide={"e", "item"}), constants=frame.constants([]))
    lines = frame.as_stored([*lines, *tile_lines(spec)], kinds)
    called = ["groups", "tile_of"]
    return module(
        name,
        while_loops(lines, wide={"e", "item"}),
        constants=frame.constants(called, LISTED=len(names), CAPACITY=capacity(dtype)),
    )


def grid(spec: DepthwiseSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    given = dict(zip(arguments(spec)[POINTERS:], integers, strict=True))
    images, height, width, channels = (given[k] for k in ("images", "result_height", "result_width", "channels"))
    blocks = 0
    if spec.mixed:
        strip = STRIP if spec.square else 1
        exponent, rows, columns = tile_of(
            images, height, width, channels, window(spec, given), strip, capacity(spec.block.dtype)
        )
        blocks = int(tiles(images, height, width, rows, columns) * groups(channels, exponent)) if rows else 0
    if not blocks:
        height = -(-height // STRIP) if spec.square else height
        blocks = -(-images * height * width * channels // size.threads)
    return max(1, min(blocks, size.blocks)), size.threads


def window(spec: DepthwiseSpec, given: dict[str, int]) -> tuple[int, int, int, int]:
    """How far a window reaches down and across, and its strides."""
    if spec.square:
        size, stride = spec.square
        return size - 1, size - 1, stride, stride
    reach = ((given[n] - 1) * given[f"{axis}_dilation"] for n, axis in (("rows", "down"), ("columns", "across")))
    return *reach, given["down"], given["across"]


def strip_lines(size: int, stride: int) -> list[str]:
    """Convolve images with a constant window: a thread a strip of results, from the pixels that it sees."""
    reads = [f"column{k} = {clamped(f'w + {k}', 'width', 'channels + c')}" for k in range(size)]
    reads += [f"seen{k} = {inside(f'w + {k}', 'width')}" for k in range(size)]
    reads += [*weight_lines(size), *(f"sum{q} = zero" for q in range(STRIP))]
    for i in range((STRIP - 1) * stride + size):
        reads.append(f"row = image_at + {clamped(f'h + {i}', 'height', 'row_size')}")
        reads.append(f"inside = {inside(f'h + {i}', 'height')}")
        reads += [f"v{k} = {load(f'row + column{k}', 'x')}" for k in range(size)]
        reads += [masked(f"v{k}", f"inside & seen{k}") for k in range(size)]
        reads += taps(size, stride, i)
    return [
        f"strips = {strips('result_height')}",
        "for e in range(cuda.grid(1), images * strips * result_row_size, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("ox", "result_width"), ("strip", "strips"), ("image", "")),
            f"oy = int32(strip * {STRIP})",
            "h = int32(oy * down - top)",
            "w = int32(ox * across - left)",
            "image_at = x + image * image_size",
            *reads,
            "place = int32(oy * result_row_size + ox * channels + c)",
            *result_stores("oy + {q} < result_height"),
        ]),
    ]  # fmt: skip


def weight_lines(size: int) -> list[str]:
    """The window's weights in registers."""
    return [
        f"k{i}{j} = {load(f'weight + int32({i * size + j} * channels + c)')}" for i in range(size) for j in range(size)
    ]


def taps(size: int, stride: int, row: int) -> list[str]:
    """Row `row` of what a strip sees, in `v0`, ..., into the sums that it belongs to."""
    return [
        f"sum{q} += v{j} * k{row - q * stride}{j}"
        for q in range(STRIP)
        if 0 <= row - q * stride < size
        for j in range(size)
    ]


def result_stores(condition: str) -> list[str]:
    """A strip's results, each if there is such a row."""
    lines = ["result_at = y + image * result_size + place"]
    for q in range(STRIP):
        lines += [
            f"if {condition.format(q=q)}:",
            "    " + store(f"result_at + int32({q} * result_row_size)", f"sum{q}", "y"),
        ]
    return lines


def result_lines(dtype: str, mixed: bool) -> list[str]:
    """Convolve with any window: a thread a result."""
    pixel = frame.mix_lines(dtype, 1) if mixed else [f"r0 = {load('x + image_at + row0', 'x')}"]
    return [
        "for e in range(cuda.grid(1), images * result_size, cuda.gridsize(1)):",
        *indent([
            *decode("e", ("c", "channels"), ("ox", "result_width"), ("oy", "result_height"), ("image", "")),
            "image_at = image * image_size",
            *(frame.offset_lines(dtype) if mixed else []),
            "sum0 = zero",
            "for ky in range(rows):",
            "    h = int32(oy * down - top + ky * down_dilation)",
            "    if h >= nought and h < height:",
            "        for kx in range(columns):",
            "            w = int32(ox * across - left + kx * across_dilation)",
            "            if w >= nought and w < width:",
            "                row0 = int32(h * row_size + w * channels + c)",
            *indent(indent(indent(indent(pixel)))),
            f"                sum0 += r0 * {load('weight + int32((ky * columns + kx) * channels + c)')}",
            store("y + e", "sum0", "y"),
        ]),
    ]  # fmt: skip


def tile_lines(spec: DepthwiseSpec) -> list[str]:
    """Convolve a mixture, a block a tile."""
    return [
        *tile_sizes(spec),
        "for item in range(cuda.blockIdx.x, images * tiles_down * tiles_across * chunks, cuda.gridDim.x):",
        *indent([
            *decode("item", ("chunk", "chunks"), ("tx", "tiles_across"), ("ty", "tiles_down"), ("image", "")),
            *frame.channel_lines(),
            "first_y = int32(ty * tile_rows)",
            "first_x = int32(tx * tile_columns)",
            "image_at = image * image_size",
            *frame.offset_lines(spec.block.dtype),
            *mixing_lines(spec.block.dtype),
            "cuda.syncthreads()",
            *(square_lines(*spec.square) if spec.square else window_lines()),
            "cuda.syncthreads()",
        ]),
    ]  # fmt: skip


def tile_sizes(spec: DepthwiseSpec) -> list[str]:
    """How large tiles are and what their windows see, and the way out if none fits into shared memory."""
    dtype, strip = spec.block.dtype, STRIP if spec.square else 1
    return [
        f"tile = cuda.shared.array(CAPACITY, {dtype})",
        "reach_y = int32((rows - 1) * down_dilation)",
        "reach_x = int32((columns - 1) * across_dilation)",
        "window = (reach_y, reach_x, down, across)",
        "exponent, tile_rows, tile_columns = tile_of(",
        f"    images, result_height, result_width, channels, window, {strip}, CAPACITY",
        ")",
        *([] if spec.square else ["if tile_rows == 0:", *indent([*result_lines(dtype, mixed=True), "return"])]),
        "exponent = int32(exponent)",
        "tile_rows = int32(tile_rows)",
        "tile_columns = int32(tile_columns)",
        *frame.parts(),
        f"tiles_down = {quotient('result_height + tile_rows - 1', 'tile_rows')}",
        f"tiles_across = {quotient('result_width + tile_columns - 1', 'tile_columns')}",
        "seen_rows = int32((tile_rows - 1) * down + reach_y + 1)",
        "seen_columns = int32((tile_columns - 1) * across + reach_x + 1)",
    ]


def mixing_lines(dtype: str) -> list[str]:
    """Fill the tile."""
    lines = [
        *decode("u", ("ix", "seen_columns"), ("strip", "")),
        f"iy = int32(strip * {STRIP})",
        "h = int32(first_y * down - top + iy)",
        "w = int32(first_x * across - left + ix)",
        *(f"r{q} = zero" for q in range(STRIP)),
        f"if w >= nought and w < width and int32(h + {STRIP - 1}) >= nought and h < height:",
        *indent([*frame.strip_places(), *frame.mix_lines(dtype, STRIP)]),
        "to = int32(((iy * seen_columns + ix) << exponent) + lane)",
    ]  # fmt: skip
    for q in range(STRIP):
        lines.append(masked(f"r{q}", inside(f"h + {q}", "height")))
        lines.append(f"if iy + {q} < seen_rows:")
        lines.append(f"    tile[uint32(to + (({q} * seen_columns) << exponent))] = r{q}")
    units = narrow(f"{strips('seen_rows')} * seen_columns")
    return [f"for u in range(worker, {units}, workers):", *indent(lines)]


def square_lines(size: int, stride: int) -> list[str]:
    """Convolve what is in the tile with a constant window, a thread a strip of results."""
    lines = [
        *decode("u", ("dx", "tile_columns"), ("strip", "")),
        f"place = int32(((strip * {STRIP * stride} * seen_columns + dx * {stride}) << exponent) + lane)",
        *(f"sum{q} = zero" for q in range(STRIP)),
    ]
    for i in range((STRIP - 1) * stride + size):
        lines += [f"v{j} = tile[uint32(place + (({i} * seen_columns + {j}) << exponent))]" for j in range(size)]
        lines += taps(size, stride, i)
    lines += [
        f"oy = int32(first_y + strip * {STRIP})",
        "ox = int32(first_x + dx)",
        "place = int32(oy * result_row_size + ox * channels + c)",
        *result_stores("channel < channels and ox < result_width and oy + {q} < result_height"),
    ]
    units = narrow(f"(tile_rows >> {STRIP.bit_length() - 1}) * tile_columns")
    return [*weight_lines(size), f"for u in range(worker, {units}, workers):", *indent(lines)]


def window_lines() -> list[str]:
    """Convolve what is in the tile with any window, a thread a result."""
    return [
        "for u in range(worker, int32(tile_rows * tile_columns), workers):",
        *indent([
            *decode("u", ("dx", "tile_columns"), ("dy", "")),
            "sum0 = zero",
            "for ky in range(rows):",
            "    for kx in range(columns):",
            "        iy = int32(dy * down + ky * down_dilation)",
            "        ix = int32(dx * across + kx * across_dilation)",
            "        v0 = tile[uint32(((iy * seen_columns + ix) << exponent) + lane)]",
            f"        sum0 += v0 * {load('weight + int32((ky * columns + kx) * channels + c)')}",
            "oy = int32(first_y + dy)",
            "ox = int32(first_x + dx)",
            "if channel < channels and ox < result_width and oy < result_height:",
            "    " + store("y + image * result_size + int32(oy * result_row_size + ox * channels + c)", "sum0", "y"),
        ]),
    ]  # fmt: skip
