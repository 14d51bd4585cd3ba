"""Template of the kernels that reduce over an axis that is not the last.

The threads of a block stand in rows of neighboring columns. Each goes over its share of the reduced axis; their
results are put together in shared memory, always in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.rows import COMBINE, Pointer
from nngraph_kernels.cuda.rows import identity, store
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, indent, module
from nngraph_kernels.record import record


@record
class Columns:
    """All that the template writes out.

    Attributes
    ----------
    outputs, inputs : list of Pointer
        As in `nngraph_kernels.cpu.columns`.
    uniform, before, after : list of str
        Statements once a thread, for each step of the reduction, and on its result.
    fold : (result variable, kind, variable, dtype)
    stores : list of (Pointer, variable)
    """

    outputs: list[Pointer]
    inputs: list[Pointer]
    uniform: list[str]
    before: list[str]
    fold: tuple[str, str, str, str]
    after: list[str]
    stores: list[tuple[Pointer, str]]
    numbers: int


def grid(integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    outside, _, columns = integers[:3]
    return max(1, min(outside * -(-columns // size.columns), 65535)), size.threads


def source(name: str, columns: Columns) -> str:
    """The source text of one kernel; its integers are those of `nngraph_kernels.cpu.columns.source`."""
    size = target()
    result, kind, variable, dtype = columns.fold
    depth = size.threads // size.columns
    constants = [f"COLUMNS = {size.columns}", f"DEPTH = {depth}", f"THREADS = {size.threads}"]
    integers = ["outside", "reduced", "columns"]
    pointers = [*columns.outputs, *columns.inputs]
    for p in pointers:
        integers += [f"{p.name}_outside", f"{p.name}_reduced"][: p.level]
    share = [*columns.before, f"{result} = {COMBINE[kind].format(a=result, v=variable)}"]
    item = [
        "o = item // chunks",
        "j = item % chunks * COLUMNS + lane",
        *(f"{p.name}_at = {p.name} + o * {p.name}_outside + j" for p in pointers if p.level),
        f"{result} = {identity(kind, dtype)}",
        "if j < columns:",
        "    for r in range(part, reduced, DEPTH):",
        *indent(indent(share)),
        f"shared[lane + part * COLUMNS] = {result}",
        "cuda.syncthreads()",
        "if part == 0 and j < columns:",
        "    for other in range(1, DEPTH):",
        f"        {result} = {COMBINE[kind].format(a=result, v='shared[lane + other * COLUMNS]')}",
        *indent([*columns.after, *(store(p, f"{p.name}_at", v) for p, v in columns.stores)]),
        "cuda.syncthreads()",
    ]
    lines = [
        *arguments([(p.name, p.dtype) for p in pointers], integers, columns.numbers),
        *columns.uniform,
        f"shared = cuda.shared.array(THREADS, {dtype})",
        "lane = cuda.threadIdx.x % COLUMNS",
        "part = cuda.threadIdx.x // COLUMNS",
        "chunks = (columns + COLUMNS - 1) // COLUMNS",
        "for item in range(cuda.blockIdx.x, outside * chunks, cuda.gridDim.x):",
        *indent(item),
    ]
    return module(name, lines, constants=constants)
