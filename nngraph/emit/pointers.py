"""The pointer arguments of row and column kernels."""

from __future__ import annotations

from nngraph.ir.program import ColumnsSpec, RowsSpec
from nngraph_kernels.cpu.rows import Pointer


def pointers_of(spec: RowsSpec | ColumnsSpec) -> tuple[list[Pointer], list[Pointer]]:
    """The outputs, `y0` onwards, and the inputs, `x0` onwards."""
    names = [f"y{k}" for k in range(spec.outputs)]
    names += [f"x{k}" for k in range(len(spec.operands) - spec.outputs)]
    pairs = zip(names, spec.operands, strict=True)
    pointers = [Pointer(name, a.dtype, a.level, a.inner, a.shared) for name, a in pairs]
    return pointers[: spec.outputs], pointers[spec.outputs :]
