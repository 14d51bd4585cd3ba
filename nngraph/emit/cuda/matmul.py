"""Writes out matrix products for CUDA devices, with the work that is fused to them."""

from __future__ import annotations

from nngraph.emit.cuda.statements import CudaNames
from nngraph.ir.program import UNIFORM, MatmulEpilogueSpec
from nngraph_kernels.cpu.epilogue import Epilogue, Operand
from nngraph_kernels.cuda import long_product
from nngraph_kernels.cuda import matmul as template
from nngraph_kernels.cuda.epilogue import Lines


def matmul_source(name: str, spec: MatmulEpilogueSpec) -> str:
    """The module of one product kernel."""
    return template.source(name, spec.product, lines_of(spec))


def total_source(name: str, spec: MatmulEpilogueSpec) -> str:
    """The module of a kernel that adds up the pieces of a product."""
    return long_product.total_source(name, spec.product, lines_of(spec))


def lines_of(spec: MatmulEpilogueSpec) -> Lines:
    """What is done to each sum of a product."""
    names = CudaNames(spec.statements)
    once: list[str] = []
    each: list[str] = []
    for k, statement in enumerate(spec.statements):
        lines = once if statement.level == UNIFORM else each
        if statement.kind == "compute":
            lines += names.assign_scalar(k)
        else:
            lines.append(f"s{k} = {'acc' if statement.kind == 'product' else f'v{statement.operand}'}")
    stores = tuple(f"s{k}" for k in spec.stores)
    return Lines(layout_of(spec), tuple(once), tuple(each), stores)


def layout_of(spec: MatmulEpilogueSpec) -> Epilogue:
    """What the epilogue reads, stores and leaves."""
    operands = tuple(Operand(access, dtype) for access, dtype in spec.operands)  # type: ignore[arg-type]
    moments = f"s{spec.moments}" if spec.moments >= 0 else ""
    return Epilogue(operands, spec.outputs, spec.numbers, moments=moments)


def matmul_grid(spec: MatmulEpilogueSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    return template.grid(spec.product, layout_of(spec), integers)


def total_grid(spec: MatmulEpilogueSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each, for the total of pieces."""
    return long_product.total_grid(spec.product, layout_of(spec), integers)


def matmul_threads(spec: MatmulEpilogueSpec) -> int:
    """Threads of a block."""
    return template.threads(spec.product, layout_of(spec))
