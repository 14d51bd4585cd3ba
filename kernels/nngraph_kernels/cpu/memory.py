"""Kernels that move rows: copies, gathers by index, and what a training loop needs beside the network."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

SHARE = "range({n} * thread // threads, {n} * (thread + 1) // threads)"


def copy(name: str, dtype: str, lanes: int) -> str:
    """y[:] = x[:]; integers: the number of elements."""
    return dedent(f"""\
        def {name}(args, thread, threads):
            y = pointer(args, 0, "{dtype}")
            x = pointer(args, 1, "{dtype}")
            n = integer(args, 2)
            for i in {SHARE.format(n="n")}:
                y[i] = x[i]
        """)


def fill(name: str, dtype: str, lanes: int) -> str:
    """y[:] = value; integers: the number of elements; numbers: the value."""
    return dedent(f"""\
        def {name}(args, thread, threads):
            y = pointer(args, 0, "{dtype}")
            n = integer(args, 1)
            value = {dtype}(number(args, 2))
            for i in {SHARE.format(n="n")}:
                y[i] = value
        """)


def gather(name: str, dtype: str, lanes: int) -> str:
    """y[i, :] = table[index[i], :] (rows x n of a table of `vocabulary` rows).

    Integers: rows, n, vocabulary. An index outside of the table is reported in the error word and reads row 0.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            y = pointer(args, 0, "{dtype}")
            table = pointer(args, 1, "{dtype}")
            index = pointer(args, 2, "int32")
            error = pointer(args, 3, "int64")
            rows = integer(args, 4)
            n = integer(args, 5)
            vocabulary = integer(args, 6)
            for i in {SHARE.format(n="rows")}:
                row = int64(index[i])
                if row < 0 or row >= vocabulary:
                    error[0] = 1
                    row = 0
                for j in range(0, n - {lanes - 1}, {lanes}):
                    store(y, i * n + j, load(table, row * n + j, {lanes}))
                for j in range(n // {lanes} * {lanes}, n):
                    y[i * n + j] = table[row * n + j]
        """)


def scatter_add(name: str, dtype: str, lanes: int) -> str:
    """table[:] = 0, then table[index[i], :] += x[i, :] in the order of i, whatever the number of threads.

    Integers: rows, n, vocabulary. Each thread owns some columns of the table. Indices outside are skipped: the
    gather before has reported them.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            table = pointer(args, 0, "{dtype}")
            x = pointer(args, 1, "{dtype}")
            index = pointer(args, 2, "int32")
            rows = integer(args, 3)
            n = integer(args, 4)
            vocabulary = integer(args, 5)
            begin = n * thread // threads
            end = n * (thread + 1) // threads
            for row in range(vocabulary):
                for j in range(begin, end):
                    table[row * n + j] = {dtype}(0.0)
            for i in range(rows):
                row = int64(index[i])
                if row >= 0 and row < vocabulary:
                    for j in range(begin, end):
                        table[row * n + j] += x[i * n + j]
        """)


def load_batch(name: str, dtype: str, lanes: int) -> str:
    """y[i, :] = data[order[cursor + i], :]; integers: rows of the batch, elements of a row."""
    return dedent(f"""\
        def {name}(args, thread, threads):
            y = pointer(args, 0, "{dtype}")
            data = pointer(args, 1, "{dtype}")
            order = pointer(args, 2, "int64")
            cursor = pointer(args, 3, "int64")
            rows = integer(args, 4)
            n = integer(args, 5)
            begin = cursor[0]
            for i in {SHARE.format(n="rows")}:
                source = order[begin + i] * n
                target = i * n
                for j in range(0, n - {lanes - 1}, {lanes}):
                    store(y, target + j, load(data, source + j, {lanes}))
                rest = n % {lanes}
                if rest > 0:
                    mask = first(rest, {lanes})
                    j = n - rest
                    store_masked(y, target + j, load_masked(data, source + j, mask), mask)
        """)


def record(name: str, dtype: str, lanes: int) -> str:
    """Adds one number to those of its step: ring[step mod length, column] = value.

    Integers: length, columns, column, whether a number that is not finite ends the run.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            ring = pointer(args, 0, "float64")
            value = pointer(args, 1, "{dtype}")
            step = pointer(args, 2, "int64")
            error = pointer(args, 3, "int64")
            length = integer(args, 4)
            columns = integer(args, 5)
            column = integer(args, 6)
            checked = integer(args, 7)
            if thread == 0:
                number_now = float64(value[0])
                ring[step[0] % length * columns + column] = number_now
                if checked != 0 and not (abs(number_now) <= 1.7976931348623157e308):
                    error[0] = 2
        """)


FAMILY: dict[str, Callable[[str, str, int], str]] = {
    "copy": copy,
    "fill": fill,
    "gather": gather,
    "scatter_add": scatter_add,
    "load_batch": load_batch,
    "record": record,
}
INDEX_OUT_OF_RANGE, NOT_FINITE = 1, 2
