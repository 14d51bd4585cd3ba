"""Writes out matrix products for CUDA devices, with the work that is fused to them."""

from __future__ import annotations

from nngraph.emit.cuda.statements import CudaNames
from nngraph.ir.program import UNIFORM, MatmulEpilogueSpec
from nngraph_kernels.cpu.epilogue import Epilogue, Operand
from nngraph_kernels.cuda import long_product, product_epilogue
from nngraph_kernels.cuda import matmul as template
from nngraph_kernels.cuda.epilogue import Lines
from nngraph_kernels.cuda.text import lying


def matmul_source(name: str, spec: MatmulEpilogueSpec, narrow: tuple[str, ...] = ()) -> str:
    """The module of one product kernel."""
    return template.source(name, spec.product, lines_of(spec, narrow), factors_of(spec, narrow))


def total_source(name: str, spec: MatmulEpilogueSpec, narrow: tuple[str, ...] = ()) -> str:
    """The module of a kernel that adds up the pieces of a product."""
    return long_product.total_source(name, spec.product, lines_of(spec, narrow))


def epilogue_source(name: str, spec: MatmulEpilogueSpec, narrow: tuple[str, ...] = ()) -> str:
    """The module of a kernel that does what is fused to a product which is made already."""
    return product_epilogue.source(name, spec.product, lines_of(spec, narrow))


def lines_of(spec: MatmulEpilogueSpec, narrow: tuple[str, ...]) -> Lines:
    """What is done to each sum of a product."""
    names = CudaNames(spec.statements, spec.stores, narrow, spec.moments)
    once: list[str] = []
    each: list[str] = []
    for k, statement in enumerate(spec.statements):
        lines = once if statement.level == UNIFORM else each
        if statement.kind == "compute":
            lines += names.assign_scalar(k)
        elif statement.kind == "product":
            lines += [f"s{k} = acc", *names.round(k)]
        else:
            lines.append(f"s{k} = v{statement.operand}")
    stores = tuple(f"s{k}" for k in spec.stores)
    return Lines(layout_of(spec, narrow), tuple(once), tuple(each), stores)


def layout_of(spec: MatmulEpilogueSpec, narrow: tuple[str, ...] = ()) -> Epilogue:
    """What the epilogue reads, stores and leaves, as it lies in memory."""
    first = len(spec.outputs) + (spec.moments >= 0) + 2  # outputs, moments, a and b come before what is read
    outputs = lying(spec.outputs, narrow[: len(spec.outputs)])
    dtypes = lying([dtype for _, dtype in spec.operands], narrow[first:])
    operands = tuple(Operand(access, own) for (access, _), own in zip(spec.operands, dtypes, strict=True))  # type: ignore[arg-type]
    moments = f"s{spec.moments}" if spec.moments >= 0 else ""
    return Epilogue(operands, tuple(outputs), spec.numbers, moments=moments)


def factors_of(spec: MatmulEpilogueSpec, narrow: tuple[str, ...]) -> tuple[str, str]:
    """As what a and b lie in memory."""
    first = len(spec.outputs) + (spec.moments >= 0)
    a, b = lying((spec.product.dtype,) * 2, narrow[first : first + 2])
    return a, b


def matmul_grid(spec: MatmulEpilogueSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    return template.grid(spec.product, layout_of(spec), integers)


def total_grid(spec: MatmulEpilogueSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each, for the total of pieces."""
    return long_product.total_grid(spec.product, layout_of(spec), integers)


def matmul_threads(spec: MatmulEpilogueSpec) -> int:
    """Threads of a block."""
    return template.threads(spec.product, layout_of(spec))


def epilogue_grid(spec: MatmulEpilogueSpec, integers: tuple[int, ...]) -> tuple[int, int]:
    """Blocks, and threads of each, for what is fused to a product."""
    return product_epilogue.grid(spec.product, layout_of(spec), integers)


def epilogue_threads(spec: MatmulEpilogueSpec) -> int:
    """Threads of a block of them."""
    return product_epilogue.threads(layout_of(spec))
