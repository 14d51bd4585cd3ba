"""What the cache holds on disk, and how to make it smaller: for ``nngraph cache``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from nngraph.emit.processor import PROCESSOR_FILES
from nngraph.emit.store import PARTS_FILE, difference
from nngraph_kernels.record import record

FILES_OF_KERNEL: Final = (".py", ".o")


@record
class CachedKernel:
    """A kernel on disk.

    Attributes
    ----------
    name : str
    folder : Path
        The folder of its fingerprint.
    nbytes : int
        Size of its source and object together.
    modified : float
        When the newer of them was written, in seconds since the epoch.
    compiled : bool
        Whether there is an object.
    """

    name: str
    folder: Path
    nbytes: int
    modified: float
    compiled: bool


def cached_kernels(directory: Path) -> list[CachedKernel]:
    """Return all kernels in a cache, of any fingerprint, the newest first."""
    kernels: list[CachedKernel] = []
    for source in directory.glob("*/ng_*.py"):
        files = [path for path in (source, source.with_suffix(".o")) if path.exists()]
        states = [path.stat() for path in files]
        nbytes, modified = sum(s.st_size for s in states), max((s.st_mtime for s in states), default=0.0)
        kernels.append(CachedKernel(source.stem, source.parent, nbytes, modified, len(files) == 2))
    return sorted(kernels, key=lambda kernel: kernel.modified, reverse=True)


def difference_from(folder: Path, parts: Mapping[str, str]) -> str:
    """Return in words how the fingerprint of a folder differs from the one that `parts` are of."""
    try:
        own = json.loads((folder / PARTS_FILE).read_text())
    except (OSError, ValueError):
        return "a fingerprint that cannot be read"
    if capability := own.get("capability"):
        return f"being for CUDA devices of capability {capability}"
    return difference(own, parts)


def clear(directory: Path, *, keep: str | None = None) -> int:
    """Remove the kernels of all fingerprints but ``keep``; return the number of bytes.

    Only what the cache made is removed, so that a directory given by mistake loses nothing. Without ``keep`` that is
    also what is known of the processor.
    """
    freed = 0
    for file in [] if keep else list(directory.glob(PROCESSOR_FILES)):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    for parts in list(directory.glob("*/fingerprint.json")):
        if parts.parent.name != keep:
            freed += sum(path.stat().st_size for path in parts.parent.iterdir() if path.is_file())
            shutil.rmtree(parts.parent, ignore_errors=True)
    return freed


def prune(directory: Path, nbytes: int, *, current: str | None = None) -> int:
    """Remove kernels until at most ``nbytes`` are left; return the number of bytes removed.

    Those of other fingerprints than ``current`` go first, then the oldest.
    """
    kernels = sorted(cached_kernels(directory), key=lambda k: (k.folder.name == current, k.modified))
    excess = sum(kernel.nbytes for kernel in kernels) - nbytes
    removed = list(_until(kernels, excess))
    for kernel in removed:
        for suffix in FILES_OF_KERNEL:
            (kernel.folder / (kernel.name + suffix)).unlink(missing_ok=True)
    return sum(kernel.nbytes for kernel in removed)


def _until(kernels: Iterable[CachedKernel], excess: int) -> Iterable[CachedKernel]:
    for kernel in kernels:
        if excess <= 0:
            return
        excess -= kernel.nbytes
        yield kernel
