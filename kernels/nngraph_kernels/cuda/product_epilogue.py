"""What is fused to products that something else has made: it reads them from memory, and does what is left to do.

Their matrices lie one after the other. Where moments are left, a block has some columns of one of the `PIECES` of rows,
and its threads take rows in turn; otherwise elements are shared out as in any elementwise work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nngraph_kernels.cpu.epilogue import PIECES, Epilogue
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.epilogue import (
    Lines,
    after_piece,
    before_piece,
    call_line,
    column_lines,
    function_lines,
    once_lines,
    operand_lines,
    parameters,
    piece_bounds,
    results_of,
    store_lines,
)
from nngraph_kernels.cuda.matmul import count, slots
from nngraph_kernels.cuda.shares import blocks_for, largest_block
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, divided, element, indent, module, read, shared_array, write

TOGETHER: Final = 8  # rows whose operands a thread reads before it stores anything of them


def threads(layout: Epilogue) -> int:
    """Threads of a block."""
    return largest_block() if layout.moments else target().threads


def grid(spec: MatmulSpec, layout: Epilogue, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    given = dict(zip(slots(spec, layout)[1], integers, strict=True))
    batches, M, N = given["batches"], given["M"], given["N"]
    if layout.moments:
        return max(1, batches * -(-N // target().columns) * PIECES), threads(layout)
    return blocks_for(-(-batches * M * N // threads(layout))), threads(layout)


def source(name: str, spec: MatmulSpec, lines: Lines) -> str:
    """The source text of the kernel `name`: its slots are those of the product, with its result at A."""
    body = [*arguments(*slots(spec, lines.layout), lines.layout.numbers), *once_lines(lines)]
    if lines.layout.moments:
        body += [*shared_lines(spec.dtype, threads(lines.layout)), *piece_lines(spec.dtype, lines)]
    else:
        body += ["for e in range(cuda.grid(1), batches * M * N, cuda.gridsize(1)):"]
        body += indent(element_lines(spec.dtype, lines))
    return module(name, body, f"out = epilogue(A), {spec.dtype} matrices.", function_lines(lines))


def element_lines(dtype: str, lines: Lines) -> Iterator[str]:
    """Store what becomes of one element."""
    yield f"above = {divided('e', 'N')}"
    yield f"batch = {divided('above', 'M')}"
    yield "row, column = above - batch * M, e - above * N"
    yield f"acc = {element(dtype, 'a + e')}"
    for i, access, kind in lines.operands("full", "row", "column"):
        own = [f"x{i} + batch * x{i}_batch"]
        own += [*([] if access == "column" else [f"row * x{i}_row"]), *([] if access == "row" else ["column"])]
        yield f"v{i} = {read(kind, ' + '.join(own))}"
    results = [f"result{o}" for o in range(len(results_of(lines)))]
    yield f"{', '.join(results)}, = results({', '.join(parameters(lines))})"
    for o, kind in enumerate(lines.layout.outputs):
        yield write(kind, f"y{o} + batch * y{o}_batch + row * y{o}_row + column", results[o])


def shared_lines(dtype: str, threads: int) -> list[str]:
    """Memory of a block for the moments of its threads, and the thread's number."""
    return [shared_array("shared", 3 * threads, dtype), "t = int64(cuda.threadIdx.x)"]


def piece_lines(dtype: str, lines: Lines) -> Iterator[str]:
    """The block's piece of some columns, and the moments that are left of it."""
    columns, together = target().columns, threads(lines.layout) // target().columns
    yield f"columns = {count('N', columns)}"
    yield f"beside = cuda.blockIdx.x // {PIECES}"
    yield f"piece = cuda.blockIdx.x - beside * {PIECES}"
    yield f"batch = {divided('beside', 'columns')}"
    yield f"start = (beside - batch * columns) * {columns}"
    yield from [*before_piece(dtype), *piece_bounds("M"), *column_lines(lines, columns)]
    yield f"for row in range(first + t // {columns}, past, {TOGETHER * together}):"
    body = [line for u in range(TOGETHER) for line in value_lines(lines, dtype, u, together)]
    body += [call_line(lines, u) for u in range(TOGETHER)]
    yield from indent([*body, *(line for u in range(TOGETHER) for line in store_lines(lines, u, "past"))])
    yield from after_piece(dtype, threads(lines.layout), columns)


def value_lines(lines: Lines, dtype: str, u: int, together: int) -> Iterator[str]:
    """One result's row and sum, and the operands there."""
    yield f"row_{u} = row + {u * together}"
    yield f"there = min(row_{u}, past - 1)"
    yield f"acc_{u} = {element(dtype, 'a + (batch * M + there) * N + inside')}"
    yield from operand_lines(lines, u)
