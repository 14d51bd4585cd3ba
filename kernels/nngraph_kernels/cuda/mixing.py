"""Weighted sums of tensors, and inner products with them, over a list whose length is an argument.

A thread makes the sums of `SPAN` elements while it goes through the list once: what an entry of the list costs is
shared by them, and as many reads are on their way at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nngraph_kernels.cpu.mixing import PIECES, InnerProductsSpec, MixedCotangentSpec, MixSpec
from nngraph_kernels.cuda.shares import block_for, blocks_for, largest_block, pairwise
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, lying, module, place, read, write

SPAN = 4
VECTORS = ("mean", "factor", "slope", "base")
PRODUCTS = 8  # of inner products a thread has so many sums: each addition waits for the one before it


def mix_source(name: str, spec: MixSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; its slots are those of `nngraph_kernels.cpu.mixing.mix_source`."""
    places = [f"e + {v} * THREADS" for v in range(SPAN)]
    y, x = lying((spec.dtype,) * 2, narrow)
    lines = [
        *arguments([("y", y)], ["n", "k"]),
        "whole = n // (SPAN * THREADS) * (SPAN * THREADS)",
        "for begin in range(cuda.blockIdx.x * (SPAN * THREADS), whole, cuda.gridDim.x * (SPAN * THREADS)):",
        "    e = begin + cuda.threadIdx.x",
        *indent(weighted(spec.dtype, x, 3, places)),
        *indent(write(y, f"y + {at}", f"s{v}") for v, at in enumerate(places)),
        "for e in range(whole + cuda.grid(1), n, cuda.gridsize(1)):",
        *indent(weighted(spec.dtype, x, 3, ["e"])),
        "    " + write(y, "y + e", "s0"),
    ]
    return module(name, lines, constants=[f"THREADS = {target().threads}", f"SPAN = {SPAN}"])


def mix_grid(spec: MixSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, n = target(), integers[0]
    units, rest = divmod(n, SPAN * size.threads)
    return blocks_for(max(units, -(-rest // size.threads))), size.threads


def mixed_cotangent_source(name: str, spec: MixedCotangentSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; slots: `nngraph_kernels.cpu.mixing.mixed_cotangent_source`.

    A thread has a column of `SPAN` rows, for which it reads a channel's four numbers once.
    """
    places = [f"e + {v} * channels" for v in range(SPAN)]
    pointers = ("y", "x", *VECTORS)
    dtypes = dict(zip((*pointers, "listed"), lying((spec.dtype,) * 7, narrow), strict=True))
    lines = [
        *arguments([(pointer, dtypes[pointer]) for pointer in pointers], ["rows", "channels", "k"]),
        "groups = rows // SPAN",
        "for item in range(cuda.grid(1), groups * channels, cuda.gridsize(1)):",
        "    group = int64(uint32(item) // uint32(channels))",
        "    c = item - group * channels",
        "    e = item + group * (SPAN - 1) * channels",
        *indent(cotangents(spec.dtype, dtypes, places)),
        "for e in range(groups * SPAN * channels + cuda.grid(1), rows * channels, cuda.gridsize(1)):",
        "    c = int64(uint32(e) % uint32(channels))",
        *indent(cotangents(spec.dtype, dtypes, ["e"])),
    ]
    return module(name, lines, constants=[f"SPAN = {SPAN}"])


def mixed_cotangent_grid(spec: MixedCotangentSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, (rows, channels) = target(), integers[:2]
    work = max(rows // SPAN, rows % SPAN) * channels
    return blocks_for(-(-work // size.threads)), size.threads


def cotangents(dtype: str, dtypes: Mapping[str, str], places: Sequence[str]) -> list[str]:
    """Results at these places, all of them of channel `c`; `dtypes` are what operands lie in memory as."""
    lines = [f"{vector}_c = {read(dtypes[vector], f'{vector} + c')}" for vector in VECTORS]
    lines += [f"x{v} = {read(dtypes['x'], f'x + {at}')}" for v, at in enumerate(places)]
    lines += weighted(dtype, dtypes["listed"], 9, places)
    return lines + [
        write(dtypes["y"], f"y + {at}", f"s{v} * factor_c + ((x{v} - mean_c) * slope_c + base_c)")
        for v, at in enumerate(places)
    ]


def weighted(dtype: str, listed: str, slot: int, places: Sequence[str]) -> list[str]:
    """s0, s1, ... become the weighted sums at these places, in the order of the list that begins at `slot`.

    Weights lie in memory as `dtype`, tensors as `listed`.
    """
    walk = [
        f"weight = {element(dtype, place(f'{slot} + 2 * i', dtype))}",
        f"tensor = {place(f'{slot + 1} + 2 * i', listed)}",
        *(f"s{v} += weight * {read(listed, f'tensor + {at}')}" for v, at in enumerate(places)),
    ]
    return [*(f"s{v} = {dtype}(0)" for v in range(len(places))), "for i in range(k):", *indent(walk)]


def inner_products_source(name: str, spec: InnerProductsSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`; slots: `nngraph_kernels.cpu.mixing.inner_products_source`.

    A block makes one product of one piece. Those of the same piece run side by side: what they read of dy is near.
    """
    dtype = spec.dtype
    partial, dy, x = lying((dtype,) * 3, narrow)
    product = f"{read(dy, 'dy + {at}')} * {read(x, 'x + {at}')}"
    item = [
        "piece = item // k",
        "i = item - piece * k",
        f"x = {place('4 + i', x)}",
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
        "    " + write(partial, "partial + item", "total"),
    ]
    lines = [
        *arguments([("partial", partial), ("dy", dy)], ["n", "k"]),
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
