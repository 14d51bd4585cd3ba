"""Kernels that put together what each piece of rows has left for each channel, in float64 and in a fixed order.

Threads that stand in a column share the pieces of a channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph_kernels.cuda.shares import blocks_for
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, module

Spec = tuple[str, str]
PARTS = 32  # threads for a channel, where blocks are as large


def moments(name: str, dtype: str) -> str:
    """Mean and variance of the rows of all pieces (Chan, Golub and LeVeque 1983).

    Slots are those of `nngraph_kernels.cpu.channel_totals.moments`.
    """
    number, mean, own = (f"float64({element(dtype, f'at_piece + {part} * channels')})" for part in range(3))
    item = [
        "rows, total = float64(0), float64(0)",
        *pieces(3, [f"number = {number}", "rows += number", f"total += number * {mean}"]),
        *reduced("rows"),
        *reduced("total"),
        "center, squares = float64(0), float64(0)",
        "if c < channels:",
        "    center = total / rows",
        *pieces(3, [f"rest = {mean} - center", f"squares += {number} * rest * rest + {own}"]),
        *reduced("squares"),
        "if lane < COLUMNS and c < channels:",
        f"    {element(dtype, 'mean + c')} = {dtype}(center)",
        f"    {element(dtype, 'variance + c')} = {dtype}(squares / rows)",
    ]
    return over_channels(name, ("mean", "variance", "partial"), dtype, item)


def sums(name: str, dtype: str) -> str:
    """Two sums over all pieces; slots: `nngraph_kernels.cpu.channel_totals.sums`."""
    first, second = (f"float64({element(dtype, f'at_piece + {part} * channels')})" for part in range(2))
    item = [
        "total, other = float64(0), float64(0)",
        *pieces(2, [f"total += {first}", f"other += {second}"]),
        *reduced("total"),
        *reduced("other"),
        "if lane < COLUMNS and c < channels:",
        f"    {element(dtype, 'totals + c')} = {dtype}(total)",
        f"    {element(dtype, 'others + c')} = {dtype}(other)",
    ]
    return over_channels(name, ("totals", "others", "partial"), dtype, item)


def over_channels(name: str, pointers: Sequence[str], dtype: str, item: Sequence[str]) -> str:
    """The module of a kernel that does `item` with a few channels at a time; a thread's place is (part, column)."""
    lines = [
        *arguments([(pointer, dtype) for pointer in pointers], ["pieces", "channels"]),
        "shared = cuda.shared.array(THREADS, float64)",
        "lane = cuda.threadIdx.x",
        "for begin in range(cuda.blockIdx.x * COLUMNS, channels, cuda.gridDim.x * COLUMNS):",
        "    c = begin + lane % COLUMNS",
        *indent(item),
    ]
    return module(name, lines, constants=[f"THREADS = {target().threads}", f"COLUMNS = {column_count()}"])


def pieces(parts: int, body: Sequence[str]) -> list[str]:
    """A walk over a thread's share of the pieces."""
    return [
        "if c < channels:",
        "    for piece in range(lane // COLUMNS, pieces, THREADS // COLUMNS):",
        f"        at_piece = partial + piece * {parts} * channels + c",
        *indent(indent(body)),
    ]


def reduced(variable: str) -> list[str]:
    return [f"{variable} = reduce_sum_columns({variable}, shared, lane, THREADS, COLUMNS)"]


def column_count() -> int:
    """Channels of a block."""
    return target().threads // min(PARTS, target().threads // 2)


FAMILY: dict[str, Callable[[str, str], str]] = {"moments": moments, "sums": sums}


def source(name: str, spec: Spec) -> str:
    """The source text of the kernel `name`."""
    operation, dtype = spec
    return FAMILY[operation](name, dtype)


def grid(spec: Spec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    return blocks_for(-(-integers[1] // column_count())), target().threads
