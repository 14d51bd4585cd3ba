"""Writes out the kernels that come whole for each dtype, without work fused to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nngraph.emit.imports import module
from nngraph_kernels.cpu import channel_totals, memory, mixed_sums
from nngraph_kernels.target import lanes

Family = Mapping[str, Callable[[str, str, int], str]]


def memory_source(name: str, spec: tuple[str, str]) -> str:
    """The function of one of the kernels of `nngraph_kernels.cpu.memory` for one dtype."""
    return whole(memory.FAMILY, name, *spec)


def mixed_sums_source(name: str, spec: tuple[str, str]) -> str:
    """The function of one of the kernels of `nngraph_kernels.cpu.mixed_sums` for one dtype."""
    return whole(mixed_sums.FAMILY, name, *spec)


def channel_totals_source(name: str, spec: tuple[str, str]) -> str:
    """The function of one of the kernels of `nngraph_kernels.cpu.channel_totals` for one dtype."""
    operation, dtype = spec
    return module(channel_totals.FAMILY[operation](name, dtype, lanes("float64")))


def whole(family: Family, name: str, operation: str, dtype: str) -> str:
    dtype = "uint8" if dtype == "bool" else dtype
    return module(family[operation](name, dtype, lanes("float64" if dtype == "float64" else "float32")))
