"""Examples that stay as they are stored, and become numbers only while a batch of them is gathered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nngraph_kernels.examples_reference import standardized
from nngraph_kernels.record import record

Shape = tuple[int, ...]
Part = slice | np.ndarray


@record(eq=False)
class Stored:
    """An array, some of its rows, and how its numbers are standardized; none of it is copied or computed.

    Attributes
    ----------
    array : ndarray
        uint8, or of floats; maybe a mapped file, larger than memory.
    rows : ndarray of int64 or None
        Which of its examples, in which order; None: all.
    mean, std : ndarray of float64 or None
        Of what is subtracted and divided by, in one of the shapes (), (channels,) and that of an example.
    """

    array: np.ndarray
    rows: np.ndarray | None = None
    mean: np.ndarray | None = None
    std: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> Shape:
        return (len(self), *self.array.shape[1:])

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers, standardized if they are to be."""
        return self.array.dtype if self.mean is None else np.dtype(self.number_type)

    @property
    def number_type(self) -> str:
        return "float64" if self.array.dtype == np.float64 else "float32"

    def __getitem__(self, part: Part) -> np.ndarray:
        """Some examples, computed."""
        found = self.array[part if self.rows is None else self.rows[part]]
        if self.mean is None or self.std is None:
            return found
        return standardized(found, self.mean, 1 / self.std, self.number_type)

    def take(self, rows: np.ndarray) -> Stored:
        return replace(self, rows=rows if self.rows is None else self.rows[rows])

    def reshape(self, *shape: int) -> Stored:
        """With as many examples, of another shape."""
        sample = shape[1:]
        array = self.array.reshape(len(self.array), *sample)
        if self.mean is None or self.std is None:
            return replace(self, array=array)
        old = self.array.shape[1:]
        mean, std = (_reshaped(x, old, sample) for x in (self.mean, self.std))
        return replace(self, array=array, mean=mean, std=std)

    def standardized(self, mean: np.ndarray, std: np.ndarray) -> Stored:
        """With a mean and a deviation of its numbers, in place of a copy."""
        if self.mean is None or self.std is None:
            return replace(self, mean=mean, std=std)
        return replace(self, mean=self.mean + self.std * mean, std=self.std * std)


def _reshaped(scale: np.ndarray, old: Shape, new: Shape) -> np.ndarray:
    if scale.size == 1:
        return scale.reshape(())
    if scale.shape == old[-1:] == new[-1:]:
        return scale
    return np.broadcast_to(scale, old).reshape(new)


def stored(array: np.ndarray | Stored) -> Stored:
    return array if isinstance(array, Stored) else Stored(array)


def whole(array: np.ndarray | Stored) -> np.ndarray:
    """All examples, computed."""
    return array[:] if isinstance(array, Stored) else array
