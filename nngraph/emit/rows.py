"""Writes out row kernels."""

from __future__ import annotations

from nngraph.emit.across import across_source
from nngraph.emit.imports import module
from nngraph.emit.pointers import pointers_of
from nngraph.emit.statements import Names, closure, phases_of, uses
from nngraph.ir.program import FULL, REDUCTIONS, ROW, UNIFORM, RowsSpec, Statement
from nngraph_kernels.cpu import rows as template
from nngraph_kernels.target import lanes


def rows_source(name: str, spec: RowsSpec) -> str:
    """The module of a row kernel."""
    if spec.chunk == "across":
        return across_source(name, spec)
    return module(template.source(name, RowWriter(spec).rows()))


class RowWriter:
    """Distributes a body's statements over the places of the template."""

    def __init__(self, spec: RowsSpec) -> None:
        self.spec = spec
        self.names = Names(spec.statements, lanes(spec.dtype))
        self.phase_of = phases_of(spec.statements)
        self.outputs, self.inputs = pointers_of(spec)

    def rows(self) -> template.Rows:
        spec = self.spec
        uniform = self.at_level(UNIFORM)
        phases = [] if spec.chunk == "scalar" else self.phases()
        row_lines = self.row_lines()
        for phase, lines in zip(phases, row_lines, strict=False):
            phase.before[:0] = lines
        after = [line for lines in row_lines[len(phases) :] for line in lines]
        row_stores = [(p, f"s{k}") for p, k in zip(self.outputs, spec.stores, strict=True) if not self.is_wide(p)]
        return template.Rows(
            self.outputs, self.inputs, uniform, self.names.hoisted_lines(), phases, after, row_stores, spec.outer,
            spec.chunk, self.names.lanes, spec.numbers, spec.keys, self.positions(),
            spec.tiled,
        )  # fmt: skip

    def is_wide(self, p: template.Pointer) -> bool:
        """Whether an output is stored in vectors."""
        return p.level == FULL and self.spec.chunk != "scalar"

    def at_level(self, level: int) -> list[str]:
        """The scalar statements of one level, in order."""
        return [
            line for k, s in enumerate(self.spec.statements) if s.level == level for line in self.scalar_lines(k, s)
        ]

    def scalar_lines(self, k: int, statement: Statement) -> list[str]:
        if statement.kind == "load":
            p = self.inputs[statement.operand]
            return [f"s{k} = load_scalar({p.name}, {p.name + '_at' if p.level else '0'})"]
        return [] if statement.kind in REDUCTIONS else self.names.assign_scalar(k)

    def row_lines(self) -> list[list[str]]:
        """For each walk, and for the end of the row, the scalar statements that come just before it."""
        lines: list[list[str]] = [[] for _ in range(max(self.phase_of, default=0) + 1)]
        for k, statement in enumerate(self.spec.statements):
            if statement.level == ROW:
                place = lines[self.phase_of[k]]
                place += self.scalar_lines(k, statement)
                if k in self.names.widened:
                    place.append(self.names.widen(k))
        return lines

    def phases(self) -> list[template.Phase]:
        known: set[int] = set()
        phases = [self.phase(p, known) for p in range(max(self.phase_of, default=0) + 1)]
        while len(phases) > 1 and not (phases[-1].stores or phases[-1].folds):
            phases.pop()
        return phases

    def phase(self, number: int, known: set[int]) -> template.Phase:
        """The walk that computes all that is stored or folded at this point."""
        statements = self.spec.statements
        stores = [
            (p, k)
            for p, k in zip(self.outputs, self.spec.stores, strict=True)
            if self.is_wide(p) and self.store_phase(k) == number
        ]
        folds = [
            (k, s) for k, s in enumerate(statements) if s.kind in REDUCTIONS and self.phase_of[s.operand] == number
        ]
        roots = [k for _, k in stores] + [s.operand for _, s in folds]
        phase = template.Phase()
        for k in closure(statements, roots, known):
            if statements[k].kind == "load":
                phase.loads.append((f"v{k}", self.inputs[statements[k].operand]))
            else:
                phase.lines.extend(self.names.assign_vector(k))
            if self.spec.chunk in ("single", "exact"):
                known.add(k)
        phase.folds.extend((f"s{k}", s.kind, self.names.vector(s.operand), s.dtype) for k, s in folds)
        phase.stores.extend((p, self.names.vector(k)) for p, k in stores)
        return phase

    def store_phase(self, k: int) -> int:
        """The walk in which a statement is stored: as soon as it is known, or, where the row stays in registers, in
        the last one, so that everything is read before anything is written.
        """
        if self.spec.chunk in ("single", "exact"):
            return max(self.phase_of)
        return self.phase_of[k]

    def positions(self) -> tuple[str, ...]:
        expressions = [statement.expr for statement in self.spec.statements]
        return tuple(name for name in ("index", "uniform") if any(uses(expr, (name,)) for expr in expressions))
