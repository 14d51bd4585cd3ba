"""Template of the kernels that go over rows: elementwise work, and reductions along each row.

Elementwise work is done a thread an element. Rows with reductions are each done by a block, or, where they are
short, by a thread; work that needs a reduction's result comes in a later *phase*, another walk over the same row.
What is read is read before anything of the row is written: results are stored in the last walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from nngraph_kernels.cpu.rows import COMBINE, Pointer
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, indent, module, write
from nngraph_kernels.record import record

IDENTITY = {"sum": "0", "max": "-inf", "min": "inf"}
EXTREME = {"max": "-2147483648", "min": "2147483647"}  # of int32


@record
class Phase:
    """One walk over a row: lines before it, for each element, folds (variable, kind, value, dtype), and stores."""

    before: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    folds: list[tuple[str, str, str, str]] = field(default_factory=list)
    stores: list[tuple[Pointer, str]] = field(default_factory=list)


@record
class Rows:
    """All that the template writes out.

    Attributes
    ----------
    outputs, inputs : list of Pointer
    uniform : list of str
        Statements once a thread.
    phases : list of Phase
        Without reductions there is one, and its `before` is part of the work on an element.
    row_stores : list of (Pointer, variable)
        Stored once a row.
    outer : int
        Axes around the row.
    chunk : str
        "scalar", "across", "single", "exact": rows are short; any other: they may be long.
    numbers, keys : int
    positions : tuple of str
        "index" where lines read `index`, "uniform" where they read `element`.
    """

    outputs: list[Pointer]
    inputs: list[Pointer]
    uniform: list[str]
    phases: list[Phase]
    row_stores: list[tuple[Pointer, str]]
    outer: int
    chunk: str
    numbers: int
    keys: int
    positions: tuple[str, ...]

    @property
    def reduces(self) -> bool:
        """Whether anything is reduced."""
        return any(phase.folds for phase in self.phases)


SHORT = ("across", "single", "exact")


def grid(reduces: bool, chunk: str, outer: int, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size = target()
    if chunk == "scalar":
        return 1, 1
    rows, n = (integers[0], integers[outer]) if outer else (1, integers[0])
    if reduces and chunk not in SHORT:
        return max(1, min(rows, size.blocks)), size.threads
    work = rows if reduces else rows * n
    return max(1, min(-(-work // size.threads), size.blocks)), size.threads


def source(name: str, rows: Rows) -> str:
    """The source text of one kernel; its integers are those of `nngraph_kernels.cpu.rows.source`."""
    body = [*argument_lines(rows), *rows.uniform]
    constants: list[str] = []
    if rows.chunk == "scalar":
        (phase,) = rows.phases
        body += ["element = 0"] * ("uniform" in rows.positions)
        body += [*phase.before, *phase.lines, *(store(p, p.name, v) for p, v in rows.row_stores)]
    elif not rows.reduces:
        body += each_element(rows)
    elif rows.chunk in SHORT:
        body += ["for row in range(cuda.grid(1), rows, cuda.gridsize(1)):", *indent(row_lines(rows, block=False))]
    else:
        constants = [f"THREADS = {target().threads}"]
        dtypes = dict.fromkeys(dtype for phase in rows.phases for *_, dtype in phase.folds)
        body += [f"shared_{dtype} = cuda.shared.array(THREADS, {dtype})" for dtype in dtypes]
        body += ["lane = cuda.threadIdx.x"]
        body += ["for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):", *indent(row_lines(rows, block=True))]
    return module(name, body, constants=constants)


def argument_lines(rows: Rows) -> list[str]:
    pointers = [*rows.outputs, *rows.inputs]
    integers = ["rows", *(f"size{d}" for d in range(1, rows.outer))] if rows.outer else []
    integers += ["n"] if rows.chunk != "scalar" else []
    for p in pointers:
        if p.level and not p.shared:
            integers += [f"{p.name}_{d}" for d in range(rows.outer)]
    integers += [f"{p.name}_step" for p in pointers if p.inner == "strided"]
    integers += [f"key{k}" for k in range(rows.keys)]
    lines = arguments([(p.name, p.dtype) for p in pointers], integers, rows.numbers)
    return lines if rows.outer or rows.chunk == "scalar" else [*lines, "rows = 1"]


def each_element(rows: Rows) -> list[str]:
    """A thread an element."""
    (phase,) = rows.phases
    lines = ["row = int64(uint32(e) // uint32(n))", "j = e - row * n"] if rows.outer else ["row = 0", "j = e"]
    lines += [*addresses(rows), *position_lines(rows), *phase.before, *phase.lines]
    lines += [store(p, at(p, rows.outer), v) for p, v in phase.stores]
    once = [store(p, start(p, rows.outer), v) for p, v in rows.row_stores]
    lines += ["if j == 0:", *indent(once)] if once else []
    return ["for e in range(cuda.grid(1), rows * n, cuda.gridsize(1)):", *indent(lines)]


def row_lines(rows: Rows, block: bool) -> list[str]:
    """The work on one row, by a block or by a thread."""
    lines = addresses(rows)
    for phase in rows.phases:
        lines += phase.before
        lines += [f"{a} = {identity(kind, dtype)}" for a, kind, _, dtype in phase.folds]
        walk = [*position_lines(rows), *phase.lines]
        walk += [f"{a} = {COMBINE[kind].format(a=a, v=v)}" for a, kind, v, _ in phase.folds]
        walk += [store(p, at(p, rows.outer), v) for p, v in phase.stores]
        if phase.folds or phase.stores:
            lines += ["for j in range(lane, n, THREADS):" if block else "for j in range(n):", *indent(walk)]
        if block:
            lines += [f"{a} = reduce_{kind}({a}, shared_{dtype}, lane, THREADS)" for a, kind, _, dtype in phase.folds]
    once = [store(p, start(p, rows.outer), v) for p, v in rows.row_stores]
    return lines + (["if lane == 0:", *indent(once)] if block and once else once)


def addresses(rows: Rows) -> list[str]:
    """Where each operand's row starts."""
    lines: list[str] = []
    places = ["row"]
    if rows.outer > 1:
        lines.append("rest = row")
        for d in range(rows.outer - 1, 0, -1):
            lines += [f"i{d} = int64(uint32(rest) % uint32(size{d}))", f"rest = int64(uint32(rest) // uint32(size{d}))"]
        lines.append("i0 = rest")
        places = [f"i{d}" for d in range(rows.outer)]
    for p in (*rows.outputs, *rows.inputs):
        terms = [f"{place} * {p.name}_{d}" for d, place in enumerate(places)] if rows.outer else []
        if p.level and not p.shared and terms:
            lines.append(f"{p.name}_at = {p.name} + {' + '.join(terms)}")
    return lines


def start(p: Pointer, outer: int) -> str:
    """Where the row of an operand begins."""
    return f"{p.name}_at" if p.level and not p.shared and outer else p.name


def at(p: Pointer, outer: int) -> str:
    """The place of the element of an operand that belongs to column `j` of the row."""
    further = {"vector": " + j", "strided": f" + j * {p.name}_step", "splat": ""}[p.inner]
    return start(p, outer) + further


def position_lines(rows: Rows) -> list[str]:
    text = {"index": "index = int32(j)", "uniform": "element = row * n + j"}
    return [text[name] for name in rows.positions]


def store(p: Pointer, where: str, value: str) -> str:
    return write(p.dtype, where, value)


def identity(kind: str, dtype: str) -> str:
    """The number that changes nothing in a reduction."""
    if dtype == "int32" and kind != "sum":
        return f"int32({EXTREME[kind]})"
    return f"{dtype}({IDENTITY[kind]})"
