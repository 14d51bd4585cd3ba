"""What a training loop needs beside the network: batches brought in, numbers taken out, and the count of steps.

These kernels take arrays of their own after the arguments of every kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.memory import NOT_FINITE
from nngraph_kernels.cuda.shares import blocks_for
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, entry, indent, module

Spec = tuple[str, str]
LARGEST = 1.7976931348623157e308


def load_batch(name: str, dtype: str) -> str:
    """y[i, :] = data[order[cursor + i], :]; integers: rows of the batch, elements of a row. Arrays: data, order."""
    number = entry("order", "cursor + i")
    lines = [
        *arguments([("y", dtype)], ["rows", "n"]),
        f"cursor = control[{layout.CURSOR}]",
        "for e in range(cuda.grid(1), rows * n, cuda.gridsize(1)):",
        "    i = int64(uint32(e) // uint32(n))",
        f"    {element(dtype, 'y + e')} = {entry('data', f'({number} - i) * n + e')}",
    ]
    return module(name, lines, arrays=("data", "order"))


def load_streamed(name: str, dtype: str) -> str:
    """y[i, :] = data[cursor + i + shift[0], :] where only some of the data is there: the rows of steps to come.

    Integers: rows of the batch, elements of a row. Arrays: data, shift.
    """
    lines = [
        *arguments([("y", dtype)], ["rows", "n"]),
        f"start = (control[{layout.CURSOR}] + shift[0]) * n",
        "for e in range(cuda.grid(1), rows * n, cuda.gridsize(1)):",
        f"    {element(dtype, 'y + e')} = {entry('data', 'start + e')}",
    ]
    return module(name, lines, arrays=("data", "shift"))


def record(name: str, dtype: str) -> str:
    """Adds one number to those of its step: ring[step mod length, column] = value. Array: ring.

    Integers: length, columns, column, whether a number that is not finite ends the run.
    """
    lines = [
        *arguments([("value", dtype)], ["length", "columns", "column", "checked"]),
        "if cuda.grid(1) == 0:",
        *indent([
            f"found = float64({element(dtype, 'value')})",
            f"{entry('ring', f'control[{layout.STEP}] % length * columns + column')} = found",
            f"if checked != 0 and not (abs(found) <= {LARGEST}):",
            f"    control[{layout.ERROR_CALL}] = at",
            f"    control[{layout.ERROR}] = {NOT_FINITE}",
        ]),
    ]  # fmt: skip
    return module(name, lines, arrays=("ring",))


def advance(name: str, dtype: str) -> str:
    """A step is done: counts it, moves the cursor on, and leaves the count in progress[0]. Array: progress.

    Integers: rows of the batch.
    """
    del dtype
    lines = [
        *arguments([], ["rows"]),
        "if cuda.grid(1) == 0:",
        f"    control[{layout.STEP}] += 1",
        f"    control[{layout.CURSOR}] += rows",
        f"    progress[0] = control[{layout.STEP}]",
    ]
    return module(name, lines, arrays=("progress",))


FAMILY: dict[str, Callable[[str, str], str]] = {
    "load_batch": load_batch, "load_streamed": load_streamed, "record": record, "advance": advance,
}  # fmt: skip


def source(name: str, spec: Spec) -> str:
    """The source text of the kernel `name`."""
    operation, dtype = spec
    return FAMILY[operation](name, dtype)


def grid(spec: Spec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    if not spec[0].startswith("load_"):
        return 1, 1
    size, (rows, n) = target(), integers
    return blocks_for(-(-rows * n // size.threads)), size.threads
