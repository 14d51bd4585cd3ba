"""Arithmetic on sizes and positions, for primitives."""

from __future__ import annotations

from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.register import Register


def quotient(a: Register, b: Register) -> Register:
    """The whole part of a / b, of numbers that are not negative."""
    return a.like(a.builder.sdiv(a.value, b.value))


def least(a: Register, b: Register | int) -> Register:
    """The smaller of two."""
    return select(a < b, a, b)
