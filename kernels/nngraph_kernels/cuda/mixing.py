"""Weighted sums of tensors, and inner products with them, over a list whose length is an argument.

A thread makes the sums of `SPAN` elements while it goes through the list once: what an entry of the list costs is
shared by them, and as many reads are on their way at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.mixing import PIECES, InnerProductsSpec, MixedCotangentSpec, MixSpec
from nngraph_kernels.cuda.shares import block_for, blocks_for, largest_block, pairwise
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, module, place

SPAN = 4
PRODUCTS = 8  # of inner products a thread has so many sums: each addition waits for the one before it


def mix_source(name: str, spec: MixSpec) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.mixing.mix_source`."""
    dtype, places = spec.dtype, [f"e + {v} * THREADS" for v in range(SPAN)]
    lines = [
        *arguments([("y", dtype)], ["n", "k"]),
        "whole = n // (SPAN * THREADS) * (SPAN * THREADS)",
        "for begin in range(cuda.blockIdx.x * (SPAN * THREADS), whole, cuda.gridDim.x * (SPAN * THREADS)):",
        "    e = begin + cuda.threadIdx.x",
        *indent(weighted(dtype, 3, places)),
        *indent(f"{element(dtype, f'y + {at}')} = s{v}" for v, at in enumerate(places)),
        "for e in range(whole + cuda.grid(1), n, cuda.gridsize(1)):",
        *indent(weighted(dtype, 3, ["e"])),
        f"    {element(dtype, 'y + e')} = s0",
    ]
    return module(name, lines, constants=[f"THREADS = {target().threads}", f"SPAN = {SPAN}"])


def mix_grid(spec: MixSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, n = target(), integers[0]
    units, rest = divmod(n, SPAN * size.threads)
    return blocks_for(max(units, -(-rest // size.threads))), size.threads


def mixed_cotangent_source(name: str, spec: MixedCotangentSpec) -> str:
    """The source text of the kernel `name`; slots: `nngraph_kernels.cpu.mixing.mixed_cotangent_source`.

    A thread has a column of `SPAN` rows, for which it reads a channel's four numbers once.
    """
    dtype, places = spec.dtype, [f"e + {v} * channels" for v in range(SPAN)]
    pointers = [(tensor, dtype) for tensor in ("y", "x", "mean", "factor", "slope", "base")]
    lines = [
        *arguments(pointers, ["rows", "channels", "k"]),
        "groups = rows // SPAN",
        "for item in range(cuda.grid(1), groups * channels, cuda.gridsize(1)):",
        "    group = int64(uint32(item) // uint32(channels))",
        "    c = item - group * channels",
        "    e = item + group * (SPAN - 1) * channels",
        *indent(cotangents(dtype, places)),
        "for e in range(groups * SPAN * channels + cuda.grid(1), rows * channels, cuda.gridsize(1)):",
        "    c = int64(uint32(e) % uint32(channels))",
        *indent(cotangents(dtype, ["e"])),
    ]
    return module(name, lines, constants=[f"SPAN = {SPAN}"])


def mixed_cotangent_grid(spec: MixedCotangentSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, (rows, channels) = target(), integers[:2]
    work = max(rows // SPAN, rows % SPAN) * channels
    return blocks_for(-(-work // size.threads)), size.threads


def cotangents(dtype: str, places: Sequence[str]) -> list[str]:
    """Results at these places, all of them of channel `c`."""
    lines = [f"{vector}_c = {element(dtype, f'{vector} + c')}" for vector in ("mean", "factor", "slope", "base")]
    lines += [f"x{v} = {element(dtype, f'x + {at}')}" for v, at in enumerate(places)]
    lines += weighted(dtype, 9, places)
    return lines + [
        f"{element(dtype, f'y + {at}')} = s{v} * factor_c + ((x{v} - mean_c) * slope_c + base_c)"
        for v, at in enumerate(places)
    ]


def weighted(dtype: str, slot: int, places: Sequence[str]) -> list[str]:
    """s0, s1, ... become the weighted sums at these places, in the order of the list that begins at `slot`."""
    walk = [
        f"weight = {element(dtype, place(f'{slot} + 2 * i', dtype))}",
        f"tensor = {place(f'{slot + 1} + 2 * i', dtype)}",
        *(f"s{v} += weight * {element(dtype, f'tensor + {at}')}" for v, at in enumerate(places)),
    ]
    return [*(f"s{v} = {dtype}(0)" for v in range(len(places))), "for i in range(k):", *indent(walk)]


def inner_products_source(name: str, spec: InnerProductsSpec) -> str:
    """The source text of the kernel `name`; slots: `nngraph_kernels.cpu.mixing.inner_products_source`.

    A block makes one product of one piece. Those of the same piece run side by side: what they read of dy is near.
    """
    dtype = spec.dtype
    product = f"{element(dtype, 'dy + {at}')} * {element(dtype, 'x + {at}')}"
    item = [
        "piece = item // k",
        "i = item - piece * k",
        f"x = {place('4 + i', dtype)}",
        f"start, stop = n * piece // {PIECES}, n * (piece + 1) // {PIECES}",
        "whole = start + (stop - start) // (SPAN * threads) * (SPAN * threads)",
        *(f"s{v} = {dtype}(0)" for v in range(PRODUCTS)),
        "for e in range(start + lane, whole, SPAN * threads):",
        *(f"    s{v} += {product.format(at=f'e + {v} * threads')}" for v in range(PRODUCTS)),
        f"total = {pairwise([f's{v}' for v in range(PRODUCTS)])}",
        "for e in range(whole + lane, stop, threads):",
        f"    total += {product.format(at='e')}",
        "total = reduce_sum(total, shared, lane, threads)",
        "if lane == 0:",
        f"    {element(dtype, 'partial + item')} = total",
    ]
    lines = [
        *arguments([("partial", dtype), ("dy", dtype)], ["n", "k"]),
        f"shared = cuda.shared.array(MOST, {dtype})",
        "lane, threads = cuda.threadIdx.x, cuda.blockDim.x",
        f"for item in range(cuda.blockIdx.x, {PIECES} * k, cuda.gridDim.x):",
        *indent(item),
    ]
    return module(name, lines, constants=[f"MOST = {largest_block()}", f"SPAN = {PRODUCTS}"])


def inner_products_grid(spec: InnerProductsSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    n, k = integers
    return blocks_for(PIECES * k), block_for(-(-n // (PIECES * PRODUCTS)))
