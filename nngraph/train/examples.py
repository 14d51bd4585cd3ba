"""Data under the names, in the shapes and of the types that a model's programs take it in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nngraph.errors import DataError
from nngraph.run.feed import Gather
from nngraph.train.data.augment import Augment
from nngraph.train.data.dataset import Dataset, from_arrays
from nngraph.train.data.fit import check_fit, one_hot
from nngraph.train.data.stored import Stored
from nngraph.train.data.weights import weighted
from nngraph.train.gathers import gather_of
from nngraph.train.signature import Array, Signature, Target
from nngraph_kernels.record import record

Given = ArrayLike | Mapping[str, ArrayLike]


@record(eq=False)
class Examples:
    """Arrays by the name of the program's input, C-contiguous, or what becomes such: what a feed takes."""

    count: int
    arrays: Mapping[str, np.ndarray | Gather]

    def part(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Some examples as arrays: what a call takes."""
        return {
            name: x.part(start, stop) if isinstance(x, Gather) else x[start:stop] for name, x in self.arrays.items()
        }


def dataset_of(
    signature: Signature,
    inputs: Given | Dataset,
    targets: Given | None,
    sample_weight: ArrayLike | None = None,
    name: str = "data",
    classes: Sequence[str] = (),
) -> Dataset:
    """What a user gives as a checked dataset; a `Dataset` stands for inputs and targets together.

    Labels that are text are looked up in `classes`, those of earlier data, so that they keep their numbers.
    """
    if isinstance(inputs, Dataset):
        data = inputs
    else:
        check_inputs(signature, inputs, name)
        task = "classification" if signature.targets and all(t.labels for t in signature.targets) else None
        data = from_arrays(inputs, regression_targets(signature, targets), name=name, task=task, classes=classes)
    return data if sample_weight is None else weighted(data, sample_weight)


def check_inputs(signature: Signature, inputs: Given | None, where: str) -> None:
    """Whether there are inputs, each with an axis that counts the examples."""
    first = next(iter(signature.inputs), "x")
    by_name: Mapping[str, Any] = inputs if isinstance(inputs, Mapping) else {first: inputs}
    for name, given in by_name.items():
        if given is None:
            raise DataError(f"{where}: input {name!r}: None given, an array of examples expected")
        wanted = signature.inputs.get(first if len(by_name) == 1 else name)
        if wanted and wanted.shape and wanted.shape[0] != 1 and shape_of(given) == wanted.shape:
            raise DataError(
                f"{where}: input {name!r}: shape {wanted.shape} given, which is one example without an axis that "
                "counts examples; give it as x[np.newaxis]"
            )


def shape_of(given: ArrayLike) -> tuple[int, ...] | None:
    """None where rows differ in length."""
    try:
        return np.shape(given)
    except ValueError:
        return None


def regression_targets(signature: Signature, targets: Given | None) -> Any:
    """Integers become floats where the loss compares numbers: they are no labels."""
    if targets is None or not signature.targets:
        return targets
    if isinstance(targets, Mapping):
        known = {target.output: target for target in signature.targets}
        return {name: as_numbers(known.get(name), array) for name, array in targets.items()}
    return as_numbers(signature.targets[0] if len(signature.targets) == 1 else None, targets)


def as_numbers(target: Target | None, given: ArrayLike) -> ArrayLike:
    if target is None or target.labels:
        return given
    array = np.asarray(given)
    shape, own = array.shape[1:], target.scores.shape
    values = shape == own or (target.regression and shape == () and own == (1,))
    return array.astype(np.float64) if array.dtype.kind in "iu" and values else array


def input_examples(signature: Signature, data: Dataset) -> Examples:
    """The inputs alone, for prediction."""
    fitted = check_fit(data, shapes(signature.inputs)).dataset
    return Examples(len(data), input_arrays(signature, fitted))


def input_arrays(
    signature: Signature, fitted: Dataset, augment: Augment | None = None
) -> dict[str, np.ndarray | Gather]:
    """The inputs of data that fits: ready, or made ready while batches of them are gathered."""
    found: dict[str, np.ndarray | Gather] = {}
    for name, array in fitted.inputs.items():
        dtype = signature.inputs[name].dtype
        found[name] = gather_of(array, dtype, augment) if isinstance(array, Stored) else in_order(array, dtype)
    return found


def examples(signature: Signature, data: Dataset, weights: bool = False, augment: Augment | None = None) -> Examples:
    """Inputs, targets and, if the objective takes them, weights.

    Raises
    ------
    DataError
        If something does not fit; before anything is compiled.
    """
    if not data.targets and signature.targets:
        raise DataError(f"{data.name}: has no targets, but the loss needs them; give the right answers too")
    outputs = shapes({target.output: target.scores for target in signature.targets})
    fitted = check_fit(data, shapes(signature.inputs), outputs).dataset
    arrays = input_arrays(signature, fitted, augment)
    for target in signature.targets:
        where = f"{data.name}: target {target.output!r}"
        arrays[target.input] = target_array(fitted.targets[target.output], target, where)
    if weights:
        given = np.ones(len(data)) if data.weights is None else data.weights
        arrays["weight"] = in_order(given[:, np.newaxis], float_of(signature))
    return Examples(len(data), arrays)


def float_of(signature: Signature) -> str:
    """The dtype of the objective's numbers: that of the first output that is a float."""
    dtypes = (array.dtype for array in signature.outputs.values())
    return next((dtype for dtype in dtypes if dtype.startswith("float")), "float32")


def shapes(arrays: Mapping[str, Array]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def target_array(array: np.ndarray, target: Target, where: str) -> np.ndarray:
    """Labels and distributions over classes, each turned into what the loss takes."""
    if target.labels and array.dtype != np.int32:
        array = labels_of(array, where)
    elif not target.labels and array.dtype == np.int32:
        array = one_hot(array, target.scores.shape[-1], target.wanted.dtype)
    return in_order(array.reshape(len(array), *target.wanted.shape), target.wanted.dtype)


def labels_of(array: np.ndarray, where: str) -> np.ndarray:
    """The labels of one-hot rows."""
    labels = array.argmax(axis=-1)
    if ((array != 0).sum(axis=-1) != 1).any() or (array.max(axis=-1) != 1).any():
        raise DataError(
            f"{where}: holds floats that are not one-hot, but the loss takes labels; give whole numbers, or for "
            "distributions use the loss's option targets='one_hot'"
        )
    return labels.astype(np.int32)


def in_order(array: np.ndarray, dtype: str) -> np.ndarray:
    """`array` itself where it is C-contiguous and of `dtype`."""
    return np.ascontiguousarray(array, dtype)


def named_like(data: Dataset, names: Iterable[str]) -> Dataset:
    """`data` with its only input called as the only one of `names`."""
    known = list(names)
    if len(data.inputs) != 1 or len(known) != 1:
        return data
    return replace(data, inputs={known[0]: next(iter(data.inputs.values()))})
