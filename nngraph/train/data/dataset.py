"""The Dataset, and how arrays of any kind become one: the checks that every source of data shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from nngraph.errors import DataError
from nngraph.train.data.stored import Stored, stored, whole
from nngraph_kernels.record import record

Task = Literal["classification", "regression"]
Arrays = Mapping[str, np.ndarray]
Inputs = Mapping[str, np.ndarray | Stored]
Some = TypeVar("Some", np.ndarray, np.ndarray | Stored)
_INT32 = np.iinfo(np.int32)


@record(eq=False)
class Dataset:
    """Samples in memory: the first axis of every array counts them.

    Attributes
    ----------
    name : str
        Where the data comes from, as error messages call it.
    inputs : mapping of str to numpy.ndarray or Stored
        float32, float64, uint8, bool or int32. Of uint8, parts and what is standardized are `Stored`: not copied.
    targets : mapping of str to numpy.ndarray
        Labels of classes are int32. May be empty.
    task : {"classification", "regression"}
    classes : tuple of str
        Names of the classes 0, 1, …; empty for regression.
    weights : numpy.ndarray or None
        One weight a sample, float64.
    description : str
        One line for people.
    columns : tuple of str
        Names of the features of the only input, where it has names.
    files : tuple of str
        Of each sample its own file, if it has one.
    """

    name: str
    inputs: Inputs
    targets: Arrays
    task: Task
    classes: tuple[str, ...] = ()
    weights: np.ndarray | None = None
    description: str = ""
    columns: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def x(self) -> np.ndarray:
        """The only input."""
        return whole(_only(self.inputs, "input", self.name))

    @property
    def y(self) -> np.ndarray:
        """The only target."""
        return _only(self.targets, "target", self.name)


def _only(arrays: Mapping[str, Some], kind: str, name: str) -> Some:
    if len(arrays) != 1:
        raise DataError(f"{name}: has {len(arrays)} {kind}s ({names(arrays)}), not one: take them by name")
    return next(iter(arrays.values()))


def names(words: Iterable[str]) -> str:
    """`words` as a message lists them."""
    return ", ".join(repr(word) for word in words) or "none"


def from_arrays(
    inputs: ArrayLike | Mapping[str, ArrayLike],
    targets: ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    name: str = "data",
    task: Task | None = None,
    classes: Sequence[str] = (),
    weights: ArrayLike | None = None,
    description: str = "",
    columns: Sequence[str] = (),
) -> Dataset:
    """A checked Dataset from arrays in memory.

    Parameters
    ----------
    inputs, targets : array_like or mapping of str to array_like
        A lone array is called ``x`` or ``y``. Integers and strings in the targets are labels of classes,
        floats are values to regress to. Targets may be left out, for prediction.
    name : str
        What error messages call this data.
    task : {"classification", "regression"}, optional
        Overrides what the targets' types say.
    classes : sequence of str, optional
        Names of the classes in the order of their labels; strings are looked up here.
    weights : array_like, optional
        One weight a sample.
    description : str
        One line for people.
    columns : sequence of str
        Names of the features, for messages.

    Raises
    ------
    DataError
        If anything is empty, not numeric, NaN or infinite, negative as a label, or of differing lengths.
    """
    x = {key: numeric(value, f"{name}: input {key!r}") for key, value in _by_name(inputs, "x").items()}
    if not x:
        raise DataError(f"{name}: has no inputs; give at least one array")
    for key, array in x.items():
        check_finite(array, f"{name}: input {key!r}", columns)
    y: dict[str, np.ndarray] = {}
    found = tuple(classes)
    for key, value in _by_name({} if targets is None else targets, "y").items():
        where = f"{name}: target {key!r}"
        y[key], found = _target(_as_array(value, where), where, task, found)
    check_lengths(name, _titled(x, "input") | _titled(y, "target"))
    labels = [array for array in y.values() if array.dtype == np.int32]
    task = task or ("classification" if labels or (found and not y) else "regression")
    found = _class_names(found, labels) if task == "classification" else ()
    data = Dataset(name, x, y, task, found, None, description, tuple(columns))
    return data if weights is None else replace(data, weights=check_weights(weights, data))


def _by_name(arrays: ArrayLike | Mapping[str, ArrayLike], default: str) -> Mapping[str, ArrayLike]:
    return arrays if isinstance(arrays, Mapping) else {default: arrays}


def _titled(arrays: Arrays, kind: str) -> dict[str, np.ndarray]:
    return {f"{kind} {key!r}": array for key, array in arrays.items()}


def _class_names(classes: tuple[str, ...], labels: list[np.ndarray]) -> tuple[str, ...]:
    count = max((int(array.max()) + 1 for array in labels if array.size), default=0)
    return classes + tuple(str(label) for label in range(len(classes), count))


def numeric(value: ArrayLike, where: str) -> np.ndarray:
    """`value` as float32, float64, uint8, bool or int32, at least one-dimensional."""
    array = _as_array(value, where)
    if array.ndim == 0:
        raise DataError(f"{where}: is a single number; its first axis must count the samples")
    if array.dtype == np.uint8 or array.dtype.kind == "b":
        return array
    if array.dtype.kind == "f":
        return array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)
    if array.dtype.kind in "iu":
        return narrow(array, where)
    raise DataError(f"{where}: holds values of type {array.dtype}, but numbers are expected; encode them")


def _as_array(value: ArrayLike, where: str) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        raise DataError(f"{where}: its rows differ in length; every sample needs the same shape") from None


def narrow(array: np.ndarray, where: str) -> np.ndarray:
    """Integers as int32, if they fit."""
    if array.size and (int(array.min()) < _INT32.min or int(array.max()) > _INT32.max):
        raise DataError(f"{where}: holds integers that do not fit int32; store them as floats")
    return array.astype(np.int32, copy=False)


def _target(
    array: np.ndarray, where: str, task: Task | None, classes: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    if task != "regression" and _is_text(array):
        return encode_labels([_text(label) for label in array.ravel()], where, classes, array.shape)
    array = numeric(array, where)
    check_finite(array, where)
    one_hot = array.dtype.kind == "f" and array.ndim > 1
    if task == "regression":
        return array if array.dtype.kind == "f" else array.astype(np.float64), classes
    if array.dtype.kind == "f" and (task is None or one_hot):
        return array, classes
    labels = narrow(array, where)
    if not np.array_equal(labels, array):
        row = np.argwhere(labels != array)[0]
        mend = "number them from 0, or for values use a loss like mean_squared_error (of a file: task=regression)"
        given = f"holds fractions ({array[tuple(row)]:g} {place(row)})"
        raise DataError(f"{where}: {given}, but labels of classes are whole numbers; {mend}")
    if labels.size and labels.min() < 0:
        row = np.argwhere(labels < 0)[0]
        raise DataError(f"{where}: has the label {labels.min()} {place(row)}, but labels start at 0")
    return labels, classes


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "UST" or (
        array.dtype.kind == "O" and all(isinstance(label, str) for label in array.flat)
    )


def _text(label: Any) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)


def encode_labels(
    labels: Sequence[str], where: str, classes: tuple[str, ...] = (), shape: tuple[int, ...] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Names of classes as int32 labels: positions in `classes`, or among the sorted names themselves."""
    known = classes or tuple(sorted(set(labels)))
    index = {label: number for number, label in enumerate(known)}
    for row, label in enumerate(labels):
        if label not in index:
            given = f"{label!r} {place([row])}"
            raise DataError(f"{where}: has the label {given}, but the classes are {names(known)}")
    return np.array([index[label] for label in labels], np.int32).reshape(shape or len(labels)), known


