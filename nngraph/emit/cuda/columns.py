"""Writes out column kernels for CUDA devices."""

from __future__ import annotations

from nngraph.emit.cuda.statements import CudaNames
from nngraph.emit.pointers import pointers_of
from nngraph.ir.program import FULL, ROW, UNIFORM, ColumnsSpec
from nngraph_kernels.cuda import columns as template
from nngraph_kernels.cuda.text import read


def columns_source(name: str, spec: ColumnsSpec, narrow: tuple[str, ...] = ()) -> str:
    """The module of a column kernel."""
    names = CudaNames(spec.statements, spec.stores, narrow)
    outputs, inputs = pointers_of(spec, narrow)
    lines: dict[int, list[str]] = {UNIFORM: [], ROW: [], FULL: []}
    fold = ("", "", "", "")
    for k, statement in enumerate(spec.statements):
        if statement.kind == "load":
            p = inputs[statement.operand]
            where = {UNIFORM: p.name, ROW: f"{p.name}_at", FULL: f"{p.name}_at + r * {p.name}_reduced"}
            lines[statement.level].append(f"s{k} = {read(p.dtype, where[statement.level])}")
        elif statement.kind == "compute":
            lines[statement.level] += names.assign_scalar(k)
        else:
            fold = (f"s{k}", statement.kind, f"s{statement.operand}", statement.dtype)
    stores = [(p, f"s{k}") for p, k in zip(outputs, spec.stores, strict=True)]
    columns = template.Columns(
        outputs, inputs, lines[UNIFORM], lines[FULL], fold, lines[ROW], stores, spec.numbers
    )  # fmt: skip
    return template.source(name, columns)


def columns_grid(spec: ColumnsSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    return template.grid(integers)
