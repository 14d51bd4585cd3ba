"""What the cache holds on disk, and how to make it smaller: for ``nngraph cache``."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final, cast

from nngraph.emit.cuda.cache import cuda_toolchain
from nngraph.emit.fingerprint import Fingerprint, toolchain
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


def state_of(folder: Path) -> str:
    """Return in words whether a folder is in use, or how its fingerprint differs from the one that is."""
    own = parts_of(folder)
    if own is None:
        return "a fingerprint that cannot be read"
    current = current_like(own)
    differs = "in use" if current.digest == folder.name else difference(own, current.parts)
    capability = own.get("capability")
    return f"{differs}, for CUDA devices of capability {capability}" if capability else differs


def in_use(directory: Path) -> set[str]:
    """Return the names of folders that this installation uses, for its processor and for CUDA devices."""
    folders = ((path.parent, parts_of(path.parent)) for path in directory.glob(f"*/{PARTS_FILE}"))
    found = {folder.name for folder, own in folders if own and current_like(own).digest == folder.name}
    return found | {toolchain().digest}


def current_like(parts: dict[str, Any]) -> Fingerprint:
    """Return the fingerprint in use for what these parts of another one are for: the processor, or a CUDA device."""
    capability = re.fullmatch(r"(\d+)\.(\d+)", str(parts.get("capability")))
    return cuda_toolchain((int(capability[1]), int(capability[2]))) if capability else toolchain()


def parts_of(folder: Path) -> dict[str, Any] | None:
    """Return the parts of a folder's fingerprint, or None if they cannot be read."""
    try:
        own: Any = json.loads((folder / PARTS_FILE).read_text())
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", own) if isinstance(own, dict) else None


def clear(directory: Path, *, keep: Collection[str] = ()) -> int:
    """Remove the kernels of all fingerprints but those of ``keep``; return the number of bytes.

    Only what the cache made is removed, so that a directory given by mistake loses nothing. Without ``keep`` that is
    also what is known of the processor.
    """
    freed = 0
    for file in [] if keep else list(directory.glob(PROCESSOR_FILES)):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    for parts in list(directory.glob("*/fingerprint.json")):
        if parts.parent.name not in keep:
            freed += sum(path.stat().st_size for path in parts.parent.iterdir() if path.is_file())
            shutil.rmtree(parts.parent, ignore_errors=True)
    return freed


def prune(directory: Path, nbytes: int, *, current: Collection[str] = ()) -> int:
    """Remove kernels until at most ``nbytes`` are left; return the number of bytes removed.

    Those of other fingerprints than those of ``current`` go first, then the oldest.
    """
    kernels = sorted(cached_kernels(directory), key=lambda k: (k.folder.name in current, k.modified))
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
