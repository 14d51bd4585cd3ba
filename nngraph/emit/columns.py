"""Writes out column kernels."""

from __future__ import annotations

from nngraph.emit.imports import module
from nngraph.emit.pointers import pointers_of
from nngraph.emit.statements import Names
from nngraph.ir.program import FULL, ROW, UNIFORM, ColumnsSpec
from nngraph_kernels.cpu import columns as template
from nngraph_kernels.cpu.rows import Pointer
from nngraph_kernels.target import lanes


def columns_source(name: str, spec: ColumnsSpec) -> str:
    """The function of a column kernel."""
    names = Names(spec.statements, lanes(spec.dtype), vectors_from=ROW)
    outputs, inputs = pointers_of(spec)
    lines: dict[int, list[str]] = {UNIFORM: [], ROW: [], FULL: []}
    loads: dict[int, list[tuple[str, Pointer]]] = {ROW: [], FULL: []}
    fold = ("", "", "", "")
    for k, statement in enumerate(spec.statements):
        if statement.kind == "load":
            p = inputs[statement.operand]
            if statement.level == UNIFORM:
                lines[UNIFORM].append(f"s{k} = load_scalar({p.name}, 0)")
            else:
                loads[statement.level].append((f"v{k}", p))
        elif statement.kind == "compute":
            lines[statement.level] += names.assign_vector(k) if statement.level else names.assign_scalar(k)
        else:
            fold = (f"v{k}", statement.kind, names.vector(statement.operand), statement.dtype)
    stores = [(p, names.vector(k)) for p, k in zip(outputs, spec.stores, strict=True)]
    columns = template.Columns(
        outputs, inputs, lines[UNIFORM], names.hoisted_lines(), loads[FULL], lines[FULL], fold, loads[ROW],
        lines[ROW], stores, spec.chunk == "whole", names.lanes, spec.numbers,
    )  # fmt: skip
    return module(template.source(name, columns))
