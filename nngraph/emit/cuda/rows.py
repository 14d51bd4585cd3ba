"""Writes out row kernels for CUDA devices."""

from __future__ import annotations

from nngraph.emit.cuda.statements import CudaNames
from nngraph.emit.pointers import pointers_of
from nngraph.emit.statements import closure, phases_of, uses
from nngraph.ir.program import FULL, REDUCTIONS, ROW, UNIFORM, RowsSpec
from nngraph_kernels.cuda import rows as template
from nngraph_kernels.cuda.text import read


def rows_source(name: str, spec: RowsSpec, narrow: tuple[str, ...] = ()) -> str:
    """The module of a row kernel."""
    return template.source(name, RowWriter(spec, narrow).rows())


def rows_grid(spec: RowsSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    reduces = any(statement.kind in REDUCTIONS for statement in spec.statements)
    return template.grid(reduces, spec.chunk, spec.outer, integers)


class RowWriter:
    """Distributes a body's statements over the places of the template."""

    def __init__(self, spec: RowsSpec, narrow: tuple[str, ...] = ()) -> None:
        self.spec = spec
        self.names = CudaNames(spec.statements, spec.stores, narrow)
        self.phase_of = phases_of(spec.statements)
        self.outputs, self.inputs = pointers_of(spec, narrow)
        self.last = max(self.phase_of, default=0)

    def rows(self) -> template.Rows:
        spec = self.spec
        stores = list(zip(self.outputs, spec.stores, strict=True))
        once = [(p, f"s{k}") for p, k in stores if not self.is_wide(p)]
        phases = [self.phase(number) for number in range(self.last + 1)]
        return template.Rows(
            self.outputs, self.inputs, self.lines([k for k in self.every() if self.level(k) == UNIFORM]), phases, once,
            spec.outer, spec.chunk, spec.numbers, spec.keys, self.positions(),
        )  # fmt: skip

    def every(self) -> range:
        return range(len(self.spec.statements))

    def level(self, k: int) -> int:
        return self.spec.statements[k].level

    def is_wide(self, p: template.Pointer) -> bool:
        """Whether an output is stored for every element."""
        return p.level == FULL and self.spec.chunk != "scalar"

    def phase(self, number: int) -> template.Phase:
        """One walk: reductions of what is known by now; in the last one results are stored."""
        statements = self.spec.statements
        folds = [
            (k, s) for k, s in enumerate(statements) if s.kind in REDUCTIONS and self.phase_of[s.operand] == number
        ]
        stores = [
            (p, k)
            for p, k in zip(self.outputs, self.spec.stores, strict=True)
            if self.is_wide(p) and number == self.last
        ]
        roots = [s.operand for _, s in folds] + [k for _, k in stores]
        once = [k for k in self.every() if self.level(k) == ROW and self.phase_of[k] == number]
        return template.Phase(
            self.lines(once), self.lines(closure(statements, roots, set())),
            [(f"s{k}", s.kind, f"s{s.operand}", s.dtype) for k, s in folds], [(p, f"s{k}") for p, k in stores],
        )  # fmt: skip

    def lines(self, chosen: list[int]) -> list[str]:
        return [line for k in chosen for line in self.line(k)]

    def line(self, k: int) -> list[str]:
        statement = self.spec.statements[k]
        if statement.kind == "load":
            p = self.inputs[statement.operand]
            where = template.at(p, self.spec.outer) if statement.level == FULL else template.start(p, self.spec.outer)
            return [f"s{k} = {read(p.dtype, where)}"]
        return [] if statement.kind in REDUCTIONS else self.names.assign_scalar(k)

    def positions(self) -> tuple[str, ...]:
        expressions = [statement.expr for statement in self.spec.statements]
        return tuple(name for name in ("index", "uniform") if any(uses(expr, (name,)) for expr in expressions))
