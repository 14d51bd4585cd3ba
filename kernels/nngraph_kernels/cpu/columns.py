"""Template of the kernels that reduce over an axis that is not the last.

Vectors lie along the columns, so that nothing is summed across lanes. Each vector of columns is reduced by one
thread, from the first to the last row: the result does not depend on how many threads there are.
"""

from __future__ import annotations

from nngraph_kernels.cpu.rows import COMBINE, Pointer, argument_lines, identity, indent
from nngraph_kernels.record import record


@record
class Columns:
    """All that the template writes out.

    Attributes
    ----------
    outputs, inputs : list of Pointer
        Level 0: one number; 1: along the columns; 2: read again for every step of the reduction.
    uniform, hoisted : list of str
        Statements once a call: scalar ones, then vector ones.
    before, after : list of str
        Vector statements for each step of the reduction, and on its result.
    loads_before, loads_after : list of (variable, Pointer)
    fold : (result variable, kind, variable, dtype)
    stores : list of (Pointer, variable)
    whole : bool
        Whether the number of columns is a multiple of `lanes`.
    """

    outputs: list[Pointer]
    inputs: list[Pointer]
    uniform: list[str]
    hoisted: list[str]
    loads_before: list[tuple[str, Pointer]]
    before: list[str]
    fold: tuple[str, str, str, str]
    loads_after: list[tuple[str, Pointer]]
    after: list[str]
    stores: list[tuple[Pointer, str]]
    whole: bool
    lanes: int
    numbers: int


def source(name: str, columns: Columns) -> str:
    """The source text of one kernel.

    Its integers: outside, reduced, columns; then for each pointer that is not uniform its stride over the outside
    and, at level 2, over the reduced axis. Then the numbers.
    """
    lanes = columns.lanes
    body = [*arguments(columns), *columns.uniform, *columns.hoisted]
    body += [
        f"chunks = (columns + {lanes - 1}) // {lanes}",
        "items = outside * chunks",
        "for item in range(items * thread // threads, items * (thread + 1) // threads):",
        *indent(item_lines(columns)),
    ]
    return "\n".join([f"def {name}(args, thread, threads):", *indent(body)]) + "\n"


def arguments(columns: Columns) -> list[str]:
    pointers = [*columns.outputs, *columns.inputs]
    integers = ["outside", "reduced", "columns"]
    for p in pointers:
        integers += [f"{p.name}_outside", f"{p.name}_reduced"][: p.level]
    return argument_lines(pointers, integers, columns.numbers)


def item_lines(columns: Columns) -> list[str]:
    """One vector of columns, reduced, worked on and stored."""
    lanes = columns.lanes
    result, kind, variable, dtype = columns.fold
    lines = [f"j = item % chunks * {lanes}", "o = item // chunks"]
    if not columns.whole:
        lines.append(f"mask = first(columns - j, {lanes})")
    for p in (*columns.outputs, *columns.inputs):
        if p.level:
            lines.append(f"{p.name}_at = o * {p.name}_outside + j")
    lines += [f"{result} = {identity(kind, dtype, lanes)}", "for r in range(reduced):"]
    step = [load(columns, v, p, f" + r * {p.name}_reduced") for v, p in columns.loads_before]
    step += [*columns.before, f"{result} = " + COMBINE[kind].format(a=result, v=variable)]
    lines += indent(step)
    lines += [load(columns, v, p, "") for v, p in columns.loads_after]
    return lines + columns.after + [store(columns, p, v) for p, v in columns.stores]


def load(columns: Columns, variable: str, p: Pointer, further: str) -> str:
    place = f"{p.name}_at{further}"
    if columns.whole:
        return f"{variable} = load({p.name}, {place}, {columns.lanes})"
    return f"{variable} = load_masked({p.name}, {place}, mask)"


def store(columns: Columns, p: Pointer, variable: str) -> str:
    if columns.whole:
        return f"store({p.name}, {p.name}_at, {variable})"
    return f"store_masked({p.name}, {p.name}_at, {variable}, mask)"
