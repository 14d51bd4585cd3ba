"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Batch, Dim, TensorType, broadcast_shapes, format_shape, multiply, size_of
from nngraph.ops.onnx import linear as onnx_linear
from nngraph.ops.records import expect_float, expect_rank, unbroadcast

TRANSPOSES = {
    "transpose_a": Attribute("bool", "take a with its last two axes exchanged", False),
    "transpose_b": Attribute("bool", "take b with its last two axes exchanged", False),
}


def matrices(a: TensorType, b: TensorType, transpose_a: bool, transpose_b: bool) -> tuple[Dim, Dim, Dim, Dim]:
    """(M, K) of a and (K, N) of b as they enter the product."""
    expect_rank(a, 2)
    expect_rank(b, 2)
    m, k = a.shape[-2:][::-1] if transpose_a else a.shape[-2:]
    n_k, n = b.shape[-2:][::-1] if transpose_b else b.shape[-2:]
    return m, k, n_k, n


def infer(a: TensorType, b: TensorType, transpose_a: bool = False, transpose_b: bool = False) -> TensorType:
    m, k, k_b, n = matrices(a, b, transpose_a, transpose_b)
    if k != k_b:
        shapes = f"{format_shape(a.shape)} and {format_shape(b.shape)}"
        raise ValueError(f"inner sizes that agree expected, {shapes} give {k} and {k_b}")
    if a.dtype != b.dtype:
        raise ValueError(f"inputs of one dtype expected, {a.dtype} and {b.dtype} given; convert with cast")
    expect_float(a)
    result = TensorType((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), m, n), a.dtype)
    size_of(result.shape)  # refuses the batch in both dimensions
    return result


def reference(a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False) -> np.ndarray:
    return (a.swapaxes(-1, -2) if transpose_a else a) @ (b.swapaxes(-1, -2) if transpose_b else b)


def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, Value]:
    """dA = dY Bᵀ and dB = Aᵀ dY, with the transposes folded in; dB of one matrix is one product over all rows."""
    left, right = node.inputs
    ta, tb = node.attributes["transpose_a"], node.attributes["transpose_b"]
    if ta:
        da = b.add("matmul", right, dy, transpose_a=tb, transpose_b=True)
    else:
        da = b.add("matmul", dy, right, transpose_b=not tb)
    if not ta and all(dim == 1 for dim in right.type.shape[:-2]):
        left, dy = (rows_of(b, x, right.type.rank) for x in (left, dy))
    if tb:
        db = b.add("matmul", dy, left, transpose_a=True, transpose_b=ta)
    else:
        db = b.add("matmul", left, dy, transpose_a=not ta)
    return unbroadcast(b, da, node.inputs[0].type), unbroadcast(b, db, right.type)


def rows_of(b: Builder, x: Value, rank: int) -> Value:
    """All rows of `x` in one matrix, with axes of size 1 in front of it up to that rank."""
    shape = (*(1,) * (rank - 2), size_of(x.type.shape[:-1]), x.type.shape[-1])
    return x if x.type.shape == shape else b.add("view", x, shape=shape)


def flops(a: TensorType, b: TensorType, transpose_a: bool = False, transpose_b: bool = False) -> Dim:
    result = infer(a, b, transpose_a, transpose_b)
    _, k, _, _ = matrices(a, b, transpose_a, transpose_b)
    # In a weight's gradient the batch is the reduced dimension, in all other products it is outside.
    return multiply(multiply(result.size, k), 2)


