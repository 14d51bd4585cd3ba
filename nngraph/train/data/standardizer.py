"""Standardizing: subtract a mean and divide by a deviation that come from the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from nngraph.errors import DataError, OptionError
from nngraph.train.data.dataset import Arrays, Dataset, names

Over = Literal["feature", "channel", "all"]
_PREFIX = "standardizer"
_BLOCK = 1 << 22  # elements converted to float64 at a time


@dataclass(frozen=True, slots=True, eq=False)
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


def fit_standardizer(training: Dataset, over: Over = "feature") -> Standardizer:
    """Mean and deviation of the floating-point and uint8 inputs of `training`.

    Parameters
    ----------
    training : Dataset
        The training part only; held-out data must not be seen.
    over : {"feature", "channel", "all"}
        One mean for each element of a sample, for each index of its last axis, or for the whole input.

    Notes
    -----
    What does not vary is only centered: its deviation is taken as 1.
    """
    if over not in get_args(Over):
        raise OptionError(f"over is {over!r}, but 'feature', 'channel' or 'all' is expected")
    mean: dict[str, np.ndarray] = {}
    std: dict[str, np.ndarray] = {}
    for key, array in training.inputs.items():
        if _varies_smoothly(array):
            mean[key], std[key] = _moments(array, over)
    return Standardizer(mean, std)


def _varies_smoothly(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype == np.uint8


def _moments(array: np.ndarray, over: Over) -> tuple[np.ndarray, np.ndarray]:
    sample = array.shape[1:]
    shape = {"feature": sample, "channel": sample[-1:], "all": ()}[over]
    rows = array.reshape(-1, int(np.prod(shape)))
    first = rows[0].astype(np.float64)
    # Sums of distances from the first row: exact for constants, and accurate where the mean is far from zero.
    mean = first + _column_means(rows, first, 1)
    std = np.sqrt(_column_means(rows, mean, 2))
    std[std == 0] = 1.0
    return mean.reshape(shape), std.reshape(shape)


def _column_means(rows: np.ndarray, origin: np.ndarray, power: int) -> np.ndarray:
    """The mean over rows of (row - origin) ** power, without a float64 copy of the whole."""
    step = max(1, _BLOCK // max(1, rows.shape[1]))
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), step):
        total += ((rows[start : start + step] - origin) ** power).sum(axis=0)
    return total / len(rows)


def standardize(data: Dataset, standardizer: Standardizer) -> Dataset:
    """`data` with its inputs standardized; uint8 becomes float32, floats keep their type."""
    inputs = dict(data.inputs)
    for key, mean in standardizer.mean.items():
        if key not in inputs:
            raise DataError(f"{data.name}: has no input {key!r}, which the standardizer was fitted to")
        inputs[key] = _apply(inputs[key], mean, standardizer.std[key], f"{data.name}: input {key!r}")
    return replace(data, inputs=inputs)


def _apply(array: np.ndarray, mean: np.ndarray, std: np.ndarray, where: str) -> np.ndarray:
    sample = array.shape[1:]
    if mean.shape not in ((), sample[-1:], sample):
        given = f"samples of shape {sample}"
        raise DataError(f"{where}: has {given}, but was standardized in training with shape {mean.shape}")
    dtype = np.float64 if array.dtype == np.float64 else np.float32
    return ((array - mean) / std).astype(dtype, copy=False)
