"""What names data: a dataset or a path, with options, like ``moons:n=500,noise=0.1``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nngraph.errors import DataError, did_you_mean
from nngraph.train.data.cifar import is_cifar
from nngraph.train.data.dataset import Dataset, names
from nngraph.train.data.folders import is_image_folder
from nngraph.train.data.idx import holds_idx, is_idx
from nngraph.train.data.sources import (
    CIFAR,
    CSV,
    DATASETS,
    FOLDERS,
    IDX,
    NAMED,
    NPY,
    NPZ,
    DataOption,
    DataSource,
)


def load(spec: str, *, classes: Sequence[str] = (), need_targets: bool = True) -> Dataset:
    """The dataset that `spec` names.

    Parameters
    ----------
    spec : str
        A name or a path, then maybe a colon and options: ``digits``, ``moons:n=500,noise=0.1,seed=3``,
        ``data.npz``, ``iris.csv:target=species``, ``mnist/``. What a directory holds is seen, or said, as in
        ``cifar10:data/cifar,part=test``. A file called like a dataset is ``./digits``.
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
    prefix, colon, inner = head.partition(":")
    if colon and prefix in NAMED and not Path(head).exists():
        return _load_path(spec, NAMED[prefix], Path(inner).expanduser(), text, classes, need_targets)
    source = next((source for source in DATASETS if source.name == head), None)
    if source is not None:
        return source.make(**_options(spec, source, text))
    path = Path(head).expanduser()
    return _load_path(spec, _format(spec, path), path, text, classes, need_targets)


def _load_path(
    spec: str, source: DataSource, path: Path, text: str, classes: Sequence[str], need_targets: bool
) -> Dataset:
    if not path.exists():
        raise DataError(_missing(spec, path))
    return source.make(path, classes=classes, need_targets=need_targets, **_options(spec, source, text))


def _parts(spec: str) -> tuple[str, str]:
    """The name or path, and the options: a colon in a path is no option's."""
    head, colon, text = spec.rpartition(":")
    if not colon or Path(spec).exists():
        return spec, ""
    if head in NAMED and not text.partition(",")[0].partition("=")[1]:
        path, _, options = text.partition(",")
        return f"{head}:{path}", options
    known = any(head == source.name for source in DATASETS) or Path(head).exists()
    return (head, text) if known or "=" in text else (spec, "")


def _format(spec: str, path: Path) -> DataSource:
    if not path.exists():
        raise DataError(_missing(spec, path))
    if path.is_dir():
        return _format_within(path)
    if not path.is_file():
        raise DataError(f"{path}: is neither a file nor a directory")
    lower = path.name.lower()
    if lower.endswith(".npz"):
        return NPZ
    if lower.endswith(".npy"):
        return NPY
    if lower.endswith((".csv", ".csv.gz")):
        return CSV
    if is_idx(path):
        return IDX
    raise DataError(f"{path}: is of no known format; .npz, .npy, .csv and IDX files are read")


def _format_within(directory: Path) -> DataSource:
    found = ((CIFAR, is_cifar), (IDX, holds_idx), (FOLDERS, is_image_folder))
    try:
        source = next((source for source, holds in found if holds(directory)), None)
    except OSError as error:
        raise DataError(f"{directory}: cannot be read ({error.strerror or error})") from None
    if source is None:
        expected = "those of CIFAR-10, IDX files named as MNIST's are (train-images-idx3-ubyte), or folders of images"
        raise DataError(f"{directory}: holds no data; {expected} are read")
    return source


def _missing(spec: str, path: Path) -> str:
    known = [source.name for source in DATASETS]
    if str(path) in NAMED:
        return f"data {spec!r}: names no directory; say {path}:DIRECTORY"
    if path.suffix or path.parent != Path():
        return f"{path}: no such file; give a path that exists or one of the datasets {', '.join(known)}"
    return f"data {spec!r}: no dataset and no file is called {str(path)!r}{_suggest(str(path), known)}"


def _suggest(word: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(word, known, f"; known are {names(known)}")


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
        raise DataError(f"data {spec!r}: {option.name} is {text!r}, but {names(map(str, option.choices))} are accepted")
    return value