matmul = register_op(
    Op(
        "matmul", "the matrix product over the last two axes, batched over the others", "linear", ("a", "b"),
        infer, reference, TRANSPOSES, vjp=vjp, kernel="matmul", flops=flops,
        samples=(
            Sample(((3, 5), (5, 7))), Sample(((33, 17), (17, 34))),
            Sample(((5, 3), (5, 7)), {"transpose_a": True}), Sample(((3, 5), (7, 5)), {"transpose_b": True}),
            Sample(((5, 19), (20, 5)), {"transpose_a": True, "transpose_b": True}),
            Sample(((2, 3, 5), (2, 5, 4))), Sample(((2, 2, 3, 5), (5, 4))), Sample(((2, 3, 5), (1, 5, 4))),
            Sample(((2, 3, 5), (2, 4, 5)), {"transpose_b": True}),
            Sample(((2, 3, 5), (4, 5)), {"transpose_b": True}), Sample(((2, 5, 3), (5, 4)), {"transpose_a": True}),
            Sample(((2, 5, 3), (2, 4, 5)), {"transpose_a": True, "transpose_b": True}),
        ),
        errors=(
            ErrorSample(((3, 5), (4, 7)), {}, "inner sizes"),
            ErrorSample(((3,), (3, 7)), {}, "at least 2 axes"),
            ErrorSample(((3, 5), (5, 7)), {}, "one dtype", ("float32", "float64")),
            ErrorSample(((3, 5), (5, 7)), {}, "float input", ("int32", "int32")),
            ErrorSample(((Batch(), 5), (Batch(), 5)), {"transpose_b": True}, "batch cannot appear twice"),
        ),
        onnx=onnx_linear.MATMUL,
    )
)  # fmt: skip


def linear_infer(x: TensorType, units: int, bias: bool = True, **_: Any) -> TensorType:
    expect_float(x)
    expect_rank(x, 1)
    if isinstance(x.shape[-1], Batch):
        shape = format_shape(x.shape)
        raise ValueError(f"a last axis of known size expected, {shape} given; add an axis with reshape")
    return TensorType((*x.shape[:-1], units), x.dtype)


def linear_parameters(x: TensorType, units: int, bias: bool = True, **_: Any) -> tuple[Parameter, ...]:
    """`weight` (units, inputs), held transposed, as the forward product reads it; `bias` (units,)."""
    inputs = x.shape[-1]
    assert isinstance(inputs, int)
    weight = Parameter("weight", (units, inputs), "he_normal", (1, 0))
    return (weight, Parameter("bias", (units,), "zeros")) if bias else (weight,)


def linear_expand(b: Builder, x: Value, weight: Value, offset: Value | None = None, **_: Any) -> Value:
    """x of a single axis is a matrix of one row."""
    rows = x if x.type.rank > 1 else b.add("view", x, shape=(1, *x.type.shape))
    y = b.add("matmul", rows, weight)
    if offset is not None:
        y = b.add("add", y, offset)
    return y if x.type.rank > 1 else b.add("view", y, shape=y.type.shape[1:])


def linear_reference(x: np.ndarray, weight: np.ndarray, offset: np.ndarray | None = None, **_: Any) -> np.ndarray:
    y = x @ weight.T
    return y if offset is None else y + offset


linear = register_op(
    Op(
        "linear", "x Wᵀ + b over the last axis", "linear", ("x",), linear_infer, linear_reference,
        {
            "units": Attribute("int", "size of the result's last axis", minimum=1),
            "bias": Attribute("bool", "add a learned offset", True),
        },
        parameters=linear_parameters, expand=linear_expand,
        flops=lambda x, units, bias=True, **_: multiply(x.size, 2 * units),
        samples=(Sample(((3, 5),), {"units": 4}), Sample(((2, 3, 17),), {"units": 33, "bias": False})),
        errors=(
            ErrorSample(((3, 5),), {"units": 0}, "at least 1"),
            ErrorSample(((3, 5),), {"unit": 4}, "did you mean 'units'"),
            ErrorSample(((3, 5),), {}, "'units' missing"),
            ErrorSample(((3, 5),), {"units": 2.5}, "an integer"),
            ErrorSample(((3, 5),), {"units": 4}, "float input", ("int32",)),
            ErrorSample(((Batch(),),), {"units": 4}, "last axis of known size"),
        ),
        onnx=onnx_linear.LINEAR,
    )
)  # fmt: skip
