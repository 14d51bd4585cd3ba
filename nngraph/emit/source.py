"""From a kernel's specification to the text of its module, and its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from nngraph.emit.columns import columns_source
from nngraph.emit.matmul import matmul_source
from nngraph.emit.memory import channel_totals_source, memory_source, mixed_sums_source
from nngraph.emit.rows import rows_source
from nngraph.errors import CompilationError
from nngraph.ir.program import Kernel
from nngraph_kernels.cpu import depthwise, depthwise_backward, pooling
from nngraph_kernels.cpu.channel_sums import source as channel_sums_source
from nngraph_kernels.cpu.convolution_weight import source as convolution_weight_source
from nngraph_kernels.cpu.examples import source as examples_source
from nngraph_kernels.cpu.mixing import inner_products_source, mix_source, mixed_cotangent_source
from nngraph_kernels.cpu.pages import source as pages_source
from nngraph_kernels.cpu.transpose import source as transpose_source

WRITERS: dict[str, Callable[[str, Any], str]] = {
    "channel_sums": channel_sums_source,
    "channel_totals": channel_totals_source,
    "rows": rows_source,
    "columns": columns_source,
    "examples": examples_source,
    "depthwise": depthwise.source,
    "depthwise_backward": depthwise_backward.source,
    "matmul": matmul_source,
    "memory": memory_source,
    "mixed_sums": mixed_sums_source,
    "pages": pages_source,
    "pooling": pooling.source,
    "pooling_backward": pooling.backward_source,
    "mix": mix_source,
    "mixed_cotangent": mixed_cotangent_source,
    "inner_products": inner_products_source,
    "transpose": transpose_source,
    "convolution_weight": convolution_weight_source,
}
PLACEHOLDER = "ng_kernel"


def writer_for(device: str) -> Callable[[Kernel], tuple[str, str]]:
    """What writes the kernels for a device: ``writer(kernel) -> (name, text)``."""
    if device == "cuda":
        from nngraph.emit.cuda.source import cuda_source  # its templates are read where they are asked for alone

        return cuda_source
    return kernel_source


@cache
def kernel_source(kernel: Kernel) -> tuple[str, str]:
    """The name of `kernel`'s function, which holds a hash of its text, and the text of its module."""
    if kernel.narrow:
        raise CompilationError(f"kernel '{kernel.family}': numbers of 16 bits are stored on CUDA devices only")
    module = WRITERS[kernel.family](PLACEHOLDER, kernel.spec)
    name = "ng_" + hashlib.sha256(module.encode()).hexdigest()[:20]
    return name, module.replace(PLACEHOLDER, name)
