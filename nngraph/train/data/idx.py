"""Data from IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist), plain or gzipped."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, Task, from_arrays

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_BLOCK = 1 << 24
_PARTS = {"train": ("train",), "test": ("t10k", "test")}
_IMAGES = re.compile(r"^(?P<part>.*?)[-_.]?images[-_.](?P<rest>idx\d)", re.IGNORECASE)


def is_idx(path: Path) -> bool:
    """Whether the file begins as an IDX file does, gzipped or not."""
    try:
        with _open(path) as file:
            magic = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _TYPES and magic[3] > 0


def holds_idx(directory: Path) -> bool:
    """Whether a directory holds a file of images, by its name."""
    return any(_IMAGES.match(file.name) for file in directory.iterdir())


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, in its own type and native byte order.

    Raises
    ------
    DataError
        If the file is missing, is no IDX file, or is shorter or longer than its header says.
    """
    try:
        with _open(path) as file:
            dtype, shape = _header(path, file)
            expected = math.prod(shape) * dtype.itemsize
            content = _read_at_most(file, expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"{path}: cannot be read ({reason})") from None
    if len(content) != expected:
        given = f"{len(content)}" if len(content) < expected else "more"
        said = f"{shape} of {dtype.name}, {expected} bytes"
        raise DataError(f"{path}: its header says {said}, but {given} follow; copy the file again")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_at_most(file: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes, in blocks: a wrong header must not make us allocate what it claims."""
    blocks: list[bytes] = []
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if zipped else path.open("rb")


def _header(path: Path, file: BinaryIO) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        begin = magic.hex(" ") or "nothing"
        raise DataError(f"{path}: is no IDX file: it begins with {begin}, not like 00 00 08 03")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path}: its header ends after {4 + len(sizes)} bytes of {4 + 4 * magic[3]}")
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes)


def load_idx(
    path: Path,
    *,
    labels: str = "",
    part: str = "train",
    task: Task | None = None,
    classes: Sequence[str] = (),
    need_targets: bool = True,
) -> Dataset:
    """A dataset from a pair of IDX files.

    Parameters
    ----------
    path : pathlib.Path
        The file of images, or a directory with files named as MNIST's are (``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-…``; with ``.`` for ``-`` and ``.gz`` at the end as well).
    labels : str
        The file of labels; by default the one named as the images', with ``labels`` and ``idx1``.
    part : {"train", "test"}
        Which pair of a directory.
    task, classes, need_targets
        As for `nngraph.train.data.load`.

    Notes
    -----
    Images are (height, width, 1), and stay uint8, 0 to 255: standardize them.
    """
    images = _find_images(path, part) if path.is_dir() else path
    beside = Path(labels) if labels else _find_labels(images)
    if need_targets and beside is None:
        raise DataError(f"{images}: no file of labels beside it; say labels=FILE")
    array = read_idx(images)
    return from_arrays(
        {"image": array[..., np.newaxis] if array.ndim == 3 else array},
        {"label": read_idx(beside)} if beside else {},
        name=str(path),
        task=task,
        classes=classes,
        description=f"IDX file {images.name}",
    )


def _find_images(directory: Path, part: str) -> Path:
    if part not in _PARTS:
        raise DataError(f"{directory}: part is {part!r}, but 'train' or 'test' is expected")
    files = sorted(directory.iterdir())
    found = [f for f in files if (m := _IMAGES.match(f.name)) and m["part"].lower().endswith(_PARTS[part])]
    if len(found) == 1:
        return found[0]
    if not found:
        expected = f"{_PARTS[part][0]}-images-idx3-ubyte or {_PARTS[part][0]}-images-idx3-ubyte.gz"
        raise DataError(f"{directory}: holds no {expected}; name the file itself, or put it there")
    raise DataError(f"{directory}: holds {' and '.join(f.name for f in found)}; name one of them")


def _find_labels(images: Path) -> Path | None:
    match = _IMAGES.match(images.name)
    if match is None:
        return None
    stem = re.sub("images", "labels", match[0], flags=re.IGNORECASE)[: -len(match["rest"])]
    name = stem + "idx1" + images.name[match.end() :]
    plain = name.removesuffix(".gz")
    return next((p for p in (images.with_name(n) for n in (name, plain, plain + ".gz")) if p.exists()), None)
