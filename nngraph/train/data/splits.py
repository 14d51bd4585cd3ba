"""Training and held-out parts of a dataset, by seed."""

from __future__ import annotations

import numpy as np

from nngraph.errors import DataError, OptionError
from nngraph.train.data.dataset import Dataset, take
from nngraph.train.data.randomness import permutation, stream


def split(data: Dataset, held_out: float = 0.2, *, seed: int = 0, stratify: bool = True) -> tuple[Dataset, Dataset]:
    """Part `data` in two, keeping the order of the samples.

    Parameters
    ----------
    data : Dataset
    held_out : float or int
        A fraction of the samples between 0 and 1 (exclusive), or a count of samples.
    seed : int
        What the choice depends on.
    stratify : bool
        Keep the shares of the classes in both parts, as nearly as whole numbers allow.

    Returns
    -------
    training, held_out : Dataset
    """
    count = _held_out_count(data, held_out)
    order = permutation(len(data), stream(seed, "split"))
    labels = _labels(data) if stratify else None
    chosen = order[:count] if labels is None else _stratified(labels, order, count)
    mask = np.zeros(len(data), np.bool_)
    mask[chosen] = True
    return take(data, np.flatnonzero(~mask)), take(data, np.flatnonzero(mask))


def _held_out_count(data: Dataset, held_out: float) -> int:
    n = len(data)
    if isinstance(held_out, float):
        if not 0 < held_out < 1:
            mend = "for a count give a whole number without a point"
            raise OptionError(f"held_out is {held_out:g}, but a fraction lies between 0 and 1; {mend}")
        count = round(n * held_out)
    else:
        count = int(held_out)
    if not 0 < count < n:
        parts = f"{n - count} for training and {count} held out"
        raise DataError(f"{data.name}: {n} samples split into {parts}, but each part needs at least one")
    return count


def _labels(data: Dataset) -> np.ndarray | None:
    """The labels to stratify by: those of the first target that has one a sample."""
    if data.task != "classification":
        return None
    flat = (y for y in data.targets.values() if y.ndim == 1 and y.dtype == np.int32)
    return next(flat, None)


def _stratified(labels: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    present, sizes = np.unique(labels, return_counts=True)
    quotas = _quotas(sizes, count)
    by_class = order[np.argsort(labels[order], kind="stable")]
    ends = np.cumsum(sizes)
    return np.concatenate([by_class[ends[k] - sizes[k] :][: quotas[k]] for k in range(len(present))])


def _quotas(sizes: np.ndarray, count: int) -> np.ndarray:
    """How many of each class to hold out: largest remainders, leaving one of each class if possible."""
    exact = sizes * (count / sizes.sum())
    quotas = np.minimum(np.floor(exact).astype(np.int64), sizes - 1)
    by_remainder = np.argsort(quotas - exact, kind="stable")
    for spare in (sizes - 1, sizes):
        while quotas.sum() < count and (quotas < spare).any():
            for k in by_remainder:
                if quotas.sum() < count and quotas[k] < spare[k]:
                    quotas[k] += 1
    return quotas
