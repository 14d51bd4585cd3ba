"""Kernels that move rows: copies, fills, gathers and scatters by index."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.memory import INDEX_OUT_OF_RANGE
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, element, indent, loaded, lying, module, write

Spec = tuple[str, str]


def copy(name: str, dtype: str, narrow: Sequence[str]) -> str:
    """y[:] = x[:]; integers: the number of elements."""
    y, x = lying((dtype, dtype), narrow)
    lines = arguments([("y", y), ("x", x)], ["n"])
    lines += ["for i in range(cuda.grid(1), n, cuda.gridsize(1)):"]
    return module(name, [*lines, "    " + write(y, "y + i", loaded(x, element(x, "x + i")))])


def fill(name: str, dtype: str, narrow: Sequence[str]) -> str:
    """y[:] = value; integers: the number of elements; numbers: the value."""
    (y,) = lying((dtype,), narrow)
    lines = [*arguments([("y", y)], ["n"], 1), f"value = {'uint8' if dtype == 'bool' else dtype}(number0)"]
    lines += ["for i in range(cuda.grid(1), n, cuda.gridsize(1)):", "    " + write(y, "y + i", "value")]
    return module(name, lines)


def gather(name: str, dtype: str, narrow: Sequence[str]) -> str:
    """y[i, :] = table[index[i], :] (rows x n of a table of `vocabulary` rows).

    Integers: rows, n, vocabulary. An index outside of the table is reported in the error word and reads row 0.
    """
    y, table, index = lying((dtype, dtype, "int32"), narrow)
    return module(name, [
        *arguments([("y", y), ("table", table), ("index", index), ("", "")], ["rows", "n", "vocabulary"]),
        "for e in range(cuda.grid(1), rows * n, cuda.gridsize(1)):",
        *indent([
            "i = int64(uint32(e) // uint32(n))",
            "row = int64(i4[index + i])",
            "if row < 0 or row >= vocabulary:",
            f"    control[{layout.ERROR_CALL}] = at",
            f"    control[{layout.ERROR}] = {INDEX_OUT_OF_RANGE}",
            "    row = 0",
            write(y, "y + e", loaded(table, element(table, "table + row * n + e - i * n"))),
        ]),
    ])  # fmt: skip


def scatter_add(name: str, dtype: str, narrow: Sequence[str]) -> str:
    """table[v, :] = Σ x[i, :] over the i with index[i] = v, in their order; integers as those of `gather`.

    A block has rows of the table to itself, so that nothing is added at the same time.
    """
    table, x, index = lying((dtype, dtype, "int32"), narrow)
    return module(name, [
        *arguments([("table", table), ("x", x), ("index", index)], ["rows", "n", "vocabulary"]),
        "for row in range(cuda.blockIdx.x, vocabulary, cuda.gridDim.x):",
        "    for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):",
        f"        total = {dtype}(0)",
        "        for i in range(rows):",
        "            if i4[index + i] == row:",
        f"                total += {loaded(x, element(x, 'x + i * n + j'))}",
        "        " + write(table, "table + row * n + j", "total"),
    ])  # fmt: skip


FAMILY: dict[str, Callable[[str, str, Sequence[str]], str]] = {
    "copy": copy, "fill": fill, "gather": gather, "scatter_add": scatter_add
}  # fmt: skip


def source(name: str, spec: Spec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`."""
    operation, dtype = spec
    return FAMILY[operation](name, dtype, narrow)


def grid(spec: Spec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    size, (operation, _) = target(), spec
    if operation == "scatter_add":
        return max(1, min(integers[2], size.blocks)), size.threads
    work = integers[0] * integers[1] if operation == "gather" else integers[0]
    return max(1, min(-(-work // size.threads), size.blocks)), size.threads
