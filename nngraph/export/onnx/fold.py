"""Nodes of constants alone are computed when a file is read, the batch size standing in shapes as itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from nngraph.export.onnx.open import LARGEST
from nngraph.ir.exchange import OnnxNode, Unreadable

Arrays = Sequence[Any]
NUMPY = {
    1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
    11: np.float64,
}  # fmt: skip


def axes_of(n: OnnxNode, arrays: Arrays) -> list[int]:
    """Axes as an attribute, or as the second input."""
    return list(n.attributes["axes"] if "axes" in n.attributes else np.asarray(arrays[1]).reshape(-1).tolist())


def cast(n: OnnxNode, x: Any) -> Any:
    """Sizes among which the batch is stay objects."""
    if x.dtype == object:
        return x
    dtype = NUMPY.get(n.attributes["to"])
    if dtype is None:
        raise Unreadable(f"a cast to ONNX's data type {n.attributes['to']}, which nngraph does not have")
    return x.astype(dtype)


def unsqueeze(n: OnnxNode, arrays: Arrays) -> Any:
    return np.expand_dims(arrays[0], tuple(axes_of(n, arrays)))


def squeeze(n: OnnxNode, arrays: Arrays) -> Any:
    given = "axes" in n.attributes or len(arrays) > 1
    return np.squeeze(arrays[0], tuple(axes_of(n, arrays)) if given else None)


def reshape(n: OnnxNode, arrays: Arrays) -> Any:
    x = arrays[0]
    shape = list(n.attributes["shape"] if "shape" in n.attributes else arrays[1].tolist())
    if not n.attributes.get("allowzero"):
        shape = [x.shape[k] if size == 0 else size for k, size in enumerate(shape)]
    return x.reshape(shape)


def shape(n: OnnxNode, arrays: Arrays) -> Any:
    return np.array(arrays[0].shape, np.int64)[n.attributes.get("start", 0) : n.attributes.get("end")]


def flatten(n: OnnxNode, arrays: Arrays) -> Any:
    axis = n.attributes.get("axis", 1)
    return arrays[0].reshape(math.prod(arrays[0].shape[:axis]), -1)


def cut(n: OnnxNode, arrays: Arrays) -> Any:
    x = arrays[0]
    if n.version < 10:
        starts, ends = n.attributes["starts"], n.attributes["ends"]
        axes, steps = n.attributes.get("axes", range(len(starts))), [1] * len(starts)
    else:
        starts, ends = arrays[1].tolist(), arrays[2].tolist()
        axes = arrays[3].tolist() if len(arrays) > 3 and arrays[3] is not None else range(len(starts))
        steps = arrays[4].tolist() if len(arrays) > 4 else [1] * len(starts)
    chosen = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = x.shape[axis]
        chosen[axis] = slice(start, None if step < 0 and end < -size else end, step)
    return x[tuple(chosen)]


def expand(n: OnnxNode, arrays: Arrays) -> Any:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(limited(arrays[1].tolist())))
    return np.broadcast_to(arrays[0], limited(shape))


def filled(n: OnnxNode, arrays: Arrays) -> Any:
    value = n.attributes.get("value", np.zeros(1, np.float32))
    return np.full(limited(arrays[0].reshape(-1).tolist()), value.reshape(-1)[0])


def counted(n: OnnxNode, arrays: Arrays) -> Any:
    start, stop, step = (array.item() for array in arrays)
    limited([max(0, math.ceil((stop - start) / step))])
    return sequence(start, stop, step).astype(arrays[0].dtype)


def limited(shape: Any) -> Any:
    """A shape of no more elements than any tensor may have."""
    if any(size < 0 for size in shape) or math.prod(shape) * 8 > LARGEST:
        raise Unreadable(f"a constant of shape {list(shape)} is larger than any tensor may be")
    return shape


def sequence(start: float, stop: float, step: float) -> np.ndarray:
    count = max(0, math.ceil((stop - start) / step))
    return start + step * np.arange(count)


def reduced(function: Callable[..., Any]) -> Callable[[OnnxNode, Arrays], Any]:
    def compute(n: OnnxNode, arrays: Arrays) -> Any:
        given = "axes" in n.attributes or len(arrays) > 1
        axes = tuple(axes_of(n, arrays)) if given else None
        return function(arrays[0], axis=axes, keepdims=bool(n.attributes.get("keepdims", 1)))

    return compute


def divide(a: Any, b: Any) -> Any:
    """Integers towards zero."""
    if a.dtype.kind == "f" or a.dtype == object:
        return a / b
    return np.trunc(a / b).astype(a.dtype)


def same(x: Any) -> Any:
    return x


def power(a: Any, b: Any) -> Any:
    return np.power(a, b).astype(a.dtype)


def reciprocal(x: Any) -> Any:
    return 1 / x


def of(function: Callable[..., Any]) -> Callable[[OnnxNode, Arrays], Any]:
    """Element by element, which makes a table of a column and a row."""

    def compute(n: OnnxNode, arrays: Arrays) -> Any:
        limited(np.broadcast_shapes(*(array.shape for array in arrays)))
        return function(*arrays)

    return compute


def of_any(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Of two arrays, of any number; NumPy would write into a third."""
    return lambda *arrays: reduce(function, arrays)


def joined(n: OnnxNode, arrays: Arrays) -> Any:
    limited([sum(array.size for array in arrays)])
    return np.concatenate(arrays, n.attributes.get("axis", 0))


def taken(n: OnnxNode, arrays: Arrays) -> Any:
    (table, index), axis = arrays, n.attributes.get("axis", 0)
    limited([table.size // max(1, table.shape[axis]), index.size])
    return np.take(table, index, axis=axis)


FOLD: dict[str, Callable[[OnnxNode, Arrays], Any]] = {
    "Identity": of(same), "Cast": lambda n, arrays: cast(n, arrays[0]),
    "Add": of(np.add), "Sub": of(np.subtract), "Mul": of(np.multiply), "Div": of(divide), "Neg": of(np.negative),
    "Sqrt": of(np.sqrt), "Pow": of(power), "Exp": of(np.exp), "Log": of(np.log),
    "Reciprocal": of(reciprocal), "Abs": of(np.abs), "Equal": of(np.equal), "Not": of(np.logical_not),
    "Where": of(np.where), "Max": of(of_any(np.maximum)), "Min": of(of_any(np.minimum)),
    "Transpose": lambda n, arrays: np.transpose(arrays[0], n.attributes.get("perm")),
    "Unsqueeze": unsqueeze, "Squeeze": squeeze, "Reshape": reshape, "Flatten": flatten, "Slice": cut,
    "Gather": taken, "Concat": joined,
    "Shape": shape,
    "Expand": expand, "ConstantOfShape": filled, "Range": counted,
    "ReduceSum": reduced(np.sum), "ReduceProd": reduced(np.prod), "ReduceMean": reduced(np.mean),
}  # fmt: skip


def folded(n: OnnxNode, arrays: Arrays) -> np.ndarray | None:
    """What a node of constants gives; None where it is not one of those that are computed here."""
    if n.operator not in FOLD or len(n.outputs) != 1:
        return None
    try:
        with np.errstate(all="ignore"):
            return np.asarray(FOLD[n.operator](n, arrays))
    except (ValueError, TypeError, IndexError, ZeroDivisionError) as error:
        raise Unreadable(f"its constants do not fit together ({error})") from None
