"""Aligned memory for arenas and tables, with guard pages around it where a test wants them."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # bytes: a cache line and the widest vector
PROT_NONE = 0
HUGE = 1 << 22  # bytes from which on large pages are asked for, which are 2 MB each


class Arena:
    """A block of zeros that starts on a cache line and stays where it is.

    Pages that are never touched cost nothing. With ``guard=True`` the block ends (up to the alignment) at a
    page that may not be touched, and another stands before it: a kernel that strays ends the process.

    Parameters
    ----------
    nbytes : int
        Size of the block.
    guard : bool
        Whether to put a page without access on either side.
    """

    def __init__(self, nbytes: int, guard: bool = False) -> None:
        self.nbytes = nbytes
        size = -(-nbytes // ALIGNMENT) * ALIGNMENT
        pages = -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        border = mmap.PAGESIZE if guard else 0
        self._map = mmap.mmap(-1, pages + 2 * border, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if nbytes >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)  # fewer address translations to look up
        whole = np.frombuffer(self._map, np.uint8)
        if guard:
            _forbid(whole.ctypes.data)
            _forbid(whole.ctypes.data + border + pages)
        start = border + (pages - size if guard else 0)
        self.bytes: NDArray[np.uint8] = whole[start : start + nbytes]
        self.address = whole.ctypes.data + start

    def view(self, offset: int, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return an array of zeros, or of what was written there, at ``offset`` bytes from the start."""
        return np.ndarray(shape, dtype, self.bytes.data, offset)


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return an array of zeros that starts on a cache line."""
    kind = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * kind.itemsize
    block = np.zeros(nbytes + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + nbytes].view(kind).reshape(shape)


def _forbid(page: int) -> None:
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), PROT_NONE) != 0:
        raise OSError(ctypes.get_errno(), "cannot protect a guard page")
