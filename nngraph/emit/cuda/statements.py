"""A fused body's statements as lines over single numbers: `s3` is statement 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph.emit.expressions import Renderer
from nngraph.emit.statements import Names
from nngraph.ir.expr import Expr
from nngraph.ir.program import Statement


class CudaRenderer(Renderer):
    """Casts and random numbers as CUDA kernels write them."""

    def cast(self, expr: Expr, text: Callable[[Expr, str], str]) -> str:
        source = self.dtype(expr.args[0], expr.value)
        inner = text(expr.args[0], source)
        if source == expr.value:
            return inner
        return f"({inner} != 0)" if expr.value == "bool" else self.call(expr.value, inner)

    def uniform(self, expr: Expr) -> str:
        key, dtype = expr.value
        step = self.scalar_of(expr.args[0].value)
        return self.call(f"uniform_{dtype}", "element", step, f"key{key}", f"key{key + 1}")


class CudaNames(Names):
    """Every statement is a number of its own, computed where it is needed."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        super().__init__(statements, lanes=1)
        self.scalars = CudaRenderer(self.scalar, self.scalar, self.dtype, self.scalar_constant, None)
