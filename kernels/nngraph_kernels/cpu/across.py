"""Template of row kernels for very short rows: a vector holds one column of many rows.

Where a row is much shorter than a vector, reductions along it cost more than all else. Here each lane is a row,
its columns are variables of their own, and a reduction is plain arithmetic between them.
"""

from __future__ import annotations

from nngraph_kernels.cpu.rows import Pointer, argument_lines, indent
from nngraph_kernels.record import record


@record
class Across:
    """All that the template writes out.

    Attributes
    ----------
    outputs, inputs : list of Pointer
        Level 0: one number; 1: one a row; 2: a row of `columns`.
    uniform, hoisted : list of str
        Statements once a call: scalar ones, then vector ones.
    body : list of str
        Statements for a vector of rows; `loads` and `stores` of them are made by `load` and `store`.
    """

    outputs: list[Pointer]
    inputs: list[Pointer]
    uniform: list[str]
    hoisted: list[str]
    body: list[str]
    lanes: int
    numbers: int


def source(name: str, across: Across) -> str:
    """The source text of one kernel.

    Its integers: the number of rows, the length of a row, and the row stride of every pointer that is not uniform.
    Then the numbers.
    """
    lanes = across.lanes
    pointers = [*across.outputs, *across.inputs]
    integers = ["rows", "n", *(f"{p.name}_0" for p in pointers if p.level)]
    lines = argument_lines(pointers, integers, across.numbers)
    starts = [f"{p.name}_at = row * {p.name}_0" for p in pointers if p.level]
    lines += [
        *across.uniform,
        *across.hoisted,
        f"blocks = (rows + {lanes - 1}) // {lanes}",
        "for block in range(blocks * thread // threads, blocks * (thread + 1) // threads):",
        *indent([f"row = block * {lanes}", f"mask = first(rows - row, {lanes})", *starts, *across.body]),
    ]
    return "\n".join([f"def {name}(args, thread, threads):", *indent(lines)]) + "\n"


def load(variable: str, p: Pointer, column: int) -> str:
    """One column of a vector of rows."""
    return f"{variable} = load_strided_masked({p.name}, {p.name}_at + {column}, {p.name}_0, mask)"


def store(p: Pointer, column: int, variable: str) -> str:
    return f"store_strided_masked({p.name}, {p.name}_at + {column}, {p.name}_0, {variable}, mask)"
