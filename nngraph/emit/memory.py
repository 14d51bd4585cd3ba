"""Writes out the kernels that move rows."""

from __future__ import annotations

from nngraph.emit.imports import module
from nngraph_kernels.cpu import memory as template
from nngraph_kernels.target import lanes


def memory_source(name: str, spec: tuple[str, str]) -> str:
    """The function of one of the kernels of `nngraph_kernels.cpu.memory` for one dtype."""
    operation, dtype = spec
    return module(template.FAMILY[operation](name, dtype, lanes(dtype) if dtype != "bool" else lanes("float32")))
