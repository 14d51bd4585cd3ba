"""Whether a dataset fits a model: names, shapes, types and labels, before anything is compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset, Some, check_finite, names, narrow, place
from nngraph.train.data.stored import Stored, stored, whole
from nngraph_kernels.record import record

Signature = Mapping[str, tuple[Sequence[int], str]]
Shape = tuple[int, ...]


@record
class Fitted:
    """A dataset under the names, in the shapes and of the types of a model.

    Attributes
    ----------
    dataset : Dataset
    notes : tuple of str
        One line for each thing that was adapted and that a user should know of.
    """

    dataset: Dataset
    notes: tuple[str, ...] = ()


def check_fit(data: Dataset, inputs: Signature, outputs: Signature | None = None) -> Fitted:
    """`data` as a model with these inputs and outputs takes it.

    Parameters
    ----------
    data : Dataset
    inputs, outputs : mapping of str to (shape, dtype)
        What the model's graph says, shapes without the batch. Without `outputs` the targets are dropped.

    Returns
    -------
    Fitted
        Inputs have the model's names, shapes and types, but for uint8, which becomes floats when a batch is gathered:
        it is `Stored`. Integer targets are int32 labels, below the number
        of units of the output's last axis; for an output of one unit, and for targets that are not integers,
        they have the output's shape and type.

    Raises
    ------
    DataError
        If a name, a shape, a type or a label does not fit.

    Notes
    -----
    Shapes are adapted where only one thing can be meant: to or from a flat shape of as many elements, and by
    axes of length 1. A lone input or target needs no name.
    """
    x, notes = _adapt(data, data.inputs, inputs, "input", _fit_input)
    y: dict[str, np.ndarray] = {}
    if outputs is not None:
        y, more = _adapt(data, data.targets, outputs, "target", _fit_target)
        notes += more
    columns = data.columns if all(array.ndim == 2 for array in x.values()) else ()
    return Fitted(replace(data, inputs=x, targets=y, columns=columns), tuple(notes))


def _adapt(
    data: Dataset,
    arrays: Mapping[str, Some],
    wanted: Signature,
    kind: str,
    fit: Callable[[Some, Shape, str, str], Some],
) -> tuple[dict[str, Some], list[str]]:
    result: dict[str, Some] = {}
    notes: list[str] = []
    pairs = _pair(data.name, arrays, wanted, kind)
    for name, given in pairs.items():
        shape, dtype = tuple(wanted[name][0]), wanted[name][1]
        result[name] = fit(arrays[given], shape, dtype, f"{data.name}: {kind} {given!r}")
        before, after = arrays[given].shape[1:], result[name].shape[1:]
        if before != after:
            notes.append(f"{data.name}: {kind} {given!r} of shape {before} is taken as {after}")
    return result, notes


def _pair(where: str, arrays: Mapping[str, object], wanted: Signature, kind: str) -> dict[str, str]:
    """The array for each name the model wants."""
    missing = [name for name in wanted if name not in arrays]
    if len(arrays) == len(wanted) == 1:
        return {next(iter(wanted)): next(iter(arrays))}
    side = "output" if kind == "target" else "input"
    unknown = [name for name in arrays if name not in wanted]
    if not missing and unknown:
        known = f"{names(wanted)} {'are' if len(wanted) > 1 else 'is'}"
        raise DataError(f"{where}: the {kind} {names(unknown)} is given, but only {known} expected; leave it out")
    if not missing:
        return {name: name for name in wanted}
    raise DataError(
        f"{where}: has the {kind}s {names(arrays)}, but the model's {side}s are {names(wanted)};"
        f" name the {kind}s after them"
    )


def _fit_input(array: np.ndarray | Stored, shape: Shape, dtype: str, where: str) -> np.ndarray | Stored:
    found = _reshape(array, shape, where, "the model's input")
    if np.dtype(dtype).kind == "f" and (isinstance(found, Stored) or found.dtype == np.uint8):
        return stored(found)
    return _cast(whole(found), dtype, where)


def _fit_target(array: np.ndarray, shape: Shape, dtype: str, where: str) -> np.ndarray:
    if array.dtype.kind == "f" or shape in ((), (1,)):
        if array.dtype.kind != "f":
            _check_binary(array, where)
        return _cast(_reshape(array, shape, where, "the model's output"), dtype, where)
    labels = _reshape(array, shape[:-1], where, f"labels for the model's output {shape}")
    check_labels(labels, shape[-1], where)
    return labels


def _check_binary(labels: np.ndarray, where: str) -> None:
    """An output of one unit tells two classes apart, not more."""
    if labels.max() > 1:
        row = np.argwhere(labels > 1)[0]
        mend = f"end the model in {int(labels.max()) + 1} units, or for values give floats (of a file: task=regression)"
        given = f"the label {labels[tuple(row)]} {place(row)}"
        raise DataError(f"{where}: has {given}, but the model's output has one unit; {mend}")


def check_labels(labels: np.ndarray, classes: int, where: str) -> None:
    """DataError at the first label that is not among 0 … classes - 1."""
    wrong = np.argwhere((labels < 0) | (labels >= classes))
    if len(wrong):
        given = f"the label {labels[tuple(wrong[0])]} {place(wrong[0])}"
        counts = f"the model's output has {classes} units, for labels 0 to {classes - 1}"
        raise DataError(f"{where}: has {given}, but {counts}; give it more units or number the labels from 0")


def _reshape(array: Some, shape: Shape, where: str, whose: str) -> Some:
    given = array.shape[1:]
    if given == shape:
        return array
    same_size = math.prod(given) == math.prod(shape)
    flat = len(given) == 1 or len(shape) == 1
    if same_size and (flat or [n for n in given if n != 1] == [n for n in shape if n != 1]):
        return array.reshape(len(array), *shape)
    mend = ""
    if same_size and sorted(given) == sorted(shape):
        mend = "; transpose it (images are height, width, channels)"
    elif same_size:
        mend = "; reshape it"
    elif len(given) == len(shape) == 3 and given[-1] == shape[-1]:
        size = "x".join(map(str, shape[:2]))
        mend = f"; resize the images (of a folder: size={size}), or declare the input of their shape"
    raise DataError(f"{where}: has samples of shape {given}, but {whose} expects {shape}{mend}")


def _cast(array: np.ndarray, dtype: str, where: str) -> np.ndarray:
    if array.dtype == np.dtype(dtype):
        return array
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            result = array.astype(dtype)
        check_finite(result, f"{where} as {dtype}")
        return result
    result = narrow(array, where).astype(dtype)
    if not np.array_equal(result, array):
        row = np.argwhere(result != array)[0]
        value = array[tuple(row)]
        raise DataError(f"{where}: holds {value} {place(row)}, but the model expects {dtype}; convert it")
    return result


def one_hot(labels: np.ndarray, classes: int, dtype: str = "float32") -> np.ndarray:
    """A last axis of length `classes` that is 1 at the label and 0 elsewhere."""
    check_labels(labels, classes, "labels")
    return np.eye(classes, dtype=dtype)[labels]
