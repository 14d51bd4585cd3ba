"""CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html), its binary version and its batches for Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, from_arrays
from nngraph.train.data.plain_pickle import ARRAY, DTYPE, Recorded, RefusedPickle, read_plain

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, CHANNELS = 32, 3
PIXELS = SIDE * SIDE * CHANNELS
RECORD = 1 + PIXELS  # bytes: the label, then the planes of red, green and blue
LARGEST = 1 << 28  # bytes of a batch for Python; those of CIFAR-10 have 31 million
_FILES = {"train": re.compile(r"data_batch_\d+(\.bin)?"), "test": re.compile(r"test_batch(\.bin)?")}


def is_cifar(directory: Path) -> bool:
    """Whether a directory holds a batch of CIFAR-10."""
    return any(pattern.fullmatch(file.name) for file in directory.iterdir() for pattern in _FILES.values())


def load_cifar(path: Path, *, part: str = "train", classes: Sequence[str] = (), need_targets: bool = True) -> Dataset:
    """A dataset from a directory of CIFAR-10's batches, as they are in either of its archives.

    Parameters
    ----------
    path : pathlib.Path
        With ``data_batch_1.bin`` and so on, ``test_batch.bin``; or the same without ``.bin``.
    part : {"train", "test"}
    classes, need_targets
        As for `nngraph.train.data.load`.

    Notes
    -----
    Images are uint8, (32, 32, 3).
    """
    files = _files(path, part)
    read = [_read_binary(file) if file.suffix else _read_python(file) for file in files]
    images = np.empty((sum(len(labels) for _, labels in read), SIDE, SIDE, CHANNELS), np.uint8)
    start = 0
    for planes, labels in read:
        stop = start + len(labels)
        images[start:stop] = planes.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
        start = stop
    labels = np.concatenate([labels for _, labels in read])
    return from_arrays(
        {"image": images},
        {"label": labels},
        name=str(path),
        task="classification",
        classes=classes or CLASSES,
        description=f"CIFAR-10, {', '.join(file.name for file in files)}",
    )


def _files(directory: Path, part: str) -> list[Path]:
    """The files of a part; those of the binary version where there are both."""
    if not directory.is_dir():
        raise DataError(f"{directory}: is no directory, but one of CIFAR-10's files is expected; unpack the archive")
    found = sorted(file for file in directory.iterdir() if _FILES[part].fullmatch(file.name))
    if not found:
        expected = "data_batch_1.bin" if part == "train" else "test_batch.bin"
        raise DataError(f"{directory}: holds no {expected} or {expected[:-4]}; unpack CIFAR-10's archive there")
    return [file for file in found if file.suffix] or found


def _read_binary(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Planes (n, 3072) and labels of a file."""
    content = _content(file)
    if not content or len(content) % RECORD:
        given = f"{len(content)} bytes, which is no multiple of {RECORD}, those of an image and its label"
        raise DataError(f"{file}: has {given}; copy the file again")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], _checked(file, records[:, 0].astype(np.int32))


def _read_python(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same of a file for Python, a pickle."""
    if file.stat().st_size > LARGEST:
        raise DataError(f"{file}: has {file.stat().st_size} bytes, too many for a batch of CIFAR-10")
    try:
        batch = read_plain(_content(file))
        planes, labels = _entry(batch, "data"), _entry(batch, "labels")
        return _planes(planes, len(labels)), _checked(file, np.array(labels, np.int32))
    except (RefusedPickle, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{file}: is no batch of CIFAR-10 ({error}); take the files of cifar-10-python.tar.gz, or those of the "
            "binary version"
        ) from None


def _entry(batch: Any, key: str) -> Any:
    if not isinstance(batch, Mapping):
        raise RefusedPickle("it holds no dictionary")
    found: Mapping[str | bytes, Any] = batch  # pyright: ignore[reportUnknownVariableType]
    value = found.get(key, found.get(key.encode()))
    if not isinstance(value, list | Recorded):
        raise RefusedPickle(f"its {key!r} are missing, or of another kind")
    return value  # pyright: ignore[reportUnknownVariableType]


def _planes(recorded: Any, count: int) -> np.ndarray:
    """The array that a pickle would make, if it is one of `count` images."""
    if not isinstance(recorded, Recorded) or recorded.kind != ARRAY:
        raise RefusedPickle("its 'data' are no array")
    _, shape, dtype, is_fortran, content = recorded.state
    if not isinstance(dtype, Recorded) or dtype.kind != DTYPE or dtype.arguments[0] not in ("u1", b"u1"):
        raise RefusedPickle("its 'data' are not uint8")
    if shape != (count, PIXELS) or is_fortran or not isinstance(content, bytes) or len(content) != count * PIXELS:
        raise RefusedPickle(f"its 'data' are of shape {shape!r:.40}, where ({count}, {PIXELS}) is expected")
    return np.frombuffer(content, np.uint8).reshape(count, PIXELS)


def _checked(file: Path, labels: np.ndarray) -> np.ndarray:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASSES)))
    if labels.ndim != 1 or not len(labels):
        raise DataError(f"{file}: holds no labels; copy the file again")
    if len(wrong):
        given = f"the label {labels[wrong[0]]} of image {wrong[0]}"
        raise DataError(f"{file}: has {given}, but those of CIFAR-10 are 0 to 9; copy the file again")
    return labels


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from None
