"""What the tape takes batches from by itself: examples, their order, and how they become numbers on the way in."""

from __future__ import annotations

import mmap
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any

import numpy as np

from nngraph.ir.program import Kernel
from nngraph_kernels.cpu.examples import UNROLLED, ExamplesSpec
from nngraph_kernels.examples_reference import computed_in, standardized
from nngraph_kernels.record import record

NOT_PICKED = np.zeros(1, np.int64)
WORD = 2**32 - 1


@record(eq=False)
class Gather:
    """Examples that stay as they are stored until a batch of them is gathered.

    Attributes
    ----------
    array : ndarray, (stored examples, ...)
        uint8, float32 or float64, C-contiguous; it may be a mapped file.
    dtype : {"float32", "float64"}
        Of the batch.
    shape : (height, width, channels)
        Of an example; (1, 1, size) if it is no image.
    mean, factor : ndarray, (channels,)
        A number x of the examples becomes ``(x - mean) * factor``.
    rows : ndarray of int64 or None
        Where in `array` example 0, 1, ... lies; None: in this order.
    crop : int
        How far the window on an image is moved at most, in pixels; what lies outside of the image is 0 in `array`.
    flip : bool
        Whether half of the images are mirrored, left to right.
    """

    array: np.ndarray
    dtype: str
    shape: tuple[int, int, int]
    mean: np.ndarray
    factor: np.ndarray
    rows: np.ndarray | None = None
    crop: int = 0
    flip: bool = False
    tables: tuple[np.ndarray, ...] = field(init=False)  # mean, factor and blank of each number of an image's row

    def __post_init__(self) -> None:
        kind = computed_in(str(self.array.dtype), self.dtype)
        mean, factor = (np.tile(x.astype(kind), self.shape[1]) for x in (self.mean, self.factor))
        blank = standardized(np.zeros(len(mean), self.array.dtype), mean, factor, self.dtype)
        object.__setattr__(self, "tables", (mean, factor, blank))

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    @property
    def size(self) -> int:
        """Numbers of an example."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def kernel(self) -> Kernel:
        channels = self.shape[2] if self.shape[2] in UNROLLED else 0
        return Kernel("examples", ExamplesSpec(self.dtype, str(self.array.dtype), channels))

    @property
    def file(self) -> mmap.mmap | None:
        """The mapped file that the examples lie in, of which pages are read when they are needed; None: in memory."""
        owner: Any = self.array
        while isinstance(owner, np.ndarray) and owner.base is not None:
            owner = owner.base
        return owner if isinstance(owner, mmap.mmap) else None

    def part(self, start: int, stop: int) -> np.ndarray:
        """Some examples as numbers, neither cropped nor mirrored: what evaluation sees."""
        chosen = slice(start, stop) if self.rows is None else self.rows[start:stop]
        found = self.array[chosen]
        images = found.reshape(len(found), *self.shape)
        return standardized(images, self.mean, self.factor, self.dtype).reshape(found.shape)


@contextmanager
def read_at_random(arrays: Iterable[np.ndarray | Gather]) -> Generator[None]:
    """No more of mapped files is read than is asked for: where batches are of examples here and there."""
    files = [x.file for x in arrays if isinstance(x, Gather)]
    advised = [file for file in files if file is not None and hasattr(mmap, "MADV_RANDOM")]
    for file in advised:
        file.madvise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        for file in advised:
            file.madvise(mmap.MADV_NORMAL)


@record(eq=False)
class Feed:
    """Data that the tape takes batches from by itself.

    Attributes
    ----------
    arrays : mapping of str to ndarray or Gather
        For each input of the program all its examples; an array is C-contiguous and of the input's dtype.
    order : ndarray of int64
        Numbers of the examples, batch after batch; a segment's cursor is a place in it.
    ring : ndarray of float64, (length, columns)
        Where the scalar outputs of step s are left, in row s mod length, a column each.
    epochs : ndarray of int64
        The epoch that each equal part of `order` is of; windows on images depend on it.
    """

    arrays: Mapping[str, np.ndarray | Gather]
    order: np.ndarray
    ring: np.ndarray
    epochs: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))


def array_slots(address: int, array: np.ndarray, feed: Feed, cursor: int, batch: int) -> tuple[int, ...]:
    """Arguments of the call that brings a batch of an array to `address`."""
    elements = array.size // max(1, len(array))
    return (address, array.ctypes.data, feed.order.ctypes.data, cursor, batch, elements)


def gather_slots(address: int, gather: Gather, feed: Feed, cursor: int, batch: int, seed: int) -> tuple[int, ...]:
    """Arguments of the call that brings a batch of examples to `address` (`examples.arguments` says which)."""
    rows = NOT_PICKED if gather.rows is None else gather.rows
    pointers = (gather.array, feed.order, rows, feed.epochs, *gather.tables)
    x, order, *others = (array.ctypes.data for array in pointers)
    count = max(1, len(feed.order) // len(feed.epochs))
    return (
        address, x, order, cursor, *others, batch, *gather.shape, int(gather.rows is not None), count, gather.crop,
        int(gather.flip), seed & WORD, seed >> 32,
    )  # fmt: skip


def page_slots(gather: Gather, feed: Feed, cursor: int, batch: int) -> tuple[int, ...]:
    """Arguments of the call that asks for the pages of the batch to come (`pages.arguments` says which)."""
    rows = NOT_PICKED if gather.rows is None else gather.rows
    nbytes = gather.size * gather.array.itemsize
    return (
        feed.order.ctypes.data, cursor, rows.ctypes.data, gather.array.ctypes.data, nbytes, batch, len(feed.order),
        int(gather.rows is not None), mmap.PAGESIZE,
    )  # fmt: skip
