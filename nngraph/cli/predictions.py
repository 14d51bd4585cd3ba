"""Predictions as tables, JSON and NumPy's files."""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib.format import write_array

from nngraph.errors import OptionError
from nngraph.train.checkpoint import temporary

Outputs = Mapping[str, np.ndarray]


def check_output(path: Path | None) -> None:
    """Whether there is a writer for the file, before any work."""
    if path is None:
        return
    if path.suffix.lower() not in WRITERS:
        raise OptionError(f"--output: {path} given, a file that ends in one of {', '.join(WRITERS)} expected")
    if not path.parent.is_dir():
        raise OptionError(f"--output: there is no folder {path.parent}; make it first")


def write_predictions(
    outputs: Outputs, classes: tuple[str, ...], path: Path | None, files: tuple[str, ...] = ()
) -> None:
    """Write to a file, which is there entirely or not at all, or as CSV to standard output.

    Where every example has a file of its own, a first column, or an array, says which.
    """
    if path is None:
        write_csv(sys.stdout, outputs, classes, files)
        return
    writer = WRITERS[path.suffix.lower()]
    with temporary(path) as name, open(name, "wb") as file:
        if writer in (write_csv, write_json):
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
                writer(text, outputs, classes, files)
        else:
            writer(file, outputs, classes, files)


def write_csv(file: IO[str], outputs: Outputs, classes: tuple[str, ...], files: tuple[str, ...]) -> None:
    parts = (table(name, array, outputs, classes) for name, array in outputs.items())
    columns = named(files) | {title: column for part in parts for title, column in part}
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def named(files: tuple[str, ...]) -> dict[str, Any]:
    """The column of files, if they have any."""
    return {"file": files} if files else {}


def table(name: str, array: np.ndarray, outputs: Outputs, classes: tuple[str, ...]) -> list[tuple[str, list[Any]]]:
    """Titled columns of one output."""
    prefix = "" if len(outputs) == 1 else f"{name}/"
    flat = array.reshape(len(array), -1)
    titles = units(array, classes)
    columns: list[tuple[str, list[Any]]] = [(prefix + t, shortest(flat[:, k])) for k, t in enumerate(titles)]
    return [(f"{prefix}class", labels(array, classes)), *columns] if tells_classes(array, classes) else columns


def shortest(array: np.ndarray) -> list[Any]:
    """The items as Python's, numbers in no more digits than tell them from others of their type."""
    return (array.astype(str).astype(np.float64) if array.dtype == np.float32 else array).tolist()


def tells_classes(array: np.ndarray, classes: tuple[str, ...]) -> bool:
    return array.ndim == 2 and len(classes) == array.shape[1] > 1


def units(array: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    """A title for each unit of an output."""
    if tells_classes(array, classes):
        return [f"score of {name}" for name in classes]
    count = int(np.prod(array.shape[1:]))
    return ["output"] if count == 1 else [f"output {k}" for k in range(count)]


def labels(array: np.ndarray, classes: tuple[str, ...]) -> list[str]:
    return [classes[k] for k in array.argmax(axis=1)]


def write_json(file: IO[str], outputs: Outputs, classes: tuple[str, ...], files: tuple[str, ...]) -> None:
    """A list with an object for each example, a line each."""
    columns: dict[str, Any] = named(files)
    for name, array in outputs.items():
        prefix = "" if len(outputs) == 1 else f"{name}/"
        if tells_classes(array, classes):
            columns[f"{prefix}class"] = labels(array, classes)
        columns[f"{prefix}output"] = shortest(array)
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    file.write("[\n" + ",\n".join(json.dumps(row, allow_nan=False) for row in rows) + "\n]\n")


def write_npy(file: IO[bytes], outputs: Outputs, classes: tuple[str, ...], files: tuple[str, ...]) -> None:
    if len(outputs) != 1:
        raise OptionError(f"--output: .npy holds one array, but the outputs are {', '.join(outputs)}; write .npz")
    np.save(file, next(iter(outputs.values())))


def write_npz(file: IO[bytes], outputs: Outputs, classes: tuple[str, ...], files: tuple[str, ...]) -> None:
    arrays = {**named(files), **outputs}  # an output may be called so too
    with zipfile.ZipFile(file, "w") as archive:  # np.savez has arguments of its own, which no array can be called
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                write_array(entry, np.asarray(array), allow_pickle=False)


WRITERS: Final[dict[str, Callable[..., None]]] = {
    ".csv": write_csv,
    ".json": write_json,
    ".npy": write_npy,
    ".npz": write_npz,
}
