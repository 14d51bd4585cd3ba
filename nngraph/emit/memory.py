"""Writes out the kernels that move rows."""

from __future__ import annotations

from nngraph.emit.imports import module
from nngraph_kernels.cpu import memory as template
from nngraph_kernels.target import lanes


def memory_source(name: str, spec: tuple[str, str]) -> str:
    """The function of one of the kernels of `nngraph_kernels.cpu.memory` for one dtype."""
    operation, dtype = spec
    dtype = "uint8" if dtype == "bool" else dtype
    return module(
        template.FAMILY[operation](name, dtype, lanes("float64" if dtype == "float64" else "float32"))
    )
