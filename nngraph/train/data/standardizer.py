"""Standardizing: subtract a mean and divide by a deviation that come from the training part alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from nngraph.errors import DataError, OptionError
from nngraph.train.data.dataset import Arrays, Dataset, names
from nngraph.train.data.stored import Stored, stored
from nngraph_kernels.record import record

Over = Literal["feature", "channel", "all"]
_PREFIX = "standardizer"
_BLOCK = 1 << 22  # elements converted to float64 at a time


@record(eq=False)
class Standardizer:
    """``(x - mean) / std`` for each input named; both broadcast against one sample, float64."""

    mean: Arrays
    std: Arrays

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays under flat names, as a checkpoint stores them."""
        parts = {"mean": self.mean, "std": self.std}
        return {f"{_PREFIX}/{part}/{key}": array for part, m in parts.items() for key, array in m.items()}


def standardizer_from_tensors(tensors: Mapping[str, np.ndarray]) -> Standardizer | None:
    """The standardizer among the tensors of a checkpoint, or None where there is none."""
    found: dict[str, dict[str, np.ndarray]] = {"mean": {}, "std": {}}
    for name, array in tensors.items():
        prefix, _, rest = name.partition("/")
        part, _, key = rest.partition("/")
        if prefix == _PREFIX and part in found:
            found[part][key] = array
    if found["mean"].keys() != found["std"].keys():
        inputs = f"means for {names(found['mean'])}, deviations for {names(found['std'])}"
        raise DataError(f"checkpoint: its standardizer is incomplete: {inputs}")
    return Standardizer(found["mean"], found["std"]) if found["mean"] else None


def fit_standardizer(training: Dataset, over: Over | None = None) -> Standardizer:
    """Mean and deviation of the floating-point and uint8 inputs of `training`.

    Parameters
    ----------
    training : Dataset
        The training part only; held-out data must not be seen.
    over : {"feature", "channel", "all"}, optional
        One mean for each element of a sample, for each index of its last axis, or for the whole input. By default
        "channel" for samples of three axes, which are images, else "feature".

    Notes
    -----
    What does not vary is only centered: its deviation is taken as 1.
    """
    if over is not None and over not in get_args(Over):
        raise OptionError(f"over is {over!r}, but 'feature', 'channel' or 'all' is expected")
    mean: dict[str, np.ndarray] = {}
    std: dict[str, np.ndarray] = {}
    for key, array in training.inputs.items():
        if _varies_smoothly(array):
            moments = _moments_of_bytes if array.dtype == np.uint8 else _moments
            mean[key], std[key] = moments(array, over or ("channel" if array.ndim == 4 else "feature"))
    return Standardizer(mean, std)


def _varies_smoothly(array: np.ndarray | Stored) -> bool:
    return array.dtype.kind == "f" or array.dtype == np.uint8


def _moments(array: np.ndarray | Stored, over: Over) -> tuple[np.ndarray, np.ndarray]:
    shape = _shape_of_scale(array, over)
    first = array[:1].reshape(-1, math.prod(shape))[0].astype(np.float64)
    # Sums of distances from the first row: exact for constants, and accurate where the mean is far from zero.
    mean = first + _column_means(array, first, 1)
    std = np.sqrt(_column_means(array, mean, 2))
    std[std == 0] = 1.0
    return mean.reshape(shape), std.reshape(shape)


def _shape_of_scale(array: np.ndarray | Stored, over: Over) -> tuple[int, ...]:
    sample = array.shape[1:]
    return {"feature": sample, "channel": sample[-1:], "all": ()}[over]


def _column_means(array: np.ndarray | Stored, origin: np.ndarray, power: int) -> np.ndarray:
    """The mean over rows of (row - origin) ** power, without a float64 copy of the whole."""
    total, count = np.zeros(len(origin)), 0
    for block in _blocks(array):
        rows = block.reshape(-1, len(origin))
        total += ((rows - origin) ** power).sum(axis=0)
        count += len(rows)
    return total / count


def _blocks(array: np.ndarray | Stored) -> Iterator[np.ndarray]:
    """Some examples after the others: a mapped file is read once through, and never in memory as a whole."""
    step = max(1, _BLOCK // max(1, math.prod(array.shape[1:])))
    return (array[start : start + step] for start in range(0, len(array), step))


def _moments_of_bytes(array: np.ndarray | Stored, over: Over) -> tuple[np.ndarray, np.ndarray]:
    """The same of whole numbers, exactly: sums of them and of their squares."""
    shape = _shape_of_scale(array, over)
    size = math.prod(array.shape[1:])
    sums, squares = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for block in _blocks(array):
        rows = block.reshape(len(block), size)
        sums += rows.sum(axis=0, dtype=np.int64)
        squares += np.square(rows, dtype=np.uint16).sum(axis=0, dtype=np.int64)
    columns = math.prod(shape)
    count = len(array) * (size // columns)
    total, square = (x.astype(object).reshape(-1, columns).sum(axis=0) for x in (sums, squares))
    variance = ((count * square - total**2) / count**2).astype(np.float64)
    std = np.sqrt(variance)
    std[std == 0] = 1.0
    return (total / count).astype(np.float64).reshape(shape), std.reshape(shape)


def standardize(data: Dataset, standardizer: Standardizer) -> Dataset:
    """`data` with its inputs standardized; floats keep their type, uint8 becomes float32 when a batch is gathered."""
    inputs: dict[str, Any] = dict(data.inputs)
    for key, mean in standardizer.mean.items():
        if key not in inputs:
            raise DataError(f"{data.name}: has no input {key!r}, which the standardizer was fitted to")
        inputs[key] = _apply(inputs[key], mean, standardizer.std[key], f"{data.name}: input {key!r}")
    return replace(data, inputs=inputs)


def _apply(array: np.ndarray | Stored, mean: np.ndarray, std: np.ndarray, where: str) -> np.ndarray | Stored:
    sample = array.shape[1:]
    if mean.shape not in ((), sample[-1:], sample):
        given = f"samples of shape {sample}"
        mend = "; transpose it (images are height, width, channels)" if mean.shape == sample[:1] else ""
        raise DataError(f"{where}: has {given}, but was standardized in training with shape {mean.shape}{mend}")
    if isinstance(array, Stored) or array.dtype == np.uint8:
        return stored(array).standardized(mean, std)
    dtype = np.float64 if array.dtype == np.float64 else np.float32
    return ((array - mean) / std).astype(dtype, copy=False)
