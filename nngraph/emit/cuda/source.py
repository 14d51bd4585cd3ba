"""From a kernel's specification to the text of its CUDA module, its name, and how many threads a call takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from nngraph.emit.cuda.columns import columns_grid, columns_source
from nngraph.emit.cuda.matmul import (
    epilogue_grid,
    epilogue_source,
    epilogue_threads,
    matmul_grid,
    matmul_source,
    matmul_threads,
    total_grid,
    total_source,
)
from nngraph.emit.cuda.rows import rows_grid, rows_source
from nngraph.emit.source import PLACEHOLDER
from nngraph.ir.program import Kernel
from nngraph_kernels.cuda import (
    channel_sums,
    channel_totals,
    convolution_weight,
    depthwise,
    depthwise_backward,
    examples,
    feed,
    memory,
    mixed_sums,
    mixing,
    pooling,
    transpose,
)
from nngraph_kernels.cuda.shares import largest_block
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import parameter_dtypes
from nngraph_kernels.record import record

Integers = tuple[int, ...]


def usual_threads(spec: Any) -> int:
    """Threads of most blocks."""
    return target().threads


def most_threads(spec: Any) -> int:
    """Threads of blocks whose size depends on the work, where that is largest."""
    return largest_block()


@record
class Family:
    """What a family of kernels needs.

    Attributes
    ----------
    source : callable
        ``source(name, spec, narrow) -> text``; `narrow`, of `Kernel`, is left out where nothing lies in 16 bits.
    grid : callable
        ``grid(spec, integers) -> (blocks, threads)``.
    threads : callable
        ``threads(spec)``: the most of them that `grid` asks for. A kernel is compiled for so many, and gets no more
        registers than a block of them can have.
    """

    source: Callable[..., str]
    grid: Callable[[Any, Integers], tuple[int, int]]
    threads: Callable[[Any], int] = usual_threads


FAMILIES: dict[str, Family] = {
    "rows": Family(rows_source, rows_grid),
    "columns": Family(columns_source, columns_grid),
    "memory": Family(memory.source, memory.grid),
    "depthwise": Family(depthwise.source, depthwise.grid),
    "depthwise_backward": Family(depthwise_backward.source, depthwise_backward.grid),
    "pooling": Family(pooling.source, pooling.grid),
    "pooling_backward": Family(pooling.backward_source, pooling.backward_grid),
    "mix": Family(mixing.mix_source, mixing.mix_grid),
    "mixed_cotangent": Family(mixing.mixed_cotangent_source, mixing.mixed_cotangent_grid),
    "inner_products": Family(mixing.inner_products_source, mixing.inner_products_grid, most_threads),
    "mixed_sums": Family(mixed_sums.source, mixed_sums.grid),
    "channel_sums": Family(channel_sums.source, channel_sums.grid, most_threads),
    "channel_totals": Family(channel_totals.source, channel_totals.grid),
    "examples": Family(examples.source, examples.grid),
    "feed": Family(feed.source, feed.grid),
    "matmul": Family(matmul_source, matmul_grid, matmul_threads),
    "product_total": Family(total_source, total_grid),
    "product_epilogue": Family(epilogue_source, epilogue_grid, epilogue_threads),
    "convolution_weight": Family(convolution_weight.source, convolution_weight.grid, convolution_weight.threads),
    "transpose": Family(transpose.source, transpose.grid),
}


@cache
def cuda_source(kernel: Kernel, further: tuple[str, ...] = ()) -> tuple[str, str]:
    """The name of `kernel`'s function, which holds a hash of its text, and the text of its module.

    The module also says what the function is compiled for: at most so many threads of a block, and the types of all
    its arrays, the last ones those of `further` arrays, which only kernels that feed a training loop take.
    """
    narrow = (kernel.narrow,) if kernel.narrow else ()
    module = FAMILIES[kernel.family].source(PLACEHOLDER, kernel.spec, *narrow) + compiled_for(kernel, further)
    name = "ng_" + hashlib.sha256(module.encode()).hexdigest()[:20]
    return name, module.replace(PLACEHOLDER, name)


def compiled_for(kernel: Kernel, further: tuple[str, ...]) -> str:
    """The last lines of a module."""
    threads = FAMILIES[kernel.family].threads(kernel.spec)
    lines = ("", "", f"LAUNCH_BOUNDS = {threads}", f"ARRAYS = {(*parameter_dtypes(), *further)}")
    return "\n".join([*lines, f"FURTHER = {len(further)}", ""])


def grid_of(kernel: Kernel, integers: Integers) -> tuple[int, int]:
    """Blocks, and threads of each, for a call with these integers."""
    return FAMILIES[kernel.family].grid(kernel.spec, integers)
