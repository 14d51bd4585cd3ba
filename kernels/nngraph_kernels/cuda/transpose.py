"""Template of the transposition: y[batch, c, r] = x[batch, r, c], sizes known at run time.

Squares go through shared memory, so that neighboring threads read, and then write, neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.transpose import ARGUMENTS, TransposeSpec
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, divided, indent, lying, module, read, shared_array, write

BLOCKS = 1 << 20  # at most


def source(name: str, spec: TransposeSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`."""
    size = target()
    dtypes = lying([spec.dtype] * 2, narrow)
    side, together = size.columns, size.threads // size.columns
    lines = [
        *arguments(list(zip(ARGUMENTS[:2], dtypes, strict=True)), ARGUMENTS[2:]),
        shared_array("square", side * (side + 1), spec.dtype),
        f"across = cuda.threadIdx.x % {side}",
        f"down = cuda.threadIdx.x // {side}",
        f"beside = (columns + {side - 1}) // {side}",
        f"below = (rows + {side - 1}) // {side}",
        "for unit in range(cuda.blockIdx.x, batches * below * beside, cuda.gridDim.x):",
        *indent([
            f"above = {divided('unit', 'beside')}",
            f"c = (unit - above * beside) * {side}",
            f"batch = {divided('above', 'below')}",
            f"r = (above - batch * below) * {side}",
            "x_at = x + batch * x_batch + r * x_row + c + across",
            "y_at = y + batch * y_batch + c * y_row + r + across",
            f"for i in range(down, {side}, {together}):",
            "    if r + i < rows and c + across < columns:",
            f"        square[i * {side + 1} + across] = {read(dtypes[1], 'uint64(x_at + i * x_row)')}",
            "cuda.syncthreads()",
            f"for i in range(down, {side}, {together}):",
            "    if c + i < columns and r + across < rows:",
            "        " + write(dtypes[0], "uint64(y_at + i * y_row)", f"square[across * {side + 1} + i]"),
            "cuda.syncthreads()",
        ]),
    ]  # fmt: skip
    return module(name, lines, f"y[batch] = x[batch].T, {spec.dtype}.")


def grid(spec: TransposeSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    batches, rows, columns = integers[:3]
    units = batches * -(-rows // size.columns) * -(-columns // size.columns)
    return max(1, min(units, BLOCKS)), size.threads
