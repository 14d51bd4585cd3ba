"""Names and constants of a fused body in kernel source: `s3` is statement 3 as a scalar, `v3` as a vector."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph.emit.expressions import Renderer
from nngraph.ir.expr import Expr
from nngraph.ir.program import FULL, UNIFORM, Statement


class Names:
    """Keeps what a body needs declared before it: vectors of constants and of scalars, and imports.

    Statements from level `vectors_from` on are vectors, those below are scalars.
    """

    def __init__(self, statements: Sequence[Statement], lanes: int, vectors_from: int = FULL) -> None:
        self.statements = statements
        self.vectors_from = vectors_from
        self.lanes = lanes
        self.hoisted: dict[str, str] = {}
        self.widened: set[int] = set()
        self.scalars = Renderer(self.scalar, self.scalar, self.dtype, self.scalar_constant, None)
        self.vectors = Renderer(self.vector, self.scalar, self.dtype, self.vector_constant, lanes)

    def dtype(self, k: int) -> str:
        return self.statements[k].dtype

    def scalar(self, k: int) -> str:
        return f"s{k}"

    def vector(self, k: int) -> str:
        """A lower-level statement is widened: once a call if it is uniform, else where it is assigned."""
        if self.statements[k].level >= self.vectors_from:
            return f"v{k}"
        self.widened.add(k)
        return f"w{k}"

    def widen(self, k: int) -> str:
        return f"w{k} = splat(s{k}, {self.lanes})"

    def hoisted_lines(self) -> list[str]:
        """Vectors that never change."""
        uniform = [self.widen(k) for k in sorted(self.widened) if self.statements[k].level == UNIFORM]
        return uniform + [f"{name} = {text}" for name, text in self.hoisted.items()]

    def scalar_constant(self, expr: Expr, dtype: str) -> str:
        if expr.op == "number":
            return f"{dtype}(number{expr.value})"
        if dtype == "bool":
            return str(bool(expr.value))
        return f"{dtype}({int(expr.value) if dtype == 'int32' else expr.value})"

    def vector_constant(self, expr: Expr, dtype: str) -> str:
        if expr.op == "number":
            name = f"m{expr.value}" + ("" if dtype == "float32" else f"_{dtype}")
        else:
            name = (
                "c"
                + str(expr.value).replace("-", "minus_").replace(".", "_")
                + ("" if dtype == "float32" else f"_{dtype}")
            )
        self.hoisted[name] = f"splat({self.scalar_constant(expr, dtype)}, {self.lanes})"
        return name

    def assign_scalar(self, k: int) -> list[str]:
        expr = self.statements[k].expr
        assert expr is not None
        *shared, last = self.scalars.assign(f"s{k}", expr, self.dtype(k))
        if self.dtype(k) == "int32" and expr.args:  # Numba's arithmetic on int32 gives int64
            last = f"s{k} = int32({last.partition(' = ')[2]})"
        return [*shared, last]

    def assign_vector(self, k: int) -> list[str]:
        expr = self.statements[k].expr
        assert expr is not None
        return self.vectors.assign(f"v{k}", expr, self.dtype(k))


def arguments_of(statement: Statement) -> list[int]:
    """The statements that this one reads."""
    if statement.kind == "load":
        return []
    return [statement.operand] if statement.expr is None else expr_arguments(statement.expr)


def expr_arguments(expr: Expr) -> list[int]:
    if expr.op == "argument":
        return [expr.value]
    return [k for arg in expr.args for k in expr_arguments(arg)]


def phases_of(statements: Sequence[Statement]) -> list[int]:
    """For each statement the walk over the row in which it is first known."""
    phases: list[int] = []
    for statement in statements:
        known = max((phases[k] for k in arguments_of(statement)), default=0)
        phases.append(known + 1 if statement.kind in ("sum", "max", "min") else known)
    return phases


def closure(statements: Sequence[Statement], roots: Sequence[int], known: set[int]) -> list[int]:
    """The vector statements that `roots` need, in order, but for those already known."""
    needed: set[int] = set()
    pending = list(roots)
    while pending:
        k = pending.pop()
        if k in needed or k in known or statements[k].level != FULL:
            continue
        needed.add(k)
        pending += arguments_of(statements[k])
    return sorted(needed)


def uses(expr: Expr | None, ops: tuple[str, ...]) -> bool:
    """Whether one of `ops` occurs in `expr`."""
    return expr is not None and (expr.op in ops or any(uses(arg, ops) for arg in expr.args))
