"""Dimensions and tensor types: the batch is the one symbolic dimension."""

from __future__ import annotations

import numpy as np

from nngraph_kernels.record import record

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "int32", "bool")
# How float32 numbers are kept between kernels, by the names that users give: "" as they are.
PRECISIONS = {"full": "", "mixed": "bfloat16", "bfloat16": "bfloat16", "float16": "float16"}
ITEM_SIZE = {"float32": 4, "float64": 8, "int32": 4, "bool": 1, "bfloat16": 2, "float16": 2}


@record
class Batch:
    """The dimension ``factor`` × batch size."""

    factor: int = 1

    def __str__(self) -> str:
        return "batch" if self.factor == 1 else f"{self.factor}*batch"

    __repr__ = __str__


Dim = int | Batch
Shape = tuple[Dim, ...]
BATCH = Batch()


def evaluate(dim: Dim, batch: int) -> int:
    """The number that `dim` is at this batch size."""
    return dim.factor * batch if isinstance(dim, Batch) else dim


def evaluate_shape(shape: Shape, batch: int) -> tuple[int, ...]:
    return tuple(evaluate(dim, batch) for dim in shape)


def multiply(a: Dim, b: Dim) -> Dim:
    """The product of two dimensions.

    Raises
    ------
    ValueError
        If both are multiples of the batch: no shape may hold the batch twice.
    """
    if isinstance(a, Batch):
        if isinstance(b, Batch):
            raise ValueError("the batch cannot appear twice in one shape")
        return Batch(a.factor * b)
    return Batch(a * b.factor) if isinstance(b, Batch) else a * b


def size_of(shape: Shape) -> Dim:
    """The number of elements of `shape`."""
    factor, symbolic = 1, 0
    for dim in shape:
        if isinstance(dim, Batch):
            symbolic += 1
            factor *= dim.factor
        else:
            factor *= dim
    if symbolic > 1:
        raise ValueError("the batch cannot appear twice in one shape")
    return Batch(factor) if symbolic else factor


def strides_of(shape: Shape) -> Shape:
    """Row-major strides, in elements."""
    strides: list[Dim] = []
    step: Dim = 1
    for axis in range(len(shape) - 1, -1, -1):
        strides.append(step)
        # The first axis's size is in no stride: the batch stands there, and may be in one already.
        step = multiply(step, shape[axis]) if axis else step
    return tuple(reversed(strides))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that NumPy's broadcasting rules give; ValueError where they give none."""
    if shapes and all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(map(len, shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for axis, dim in enumerate(shape, rank - len(shape)):
            if dim == 1 or dim == result[axis]:
                continue
            if result[axis] != 1:
                raise ValueError(f"shapes {' and '.join(map(format_shape, shapes))} do not broadcast")
            result[axis] = dim
    if sum(isinstance(dim, Batch) for dim in result) > 1:
        given = " and ".join(map(format_shape, shapes))
        raise ValueError(f"shapes {given} do not broadcast: the batch would appear twice; add axes with reshape")
    return tuple(result)


def without_leading_ones(shape: Shape) -> Shape:
    """`shape` from its first axis that is not of size 1; to broadcasting it is the same."""
    first = next((k for k, dim in enumerate(shape) if dim != 1), len(shape))
    return shape[first:]


def format_shape(shape: Shape) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


@record
class TensorType:
    """Shape and element type of a value."""

    shape: Shape
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @property
    def size(self) -> Dim:
        return size_of(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    def nbytes(self, batch: int) -> int:
        return evaluate(self.size, batch) * ITEM_SIZE[self.dtype]

    def numpy_shape(self, batch: int) -> tuple[int, ...]:
        return evaluate_shape(self.shape, batch)

    def empty(self, batch: int) -> np.ndarray:
        return np.empty(self.numpy_shape(batch), self.dtype)
