"""Writes out matrix products with the work that is fused to them."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph.emit.imports import imports
from nngraph.emit.statements import Names
from nngraph.ir.expr import Expr
from nngraph.ir.program import FULL, MatmulEpilogueSpec, Statement
from nngraph_kernels.cpu import matmul as template
from nngraph_kernels.cpu.epilogue import Epilogue, Operand
from nngraph_kernels.target import lanes


class EpilogueNames(Names):
    """In an epilogue everything is a vector: `acc` the product, `x0` an operand, `s0` a number."""

    def __init__(self, statements: Sequence[Statement], product_dtype: str) -> None:
        super().__init__(statements, lanes(product_dtype), vectors_from=0)
        self.product_dtype = product_dtype

    def vector(self, k: int) -> str:
        statement = self.statements[k]
        if statement.kind == "product":
            return "acc"
        return f"x{statement.operand}" if statement.kind == "load" else f"v{k}"

    def vector_constant(self, expr: Expr, dtype: str) -> str:
        if expr.op != "number":
            return super().vector_constant(expr, dtype)
        if dtype == self.product_dtype:
            return f"s{expr.value}"
        name = f"m{expr.value}_{dtype}"
        self.hoisted[name] = f"splat({dtype}(s{expr.value}_number), {self.lanes})"
        return name


def matmul_source(name: str, spec: MatmulEpilogueSpec) -> str:
    """The module of one product kernel."""
    names = EpilogueNames(spec.statements, spec.product.dtype)
    lines: list[str] = []
    constants: list[str] = []
    for k, statement in enumerate(spec.statements):
        if statement.kind == "compute":
            (lines if statement.level == FULL else constants).extend(names.assign_vector(k))
    lines += [f"y{o} = {names.vector(k)}" for o, k in enumerate(spec.stores)]
    constants = names.hoisted_lines() + constants
    operands = tuple(Operand(access, dtype) for access, dtype in spec.operands)  # type: ignore[arg-type]
    epilogue = Epilogue(
        operands,
        spec.outputs,
        spec.numbers,
        tuple(lines),
        tuple(constants),
        tuple(imports("\n".join(lines + constants))),
        names.vector(spec.moments) if spec.moments >= 0 else "",
    )
    return template.source(name, spec.product, epilogue)
