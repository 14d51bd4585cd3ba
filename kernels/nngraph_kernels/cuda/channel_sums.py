"""Sums over rows of channels, in pieces of rows: moments, and what the backward of scale and shift needs.

A block takes a piece and a few neighboring channels. Its threads stand in columns, a channel each, and share out the
rows; what they find is put together in shared memory. There are only so many pieces: to fill the device a block has
many threads, and few channels where there are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nngraph_kernels.cpu.channel_sums import OPERANDS, ChannelSumsSpec
from nngraph_kernels.cuda.shares import blocks_for, largest_block, pairwise, power_above
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, lying, module, read

ROWS = 8  # that a thread reads before it counts them in
SECTOR = 8  # channels that are read as fast alone as beside others
GROUPS = 4  # of channels, where there are enough


def source(name: str, spec: ChannelSumsSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.channel_sums`."""
    dtype = spec.dtype
    names = ("partial", *OPERANDS[spec.sums])
    dtypes = dict(zip(names, lying((dtype,) * len(names), narrow), strict=True))
    item = [
        "piece = item // groups",
        "c = (item - piece * groups) * across + lane % across",
        "start = rows * piece // pieces",
        "stop = rows * (piece + 1) // pieces",
        "r = start + lane // across",
        *(moments(dtype, dtypes) if spec.sums == "moments" else scale_shift(dtype, dtypes)),
    ]
    lines = [
        *arguments(list(dtypes.items()), ["rows", "channels", "pieces"]),
        f"shared = cuda.shared.array(MOST, {dtype})",
        "lane, threads = cuda.threadIdx.x, cuda.blockDim.x",
        f"across = {across_text()}",
        "depth = threads // across",
        "groups = (channels + across - 1) // across",
        "stride = depth * channels",
        "for item in range(cuda.blockIdx.x, pieces * groups, cuda.gridDim.x):",
        *indent(item),
    ]
    return module(name, lines, constants=[f"MOST = {largest_block()}", f"ROWS = {ROWS}"])


def moments(dtype: str, dtypes: Mapping[str, str]) -> list[str]:
    """Number, mean and Σ (x − mean)², in `dtype`, of operands that lie in memory as `dtypes` say.

    Deviations are taken from the mean so far, at first from the first row: no large squares cancel (Chan, Golub and
    LeVeque 1983, with the second part's mean counted from the first's). Threads' means are counted from one of them.
    """
    several = [
        *(f"d{v} = {read(dtypes['x'], f'place + {v} * stride')} - center" for v in range(ROWS)),
        f"total = {pairwise([f'd{v}' for v in range(ROWS)])}",
        f"square = {pairwise([f'd{v} * d{v}' for v in range(ROWS)])}",
        *counted(dtype, "ROWS"),
        "r += ROWS * depth",
    ]
    one = [
        f"total = {read(dtypes['x'], 'x + r * channels + c')} - center",
        "square = total * total",
        *counted(dtype, "1"),
        "r += depth",
    ]
    return [
        f"center, squares, number = {dtype}(0), {dtype}(0), {dtype}(0)",
        "if c < channels and r < stop:",
        *indent([
            f"center = {read(dtypes['x'], 'x + r * channels + c')}",
            "while r + (ROWS - 1) * depth < stop:",
            "    place = x + r * channels + c",
            *indent(several),
            "while r < stop:",
            *indent(one),
        ]),
        "shared[lane] = center",
        "cuda.syncthreads()",
        "reference = shared[lane % across]",
        "cuda.syncthreads()",
        f"total = {dtype}(0)",
        "if number > 0:",
        "    total = number * (center - reference)",
        "total = reduce_sum_columns(total, shared, lane, threads, across)",
        f"mean = reference + total / {dtype}(max(stop - start, 1))",
        "if number > 0:",
        "    squares += number * (center - mean) * (center - mean)",
        "squares = reduce_sum_columns(squares, shared, lane, threads, across)",
        *stores(dtype, [f"{dtype}(stop - start)", "mean", "squares"]),
    ]  # fmt: skip


def counted(dtype: str, rows: str) -> list[str]:
    """Counts in the sums of the deviations, and of their squares, of some more rows."""
    return [
        f"number += {dtype}({rows})",
        "share = total / number",
        "center += share",
        "squares += square - total * share",
    ]


def scale_shift(dtype: str, dtypes: Mapping[str, str]) -> list[str]:
    """Σ dz and Σ dz (x − mean), as `moments`."""
    several = [
        *(f"d{v} = {read(dtypes['dz'], f'dz + place + {v} * stride')}" for v in range(ROWS)),
        *(f"x{v} = {read(dtypes['x'], f'x + place + {v} * stride')} - center" for v in range(ROWS)),
        f"total += {pairwise([f'd{v}' for v in range(ROWS)])}",
        f"product += {pairwise([f'd{v} * x{v}' for v in range(ROWS)])}",
        "r += ROWS * depth",
    ]
    one = [
        f"d0 = {read(dtypes['dz'], 'dz + r * channels + c')}",
        "total += d0",
        f"product += d0 * ({read(dtypes['x'], 'x + r * channels + c')} - center)",
        "r += depth",
    ]
    return [
        f"total, product = {dtype}(0), {dtype}(0)",
        "if c < channels:",
        *indent([
            f"center = {element(dtype, 'mean + c')}",
            "while r + (ROWS - 1) * depth < stop:",
            "    place = r * channels + c",
            *indent(several),
            "while r < stop:",
            *indent(one),
        ]),
        "total = reduce_sum_columns(total, shared, lane, threads, across)",
        "product = reduce_sum_columns(product, shared, lane, threads, across)",
        *stores(dtype, ["total", "product"]),
    ]  # fmt: skip


def stores(dtype: str, values: Sequence[str]) -> list[str]:
    """A row of the piece's part of `partial` for each value."""
    into = f"partial + piece * {len(values)} * channels + c"
    rows = [f"{element(dtype, f'into + {v} * channels')} = {value}" for v, value in enumerate(values)]
    return ["if lane < across and c < channels:", f"    into = {into}", *indent(rows)]


def widths() -> list[tuple[int, int]]:
    """Pairs (channels, columns of a block): so many channels at most have so many columns; more have the most."""
    most = target().columns
    narrow = [(1 << e, 1 << e) for e in range((min(SECTOR, most) - 1).bit_length())]
    return narrow + [(w * GROUPS, w) for w in (SECTOR << e for e in range(8)) if w < most]


def across_of(channels: int) -> int:
    """Columns of a block."""
    return next((width for limit, width in widths() if channels <= limit), target().columns)


def across_text() -> str:
    """`across_of` as an expression of the kernel."""
    return "".join(f"{width} if channels <= {limit} else " for limit, width in widths()) + str(target().columns)


def grid(spec: ChannelSumsSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    rows, channels, pieces = integers
    across = across_of(channels)
    height = -(-rows // max(pieces, 1))
    depth = min(power_above(-(-height // ROWS)), largest_block() // across)
    return blocks_for(pieces * -(-channels // across)), across * depth