def place(index: Sequence[int] | np.ndarray, columns: Sequence[str] = ()) -> str:
    """Where in an array: ``at row 3, column 2``."""
    row, *rest = (int(number) for number in index)
    if not rest:
        return f"at row {row}"
    if len(rest) > 1:
        return f"at row {row}, position ({', '.join(map(str, rest))})"
    return f"at row {row}, column {rest[0]}" + (f" ({columns[rest[0]]!r})" if rest[0] < len(columns) else "")


def check_finite(array: np.ndarray, where: str, columns: Sequence[str] = ()) -> None:
    """DataError at the first NaN or infinity."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    index = np.argwhere(~np.isfinite(array))[0]
    word = "NaN" if np.isnan(array[tuple(index)]) else "an infinity"
    raise DataError(f"{where}: holds {word} {place(index, columns)}; remove that row or fill in a number")


def check_lengths(name: str, arrays: Arrays) -> None:
    """DataError unless all arrays count the same samples, at least one."""
    lengths = {what: len(array) for what, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{what} has {n}" for what, n in lengths.items())
        raise DataError(f"{name}: lengths differ: {listed}; each must have one row a sample")
    if 0 in lengths.values():
        raise DataError(f"{name}: is empty; at least one sample is needed")


def check_weights(weights: ArrayLike, data: Dataset) -> np.ndarray:
    """One finite weight >= 0 a sample, not all zero, as float64."""
    where = f"{data.name}: sample weights"
    array = numeric(weights, where).astype(np.float64)
    if array.shape != (len(data),):
        raise DataError(f"{where}: have shape {array.shape}, but ({len(data)},) is expected, one a sample")
    check_finite(array, where)
    if (array < 0).any():
        row = np.flatnonzero(array < 0)[0]
        raise DataError(f"{where}: hold {array[row]:g} {place([row])}, but a weight is at least 0")
    if not array.any():
        raise DataError(f"{where}: are all zero; at least one must be greater")
    return array


def _rows(array: np.ndarray | Stored, rows: np.ndarray) -> np.ndarray | Stored:
    is_stored = isinstance(array, Stored) or array.dtype == np.uint8
    return stored(array).take(rows) if is_stored else array[rows]


def take(data: Dataset, rows: np.ndarray) -> Dataset:
    """The samples `rows` of `data`, in that order; of uint8 inputs nothing is copied."""
    return replace(
        data,
        inputs={key: _rows(array, rows) for key, array in data.inputs.items()},
        targets={key: array[rows] for key, array in data.targets.items()},
        weights=None if data.weights is None else data.weights[rows],
        files=tuple(data.files[int(row)] for row in rows.flat) if data.files else (),
    )
