"""Rows of a table, chosen by integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Dim, TensorType, format_shape
from nngraph.ops.onnx import embedding as onnx_embedding
from nngraph.ops.records import BACKWARD, TRAINING_ONLY, expect_integer, expect_rank


def gather_infer(table: TensorType, index: TensorType) -> TensorType:
    expect_rank(table, 1)
    expect_integer(index)
    return TensorType((*index.shape, *table.shape[1:]), table.dtype)


def check_index(index: np.ndarray, rows: int) -> None:
    wrong = index[(index < 0) | (index >= rows)]
    if wrong.size:
        raise ValueError(f"index {wrong[0]} given, 0 to {rows - 1} expected")


def gather_reference(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    check_index(index, len(table))
    return table[index]


def gather_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, None]:
    table, index = node.inputs
    return b.add("scatter_add", index, dy, size=table.type.shape[0]), None


gather = register_op(
    Op(
        "gather", "the rows of a table that an index names", "embedding", ("table", "index"), gather_infer,
        gather_reference, vjp=gather_vjp, kernel="gather", internal=True, flops=lambda table, index: 0,
        samples=(
            Sample(((7, 5), (4,)), {}, ((-2, 2), 7)), Sample(((9, 17), (2, 3)), {}, ((-2, 2), 9)),
            Sample(((5,), (33,)), {}, ((-2, 2), 5)), Sample(((5, 2, 3), (4, 1)), {}, ((-2, 2), 5)),
        ),
        errors=(
            ErrorSample(((7, 5), (4,)), {}, "int32 input"),
            ErrorSample(((), (4,)), {}, "at least 1 axes", ("float32", "int32")),
        ),
        onnx=onnx_embedding.GATHER,
    )
)  # fmt: skip


def scatter_add_infer(index: TensorType, update: TensorType, size: Dim) -> TensorType:
    expect_integer(index)
    if update.shape[: index.rank] != index.shape:
        shapes = f"{format_shape(update.shape)} given for {format_shape(index.shape)}"
        raise ValueError(f"one update for each index expected, {shapes}")
    return TensorType((size, *update.shape[index.rank :]), update.dtype)


def scatter_add_reference(index: np.ndarray, update: np.ndarray, size: int) -> np.ndarray:
    check_index(index, size)
    table = np.zeros((size, *update.shape[index.ndim :]), update.dtype)
    np.add.at(table, index, update)
    return table


scatter_add = register_op(
    Op(
        "scatter_add", "zeros, with each update added to the row that its index names", "embedding",
        ("index", "update"), scatter_add_infer, scatter_add_reference,
        {"size": Attribute("any", "number of rows")},
        vjp=BACKWARD, kernel="scatter_add", internal=True, flops=lambda index, update, size: update.size,
        samples=(
            Sample(((4,), (4, 5)), {"size": 3}, (3, (-2, 2))),
            Sample(((2, 9), (2, 9, 17)), {"size": 7}, (7, (-2, 2))),
            Sample(((33,), (33,)), {"size": 5}, (5, (-2, 2))),
        ),
        errors=(ErrorSample(((4,), (3, 5)), {"size": 3}, "one update for each index", ("int32", "float32")),),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def embedding_infer(x: TensorType, vocabulary: int, units: int, **_: Any) -> TensorType:
    del vocabulary
    expect_integer(x)
    return TensorType((*x.shape, units), "float32")


def embedding_parameters(x: TensorType, vocabulary: int, units: int, **_: Any) -> tuple[Parameter, ...]:
    return (Parameter("weight", (vocabulary, units), "normal"),)


embedding = register_op(
    Op(
        "embedding", "for each integer a learned vector", "embedding", ("x",), embedding_infer,
        lambda x, weight, **_: gather_reference(weight, x),
        {
            "vocabulary": Attribute("int", "how many vectors there are; x is below it", minimum=1),
            "units": Attribute("int", "size of each vector", minimum=1),
        },
        parameters=embedding_parameters, expand=lambda b, x, weight, **_: b.add("gather", weight, x),
        flops=lambda x, **_: 0,
        samples=(Sample(((4,),), {"vocabulary": 7, "units": 5}, (7,)),
        Sample(((2, 9),), {"vocabulary": 3, "units": 17}, (3,))),
        errors=(
            ErrorSample(((4,),), {"vocabulary": 7, "units": 5}, "int32 input"),
            ErrorSample(((4,),), {"vocabulary": 0, "units": 5}, "'vocabulary'", ("int32",)),
        ),
        onnx=onnx_embedding.EMBEDDING,
    )
)  # fmt: skip
