"""Where data comes from: named datasets, formats of files, and specs like ``moons:n=500,noise=0.1``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nngraph.errors import DataError
from nngraph.train.data import generated
from nngraph.train.data.csv_table import load_csv
from nngraph.train.data.dataset import Dataset, names
from nngraph.train.data.digits import digits
from nngraph.train.data.idx import is_idx, load_idx
from nngraph.train.data.npz import load_npz

TASKS = ("classification", "regression")


@dataclass(frozen=True, slots=True)
class DataOption:
    """A ``key=value`` that a source takes.

    Attributes
    ----------
    default : int, float, str or None
        None where there is no value by default.
    choices : tuple of str
        All accepted values; empty where any will do.
    """

    name: str
    type: type[int | float | str]
    default: int | float | str | None
    summary: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSource:
    """A named dataset, or a format of files.

    Attributes
    ----------
    name : str
        The name in a spec, or the format's.
    summary : str
    make : callable
        From the options, for a file from its path first, to the Dataset.
    options : tuple of DataOption
    """

    name: str
    summary: str
    make: Callable[..., Dataset]
    options: tuple[DataOption, ...] = ()


def _points(name: str, summary: str, make: Callable[..., Dataset], noise: float, *more: DataOption) -> DataSource:
    options = (
        DataOption("n", int, 500, "number of points"),
        DataOption("noise", float, noise, "deviation of the noise"),
        DataOption("seed", int, 0, "what the noise depends on"),
    )
    return DataSource(name, summary, make, options + more)


DATASETS: tuple[DataSource, ...] = (
    DataSource("digits", "1,797 handwritten digits of 8x8 pixels (UCI), inside the package", digits),
    _points("moons", "two interleaved half circles", generated.moons, 0.1),
    _points(
        "circles",
        "a circle within a circle",
        generated.circles,
        0.1,
        DataOption("factor", float, 0.5, "radius of the inner circle"),
    ),
    _points(
        "spirals",
        "arms that wind out from the origin",
        generated.spirals,
        0.05,
        DataOption("classes", int, 2, "number of arms"),
        DataOption("turns", float, 1.0, "turns of an arm"),
    ),
    _points("xor", "opposite quadrants of a square", generated.xor, 0.1),
    _points(
        "blobs",
        "round clouds around points of a circle",
        generated.blobs,
        0.3,
        DataOption("classes", int, 3, "number of clouds"),
    ),
    _points("sine", "y = sin(2πx) over [-1, 1], regression", generated.sine, 0.05),
    _points("step", "y = 1 where x > 0, else 0, over [-1, 1], regression", generated.step, 0.05),
    DataSource(
        "random",
        "standard normal numbers in and out, regression",
        generated.random,
        (
            DataOption("n", int, 64, "number of examples"),
            DataOption("inputs", int, 1000, "numbers that go in"),
            DataOption("outputs", int, 10, "numbers to come out"),
            DataOption("seed", int, 0, "what the numbers depend on"),
        ),
    ),
)
_TASK = DataOption("task", str, None, "what the target is, where its type does not say", TASKS)
NPZ = DataSource(
    ".npz",
    "NumPy archive with arrays x and y",
    load_npz,
    (
        DataOption("x", str, None, "key of the input"),
        DataOption("y", str, None, "key of the target"),
        _TASK,
    ),
)
CSV = DataSource(
    ".csv",
    "table with a header, comma-separated, or .csv.gz",
    load_csv,
    (
        DataOption("target", str, None, "column to predict"),
        DataOption("drop", str, None, "columns to leave out, joined by +"),
        _TASK,
    ),
)
IDX = DataSource(
    "IDX",
    "images and labels as of MNIST, .gz or not: a directory or the file of images",
    load_idx,
    (
        DataOption("part", str, "train", "which files of a directory", ("train", "test")),
        DataOption("labels", str, None, "file of labels"),
        _TASK,
    ),
)
FORMATS: tuple[DataSource, ...] = (NPZ, CSV, IDX)


def load(spec: str, *, classes: Sequence[str] = (), need_targets: bool = True) -> Dataset:
    """The dataset that `spec` names.

    Parameters
    ----------
    spec : str
        A name or a path, then maybe a colon and options: ``digits``, ``moons:n=500,noise=0.1,seed=3``,
        ``data.npz``, ``iris.csv:target=species``, ``mnist/``. A file called like a dataset is ``./digits``.
    classes : sequence of str
        Names of the classes in the order of their labels, as a trained model knows them.
    need_targets : bool
        Whether a file without targets is refused; prediction needs none.

    Raises
    ------
    DataError
        In one line: what was given, what was expected, how to mend it.
    """
    head, text = _parts(spec)
    source = next((source for source in DATASETS if source.name == head), None)
    if source is not None:
        return source.make(**_options(spec, source, text))
    path = Path(head).expanduser()
    source = _format(spec, path)
    return source.make(path, classes=classes, need_targets=need_targets, **_options(spec, source, text))


def _parts(spec: str) -> tuple[str, str]:
    """The name or path, and the options: a colon in a path is no option's."""
    head, colon, text = spec.rpartition(":")
    if not colon or Path(spec).exists():
        return spec, ""
    known = any(head == source.name for source in DATASETS) or Path(head).exists()
    return (head, text) if known or "=" in text else (spec, "")


def _format(spec: str, path: Path) -> DataSource:
    if not path.exists():
        raise DataError(_missing(spec, path))
    if path.is_dir():
        return IDX
    if not path.is_file():
        raise DataError(f"{path}: is neither a file nor a directory")
    lower = path.name.lower()
    if lower.endswith(".npz"):
        return NPZ
    if lower.endswith((".csv", ".csv.gz")):
        return CSV
    if is_idx(path):
        return IDX
    raise DataError(f"{path}: is of no known format; .npz, .csv and IDX files are read")


def _missing(spec: str, path: Path) -> str:
    known = [source.name for source in DATASETS]
    if path.suffix or path.parent != Path():
        return f"{path}: no such file; give a path that exists or one of the datasets {', '.join(known)}"
    return f"data {spec!r}: no dataset and no file is called {str(path)!r}{_suggest(str(path), known)}"


def _suggest(word: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {names(known)}"


def _options(spec: str, source: DataSource, text: str) -> dict[str, Any]:
    accepted = {option.name: option for option in source.options}
    result: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not value:
            raise DataError(f"data {spec!r}: {pair!r} is no option; write key=value, joined by commas")
        if not accepted:
            raise DataError(f"data {spec!r}: {source.name} takes no options, but {key!r} is given")
        if key not in accepted:
            raise DataError(f"data {spec!r}: {source.name} has no option {key!r}{_suggest(key, accepted)}")
        if key in result:
            raise DataError(f"data {spec!r}: the option {key!r} is given twice")
        result[key] = _value(spec, accepted[key], value)
    return result


def _value(spec: str, option: DataOption, text: str) -> int | float | str:
    try:
        value = option.type(text)
    except ValueError:
        kind = "a whole number" if option.type is int else "a number"
        raise DataError(f"data {spec!r}: {option.name} is {text!r}, but {kind} is expected") from None
    if option.choices and value not in option.choices:
        raise DataError(f"data {spec!r}: {option.name} is {text!r}, but {names(option.choices)} are accepted")
    return value
