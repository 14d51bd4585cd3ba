"""Data from NumPy's .npy files: bytes stay in the file, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, Task, from_arrays


def load_npy(
    path: Path,
    *,
    labels: str = "",
    task: Task | None = None,
    classes: Sequence[str] = (),
    need_targets: bool = True,
) -> Dataset:
    """A dataset from an array in a file, and one of targets in another.

    Parameters
    ----------
    path : pathlib.Path
        Of uint8 it is mapped: pages are read when a batch needs them.
    labels : str
        The file of the targets.
    task, classes, need_targets
        As for `nngraph.train.data.load`.
    """
    if need_targets and not labels:
        raise DataError(f"{path}: needs a file of targets; say {path}:labels=FILE.npy")
    return from_arrays(
        {"x": read_npy(path)},
        {"y": read_npy(Path(labels).expanduser())} if labels else {},
        name=str(path),
        task=task,
        classes=classes,
        description=f"the array of {path.name}",
    )


def read_npy(path: Path) -> np.ndarray:
    """The array of a file, mapped if it is of uint8.

    Raises
    ------
    DataError
        If the file is missing, malformed, shorter than its header says, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)  # of anything else, np.load would think that it is a pickle
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.dtype != np.uint8:
            return np.load(path, allow_pickle=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError, OverflowError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path}: is no readable .npy file ({reason}); write it with numpy.save") from None
    if not mapped.flags.c_contiguous:
        mend = "save numpy.ascontiguousarray of it"
        raise DataError(f"{path}: is in Fortran's order, so that its examples lie scattered; {mend}")
    return mapped
