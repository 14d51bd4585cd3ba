"""Writes out row kernels whose vectors hold one column of many short rows."""

from __future__ import annotations

from nngraph.emit.imports import module
from nngraph.emit.pointers import pointers_of
from nngraph.emit.statements import Names, uses
from nngraph.ir.program import FULL, ROW, UNIFORM, RowsSpec, Statement
from nngraph_kernels.cpu import across as template
from nngraph_kernels.cpu.rows import COMBINE, Pointer
from nngraph_kernels.target import lanes


class ColumnNames(Names):
    """`v3_1` is column 1 of statement 3; what is one number a row has no column."""

    column = 0

    def vector(self, k: int) -> str:
        if self.statements[k].level == FULL:
            return f"v{k}_{self.column}"
        return f"v{k}" if self.statements[k].level == ROW else super().vector(k)


def across_source(name: str, spec: RowsSpec) -> str:
    """The module of a row kernel of chunk "across"."""
    names = ColumnNames(spec.statements, lanes(spec.dtype), vectors_from=ROW)
    outputs, inputs = pointers_of(spec)
    uniform: list[str] = []
    body: list[str] = []
    for k, statement in enumerate(spec.statements):
        if statement.level == UNIFORM:
            uniform += uniform_lines(names, k, statement, inputs)
        else:
            body += vector_lines(names, k, statement, inputs, spec.length)
    for p, k in zip(outputs, spec.stores, strict=True):
        body += store_lines(names, k, p, spec.length)
    across = template.Across(outputs, inputs, uniform, names.hoisted_lines(), body, names.lanes, spec.numbers)
    return module(template.source(name, across))


def uniform_lines(names: ColumnNames, k: int, statement: Statement, inputs: list[Pointer]) -> list[str]:
    if statement.kind != "load":
        return names.assign_scalar(k)
    p = inputs[statement.operand]
    return [f"s{k} = load_scalar({p.name}, 0)"]


def vector_lines(names: ColumnNames, k: int, statement: Statement, inputs: list[Pointer], length: int) -> list[str]:
    """One statement, for every column if it differs between them."""
    if statement.kind in COMBINE:
        return fold_lines(names, k, statement, length)
    lines: list[str] = []
    for column in range(length if statement.level == FULL else 1):
        names.column = column
        if statement.kind == "load":
            lines.append(template.load(names.vector(k), inputs[statement.operand], column))
            continue
        if uses(statement.expr, ("index",)):
            lines.append(f"index = splat(int32({column}), {names.lanes})")
        assert statement.expr is not None
        lines += names.vectors.assign(names.vector(k), statement.expr, statement.dtype)
    return lines


def fold_lines(names: ColumnNames, k: int, statement: Statement, length: int) -> list[str]:
    """The columns combined from the first to the last."""
    names.column = 0
    lines = [f"v{k} = {names.vector(statement.operand)}"]
    for column in range(1, length):
        names.column = column
        lines.append(f"v{k} = " + COMBINE[statement.kind].format(a=f"v{k}", v=names.vector(statement.operand)))
    return lines


def store_lines(names: ColumnNames, k: int, p: Pointer, length: int) -> list[str]:
    lines: list[str] = []
    for column in range(length if p.level == FULL else 1):
        names.column = column
        lines.append(template.store(p, column, names.vector(k)))
    return lines
