"""What an anchor kernel does to its result before storing it, as data the template can write out.

The lines of an epilogue are statements over vectors. They read `acc` (the anchor's result), the operands
`x0, x1, ...` and the numbers `s0, s1, ...`, and assign the outputs `y0, y1, ...`. They may also read the
int64 position of the vector's first element, `batch`, `row` and `column`, and the literal `LANES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from nngraph_kernels.record import record

Access = Literal["full", "row", "column", "scalar"]

STRIDES: dict[Access, tuple[str, ...]] = {
    "full": ("batch", "row"),
    "row": ("batch", "row"),
    "column": ("batch",),
    "scalar": (),
}

PIECES = 32  # that the rows of a product are in for moments, whatever the number of threads
SHORT = 8  # lines


@record
class Operand:
    """An array that an epilogue reads.

    Attributes
    ----------
    access : {"full", "row", "column", "scalar"}
        One element per element of the output, per row, per column, or one in all. The elements of a row, and
        of a "column" operand, are contiguous; every other stride is a run-time int.
    dtype : {"float32", "float64", "int32", "int64", "bool"}
    """

    access: Access
    dtype: str = "float32"


@record
class Epilogue:
    """Elementwise work on an anchor's result.

    Attributes
    ----------
    operands : tuple of Operand
        What `x0, x1, ...` are read from.
    outputs : tuple of str
        The dtypes of the arrays that `y0, y1, ...` are stored in. An output may be the very array of an
        operand of "full" access and the same strides; it may overlap nothing else.
    numbers : int
        How many numbers `s0, s1, ...` there are.
    lines : tuple of str
        Statements, run once per vector.
    constants : tuple of str
        Statements, run once per call: vectors that do not change.
    imports : tuple of str
        Import statements that the lines need.
    moments : str
        What the lines call the values of whose columns moments are left, of the product's dtype: for each of `PIECES`
        runs of row tiles the number of its rows, their mean, and the sum of squared deviations from it. Empty for
        none.
    """

    operands: tuple[Operand, ...] = ()
    outputs: tuple[str, ...] = ("float32",)
    numbers: int = 0
    lines: tuple[str, ...] = ("y0 = acc",)
    constants: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    moments: str = ""


def output_names(epilogue: Epilogue) -> tuple[str, ...]:
    """The slots of the stored arrays."""
    return tuple(f"y{i}" for i in range(len(epilogue.outputs)))


def operand_names(epilogue: Epilogue) -> tuple[str, ...]:
    """The slots of the arrays read."""
    return tuple(f"x{i}" for i in range(len(epilogue.operands)))


def number_names(epilogue: Epilogue) -> tuple[str, ...]:
    """The slots of the numbers."""
    return tuple(f"s{i}" for i in range(epilogue.numbers))


def stride_names(epilogue: Epilogue) -> tuple[str, ...]:
    """The int slots, all strides in elements: those of each output, then those of each operand."""
    outputs = [f"{y}_{axis}" for y in output_names(epilogue) for axis in STRIDES["full"]]
    accesses = zip(operand_names(epilogue), epilogue.operands, strict=True)
    return tuple(outputs + [f"{x}_{axis}" for x, operand in accesses for axis in STRIDES[operand.access]])


def moment_names(epilogue: Epilogue) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pointer and the int slots of the moments that are left beside the outputs."""
    return (("partial",), ("channels",)) if epilogue.moments else ((), ())


def is_positionless(epilogue: Epilogue) -> bool:
    """Whether every vector of the result is treated alike, whatever its row and column."""
    everywhere = all(operand.access in ("full", "scalar") for operand in epilogue.operands)
    named = re.search(r"\b(batch|row|column)\b", "\n".join(epilogue.lines))
    return everywhere and not (named or epilogue.moments)


def is_short(epilogue: Epilogue) -> bool:
    """Whether its lines may stand in the kernel once for each accumulator of a register tile."""
    return len(epilogue.lines) <= SHORT and not any(" nngraph_kernels.math " in line for line in epilogue.imports)


def once_per_call(epilogue: Epilogue, dtype: str) -> Iterator[str]:
    """Statements before all loops: what is the same for every vector."""
    for s in number_names(epilogue):
        yield f"{s} = splat({dtype}({s}_number), LANES)"
    yield from epilogue.constants
