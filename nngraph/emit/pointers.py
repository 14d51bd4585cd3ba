"""The pointer arguments of row and column kernels."""

from __future__ import annotations

from nngraph.ir.program import ColumnsSpec, RowsSpec
from nngraph_kernels.cpu.rows import Pointer


def pointers_of(spec: RowsSpec | ColumnsSpec, narrow: tuple[str, ...] = ()) -> tuple[list[Pointer], list[Pointer]]:
    """The outputs, `y0` onwards, and the inputs, `x0` onwards, as they lie in memory."""
    names = [f"y{k}" for k in range(spec.outputs)]
    names += [f"x{k}" for k in range(len(spec.operands) - spec.outputs)]
    triples = zip(names, spec.operands, narrow or ("",) * len(names), strict=True)
    pointers = [Pointer(name, own or a.dtype, a.level, a.inner, a.shared) for name, a, own in triples]
    return pointers[: spec.outputs], pointers[spec.outputs :]
