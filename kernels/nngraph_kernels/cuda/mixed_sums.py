"""Kernels of a few channels' work each, over lists whose lengths are arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph_kernels.cuda.shares import block_for, blocks_for
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, module, place

Spec = tuple[str, str]


def weights_gradient(name: str, dtype: str) -> str:
    """ds[i] = Σ_c factor_i[c] Q[i, c] + offset_i[c] P[c], by a block for each i.

    Slots are those of `nngraph_kernels.cpu.mixed_sums.weights_gradient`.
    """
    item = [
        f"factor = {place('5 + 2 * i', dtype)}",
        f"offset = {place('6 + 2 * i', dtype)}",
        f"found = {dtype}(0)",
        "for c in range(lane, channels, threads):",
        f"    found += {element(dtype, 'factor + c')} * {element(dtype, 'centered + i * channels + c')}",
        f"    found += {element(dtype, 'offset + c')} * {element(dtype, 'total + c')}",
        "found = reduce_sum(found, shared, lane, threads)",
        "if lane == 0:",
        f"    {element(dtype, 'ds + i')} = found",
    ]
    lines = [
        *arguments([("ds", dtype), ("total", dtype), ("centered", dtype)], ["values", "channels"]),
        f"shared = cuda.shared.array(THREADS, {dtype})",
        "lane, threads = cuda.threadIdx.x, cuda.blockDim.x",
        "for i in range(cuda.blockIdx.x, values, cuda.gridDim.x):",
        *indent(item),
    ]
    return module(name, lines, constants=[f"THREADS = {target().threads}"])


def sums(name: str, dtype: str) -> str:
    """total[c] = Σ_j s_j P_j[c]; centered[c] = Σ_j s_j Q_j[c].

    Slots are those of `nngraph_kernels.cpu.mixed_sums.sums`. Threads share the triples of a channel, so that what the
    list names is read at the same time.
    """
    size = target()
    walk = [
        f"s = {element(dtype, place('4 + 3 * j', dtype))}",
        f"p += s * {element(dtype, place('5 + 3 * j', dtype) + ' + c')}",
        f"q += s * {element(dtype, place('6 + 3 * j', dtype) + ' + c')}",
    ]
    item = [
        "c = begin + lane % COLUMNS",
        f"p, q = {dtype}(0), {dtype}(0)",
        "if c < channels:",
        "    for j in range(lane // COLUMNS, triples, THREADS // COLUMNS):",
        *indent(indent(walk)),
        "p = reduce_sum_columns(p, shared, lane, THREADS, COLUMNS)",
        "q = reduce_sum_columns(q, shared, lane, THREADS, COLUMNS)",
        "if lane < COLUMNS and c < channels:",
        f"    {element(dtype, 'total + c')} = p",
        f"    {element(dtype, 'centered + c')} = q",
    ]
    lines = [
        *arguments([("total", dtype), ("centered", dtype)], ["triples", "channels"]),
        f"shared = cuda.shared.array(THREADS, {dtype})",
        "lane = cuda.threadIdx.x",
        "for begin in range(cuda.blockIdx.x * COLUMNS, channels, cuda.gridDim.x * COLUMNS):",
        *indent(item),
    ]
    return module(name, lines, constants=[f"THREADS = {size.threads}", f"COLUMNS = {size.columns}"])


FAMILY: dict[str, Callable[[str, str], str]] = {"weights_gradient": weights_gradient, "sums": sums}


def source(name: str, spec: Spec) -> str:
    """The source text of the kernel `name`."""
    operation, dtype = spec
    return FAMILY[operation](name, dtype)


def grid(spec: Spec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, (count, channels) = target(), integers
    if spec[0] == "sums":
        return blocks_for(-(-channels // size.columns)), size.threads
    return blocks_for(count), min(size.threads, block_for(channels))
