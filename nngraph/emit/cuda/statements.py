"""A fused body's statements as lines over single numbers: `s3` is statement 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph.emit.expressions import Renderer
from nngraph.emit.statements import Names, arguments_of
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
    """Every statement is a number of its own, computed where it is needed; `moments` are left of one if not -1.

    Attributes
    ----------
    rounded : dict of int to str
        Statements that are stored in 16 bits and read by others too: the same number wherever it is read.
    """

    def __init__(
        self, statements: Sequence[Statement], stores: Sequence[int], narrow: Sequence[str], moments: int = -1
    ) -> None:
        super().__init__(statements, lanes=1)
        read = {k for statement in statements for k in arguments_of(statement)} | {moments}
        pairs = zip(stores, narrow, strict=False)  # what lies after the outputs is read
        self.rounded = {k: own for k, own in pairs if own and k in read}
        self.scalars = CudaRenderer(self.scalar, self.scalar, self.dtype, self.scalar_constant, None)

    def assign_scalar(self, k: int) -> list[str]:
        return [*super().assign_scalar(k), *self.round(k)]

    def round(self, k: int) -> list[str]:
        """Make what has been assigned what will be read again."""
        return [f"s{k} = from_{self.rounded[k]}(to_{self.rounded[k]}(s{k}))"] if k in self.rounded else []
