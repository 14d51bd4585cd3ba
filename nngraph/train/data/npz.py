"""Data from NumPy's .npz archives, read without pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, Task, from_arrays, names
from nngraph_kernels.record import record


@record
class Role:
    """What an array can be, and the keys by which an archive says so."""

    kind: str
    name: str
    keys: tuple[str, ...]
    prefix: str


INPUT = Role("input", "x", ("x", "X", "input", "inputs", "images"), "inputs/")
TARGET = Role("target", "y", ("y", "Y", "target", "targets", "labels"), "targets/")
WEIGHT_KEY = "sample_weight"
CLASSES_KEY = "classes"


def load_npz(
    path: Path,
    *,
    x: str = "",
    y: str = "",
    task: Task | None = None,
    classes: Sequence[str] = (),
    need_targets: bool = True,
) -> Dataset:
    """A dataset from the arrays of an archive.

    Parameters
    ----------
    path : pathlib.Path
    x, y : str
        Keys of the input and the target. Without them: ``x``, ``X``, ``input``, ``inputs`` or ``images``, and
        ``y``, ``Y``, ``target``, ``targets`` or ``labels``; or several, as ``inputs/NAME`` and
        ``targets/NAME``. Beside these ``sample_weight`` and ``classes`` (names) are read, if they are there.
    task, classes, need_targets
        As for `nngraph.train.data.load`.
    """
    arrays = _read(path)
    inputs = _pick(path, arrays, x, INPUT, required=True)
    targets = _pick(path, arrays, y, TARGET, required=need_targets)
    return from_arrays(
        inputs,
        targets,
        name=str(path),
        task=task,
        classes=classes or tuple(str(name) for name in arrays.get(CLASSES_KEY, ())),
        weights=arrays.get(WEIGHT_KEY),
        description=f"the arrays {names([*inputs, *targets])} of {path.name}",
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path):  # of anything else, np.load would think that it is a pickle
            pass
        with np.load(path, allow_pickle=False) as archive:
            return {key: _member(path, archive, key) for key in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: is no readable .npz file ({_reason(error)}); write it with numpy.savez") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _reason(error: Exception) -> str:
    """The first line of what NumPy or zipfile says, which may be nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _member(path: Path, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    where = f"{path}: array {key!r}"
    try:
        array = archive[key]
    except (ValueError, MemoryError) as error:
        if "Object arrays" in str(error):
            mend = "store numbers or strings of one type"
            raise DataError(f"{where} holds Python objects, which are never loaded; {mend}") from None
        raise DataError(f"{where} is malformed ({_reason(error)}); write it with numpy.savez") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{where} is no array but another file in the archive; write it with numpy.savez")
    return array


def _pick(
    path: Path, arrays: dict[str, np.ndarray], asked: str, role: Role, *, required: bool
) -> dict[str, np.ndarray]:
    """The arrays that have this role, by the name that the dataset gives them."""
    if asked:
        if asked not in arrays:
            raise DataError(f"{path}: has no array {asked!r} for the {role.kind}; it holds {names(arrays)}")
        return {role.name: arrays[asked]}
    named = {key.removeprefix(role.prefix): a for key, a in arrays.items() if key.startswith(role.prefix)}
    found = [key for key in role.keys if key in arrays]
    if len(found) + bool(named) > 1:
        listed = names([*found, *(role.prefix + key for key in named)])
        raise DataError(f"{path}: {listed} could each be the {role.kind}; say which with {role.name}=KEY")
    if required and not found and not named:
        mend = f"name it {role.name!r} or {role.prefix + 'NAME'!r}, or say {role.name}=KEY"
        raise DataError(f"{path}: no {role.kind} among its arrays {names(arrays)}; {mend}")
    return {role.name: arrays[found[0]]} if found else named
