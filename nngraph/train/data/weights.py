"""Weights of classes and of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, check_weights, names

ClassWeight = Literal["balanced"] | Mapping[str, float] | Mapping[int, float]


def weighted(data: Dataset, sample_weight: ArrayLike | None = None, class_weight: ClassWeight | None = None) -> Dataset:
    """`data` with weights: the product of those it has, `sample_weight` and the weights of its classes.

    Parameters
    ----------
    data : Dataset
    sample_weight : array_like, optional
        One weight a sample.
    class_weight : "balanced" or mapping, optional
        "balanced" gives every class the same sum; a mapping goes from labels or names of classes to weights,
        1 for those it leaves out.
    """
    weights = np.ones(len(data)) if data.weights is None else data.weights
    if sample_weight is not None:
        weights = weights * check_weights(sample_weight, data)
    if class_weight is not None:
        labels = _labels(data)
        weights = weights * class_weights(labels, data.classes, class_weight, data.name)[labels]
    return replace(data, weights=check_weights(weights, data))


def _labels(data: Dataset) -> np.ndarray:
    y = data.y
    if data.task != "classification" or y.ndim != 1:
        raise DataError(f"{data.name}: has no classes to weigh; class weights need an integer label a sample")
    return y


def class_weights(labels: np.ndarray, classes: tuple[str, ...], weight: ClassWeight, where: str = "data") -> np.ndarray:
    """The weight of each class.

    Returns
    -------
    numpy.ndarray
        float64, one a class. "balanced" is n / (classes present * count of the class), 0 for an absent class.
    """
    if isinstance(weight, str):
        if weight != "balanced":
            raise DataError(f"{where}: class_weight is {weight!r}, but 'balanced' or a mapping is expected")
        counts = np.bincount(labels, minlength=len(classes))
        shares = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.where(counts > 0, shares, 0.0)
    result = np.ones(len(classes))
    for key, value in weight.items():
        if not (math.isfinite(value) and value >= 0):
            raise DataError(f"{where}: class_weight[{key!r}] is {value}, but a finite number >= 0 is needed")
        result[_class_index(key, classes, where)] = value
    return result


def _class_index(key: str | int, classes: tuple[str, ...], where: str) -> int:
    if isinstance(key, str) and key in classes:
        return classes.index(key)
    if isinstance(key, int | np.integer) and 0 <= key < len(classes):
        return key
    raise DataError(f"{where}: class_weight names the class {key!r}, but the classes are {names(classes)}")
