"""Data from .csv files with a header: numeric features, and a target column by its name."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, Task, encode_labels, from_arrays, names
from nngraph_kernels.record import record


@record
class Table:
    """The cells of a file by their use.

    Attributes
    ----------
    features : numpy.ndarray
        Of shape (rows, columns), float64.
    target : list of str
        The cells of the target column; empty without one.
    lines : list of int
        The line of the file where each row ends.
    """

    columns: tuple[str, ...]
    features: np.ndarray
    target: list[str]
    lines: list[int]


def load_csv(
    path: Path,
    *,
    target: str = "",
    drop: str = "",
    task: Task | None = None,
    classes: Sequence[str] = (),
    need_targets: bool = True,
) -> Dataset:
    """A dataset from a comma-separated table with a header, ``.csv`` or ``.csv.gz``, in UTF-8.

    Parameters
    ----------
    path : pathlib.Path
    target : str
        The column to predict: whole numbers are labels, text is names of classes, other numbers are values to
        regress to.
    drop : str
        Columns to leave out, joined by ``+``.
    task, classes, need_targets
        As for `nngraph.train.data.load`.
    """
    try:
        with _open(path) as file:
            table = _read(path, file, target, drop, need_targets)
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not text in UTF-8; save it as such") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"{path}: cannot be read ({reason})") from None
    _check_rows(path, table)
    y, classes = _target(path, table, target, task, tuple(classes)) if table.target else (None, classes)
    return from_arrays(
        table.features,
        y if y is None else {target: y},
        name=str(path),
        task=task,
        classes=classes,
        description=f"{len(table.lines)} rows of {path.name}" + (f", target {target!r}" if target else ""),
        columns=table.columns,
    )


def _open(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("rt", encoding="utf-8-sig", newline="")


def _read(path: Path, file: io.TextIOBase, target: str, drop: str, need_targets: bool) -> Table:
    rows = _rows(path, file)
    header = _header(path, next(rows, (0, list[str]()))[1])
    position = _position(path, header, target, need_targets)
    dropped = {_column(path, header, column, "drop") for column in drop.split("+") if column}
    kept = [k for k in range(len(header)) if k != position and k not in dropped]
    if not kept:
        raise DataError(f"{path}: has no column left for the features, beside target and drop")
    numbers, labels, lines = array("d"), list[str](), list[int]()
    for line, row in rows:
        numbers.extend(_numbers(path, line, header, row, kept))
        if position is not None:
            labels.append(row[position].strip())
        lines.append(line)
    if not lines:
        raise DataError(f"{path}: has a header but no rows")
    features = np.frombuffer(numbers, np.float64).reshape(len(lines), len(kept))
    return Table(tuple(header[k] for k in kept), features, labels, lines)


def _rows(path: Path, file: io.TextIOBase) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line where it ends."""
    reader = csv.reader(file, strict=True)
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} is malformed CSV ({error})") from None


def _numbers(path: Path, line: int, header: list[str], row: list[str], kept: list[int]) -> list[float]:
    if len(row) != len(header):
        given = f"{len(row)} cells, but the header has {len(header)}"
        raise DataError(f"{path}: line {line} has {given}; quote cells that hold commas")
    try:
        return [float(row[k]) for k in kept]
    except ValueError:
        k = next(k for k in kept if not _is_number(row[k]))
    where = f"{path}: line {line}, column {header[k]!r}"
    if not row[k].strip():
        raise DataError(f"{where}: is empty; fill in a number or remove the row")
    name = header[k] if header[k].isprintable() else repr(header[k])
    mend = f"drop the column with drop={name} or encode it as numbers"
    raise DataError(f"{where}: {row[k]!r} is not a number; {mend}")


def _header(path: Path, header: list[str]) -> list[str]:
    header = [name.strip() for name in header]
    if not header:
        raise DataError(f"{path}: is empty; a header with the names of the columns is expected first")
    if any(map(_is_number, header)):
        number = next(filter(_is_number, header))
        raise DataError(f"{path}: its first line holds the number {number}; put column names above it")
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise DataError(f"{path}: its header holds {names(twice)} more than once; rename a column")
    if len(header) == 1 and (other := next((c for c in ";\t|" if c in header[0]), None)):
        raise DataError(f"{path}: its cells are separated by {other!r}; separate them by commas")
    return header


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _position(path: Path, header: list[str], target: str, need_targets: bool) -> int | None:
    if target and (need_targets or target in header):
        return _column(path, header, target, "target")
    if need_targets:
        columns = f"its columns are {names(header)}"
        raise DataError(f"{path}: needs a target column; say {path}:target=NAME; {columns}")
    return None


def _column(path: Path, header: list[str], name: str, option: str) -> int:
    if name not in header:
        raise DataError(f"{path}: {option} is {name!r}, but its columns are {names(header)}")
    return header.index(name)


def _check_rows(path: Path, table: Table) -> None:
    wrong = np.argwhere(~np.isfinite(table.features))
    if len(wrong):
        row, column = wrong[0]
        where = f"line {table.lines[row]}, column {table.columns[column]!r}"
        value = "NaN" if np.isnan(table.features[row, column]) else "an infinity"
        raise DataError(f"{path}: {where}: holds {value}; fill in a number or remove the row")
    if "" in table.target:
        line = table.lines[table.target.index("")]
        raise DataError(f"{path}: line {line}: the target is empty; fill it in or remove the row")


def _target(
    path: Path, table: Table, column: str, task: Task | None, classes: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    cells = table.target
    where = f"{path}: column {column!r}"
    text = next((row for row, cell in enumerate(cells) if not _is_number(cell)), None)
    if text is None:
        values = np.array(cells, np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"{where}: holds {cells[row]} in line {table.lines[row]}; remove that row")
        whole = all(cell.lstrip("+-").isdecimal() for cell in cells)
        return (values.astype(np.int64) if whole and task != "regression" else values), classes
    if task == "regression":
        raise DataError(f"{where}: {cells[text]!r} in line {table.lines[text]} is not a number to regress to")
    return encode_labels(cells, where, classes)
