"""Where values come from: constants, positions, and the random numbers of a step."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Absent, Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Dim, Shape, TensorType, size_of
from nngraph.ops.elementwise import NO_GRADIENT
from nngraph.ops.onnx import loss as onnx_loss
from nngraph.ops.onnx.direct import FORMULA
from nngraph.ops.records import TRAINING_ONLY, elementwise, expect_integer

DTYPE = Attribute(
    "string", "element type of the result", "float", choices=("float", "float32", "float64", "int32", "bool")
)


def constant_infer(value: Any, dtype: str = "float32") -> TensorType:
    if dtype == "int32" and not np.array_equal(value, np.asarray(value).astype(np.int32)):
        raise ValueError(f"integers of 32 bits expected, {value} given")
    return TensorType(np.shape(value), dtype)


constant = register_op(
    Op(
        "constant", "a number or an array of them, the same for every example", "source", (), constant_infer,
        lambda value, dtype="float32": np.asarray(value, dtype),
        {"value": Attribute("array", "the number, or nested lists of them"), "dtype": DTYPE},
        vjp=Absent("it has no inputs"), kernel="constant", flops=lambda value, dtype="float32": 0,
        samples=(
            Sample((), {"value": 2.5, "dtype": "float64"}),
            Sample((), {"value": [[1, 2], [3, 4]], "dtype": "int32"}),
        ),
        errors=(
            ErrorSample((), {"value": float("nan")}, "finite"),
            ErrorSample((), {"value": "one"}, "a finite number"),
            ErrorSample((), {"value": 0.5, "dtype": "int32"}, "integers"),
        ),
        onnx=Absent("an initializer of the graph that is written"),
    )
)  # fmt: skip

CLASSES = {"classes": Attribute("int", "how many classes there are", minimum=1), "dtype": DTYPE}


def one_hot_last_infer(labels: TensorType, classes: int, dtype: str = "float32") -> TensorType:
    expect_integer(labels)
    if not labels.rank or labels.shape[-1] != 1:
        raise ValueError(f"labels with a last axis of size 1 expected, {labels} given")
    return TensorType((*labels.shape[:-1], classes), dtype)


one_hot_last = elementwise(
    "one_hot_last", "1 where the position along the last axis is the label, else 0", "source",
    lambda labels, classes, dtype="float32": e.cast(e.equal(e.index(-1), labels), dtype),
    lambda labels, classes, dtype="float32": (labels == np.arange(classes)).astype(dtype),
    operands=("labels",), attributes=CLASSES, accepts="any", infer=one_hot_last_infer, internal=True,
    vjp=NO_GRADIENT,
    samples=(
        Sample(((4, 1),), {"classes": 5, "dtype": "float64"}, (5,)),
        Sample(((2, 3, 1),), {"classes": 17, "dtype": "float32"}, (17,)),
    ),
    errors=(
        ErrorSample(((4, 5),), {"classes": 5}, "last axis of size 1", ("int32",)),
        ErrorSample(((4, 1),), {"classes": 5}, "int32 input"),
    ),
    onnx=FORMULA,
)  # fmt: skip


def one_hot_infer(labels: TensorType, classes: int, dtype: str = "float32") -> TensorType:
    expect_integer(labels)
    return TensorType((*labels.shape, classes), dtype)


def one_hot_expand(b: Builder, labels: Value, classes: int, dtype: str = "float") -> Value:
    column = b.add("view", labels, shape=(*labels.type.shape, 1))
    return b.add("one_hot_last", column, classes=classes, dtype=dtype)


def one_hot_reference(labels: np.ndarray, classes: int, dtype: str = "float32") -> np.ndarray:
    return np.eye(classes, dtype=dtype)[labels]


one_hot = register_op(
    Op(
        "one_hot", "a new last axis with a 1 at the label and 0 elsewhere", "source", ("labels",),
        one_hot_infer,
        one_hot_reference, CLASSES, expand=one_hot_expand, flops=lambda labels, **_: 0,
        samples=(
            Sample(((4,),), {"classes": 5, "dtype": "float32"}, (5,)),
            Sample(((2, 3),), {"classes": 17, "dtype": "float64"}, (17,)),
        ),
        errors=(
            ErrorSample(((4,),), {"classes": 5}, "int32 input"),
            ErrorSample(((4,),), {"classes": 0}, "at least 1", ("int32",)),
        ),
        onnx=onnx_loss.ONE_HOT,
    )
)  # fmt: skip


def random_uniform_infer(step: TensorType, shape: Shape, key: tuple[int, int]) -> TensorType:
    del key
    expect_integer(step)
    if step.rank:
        raise ValueError(f"the number of the step, a scalar, expected, {step} given")
    return TensorType(shape, "float32")


def random_uniform_reference(step: np.ndarray, shape: tuple[int, ...], key: tuple[int, int]) -> np.ndarray:
    from nngraph_kernels.random_reference import uniform

    return uniform(np.arange(math.prod(shape)), int(step), *key).reshape(shape)


def random_uniform_flops(step: TensorType, shape: Shape, key: tuple[int, int]) -> Dim:
    return size_of(shape)


random_uniform = register_op(
    Op(
        "random_uniform", "numbers drawn evenly from [0, 1), by the key, the step and the place of each",
        "source",
        ("step",), random_uniform_infer, random_uniform_reference,
        {
            "shape": Attribute("any", "the whole shape"),
            "key": Attribute("any", "two words of 32 bits: the stream's own, and the model's seed"),
        },
        vjp=NO_GRADIENT, expr=lambda step, shape, key: e.Expr("uniform", (step,), tuple(key)), random=True,
        internal=True, flops=random_uniform_flops,
        samples=(
            Sample(((),), {"shape": (3, 17), "key": (7, 1)}, (1000,)),
            Sample(((),), {"shape": (5,), "key": (2**32 - 1, 0)}, (1000,)),
        ),
        errors=(
            ErrorSample(((),), {"shape": (3,), "key": (0, 0)}, "int32 input"),
            ErrorSample(((2,),), {"shape": (3,), "key": (0, 0)}, "a scalar", ("int32",)),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def uniform(b: Builder, shape: Shape) -> Value:
    """Random numbers of this node and step, the same in every program that holds the node."""
    stream = b.unique(f"{b.prefix}/random")
    return b.add("random_uniform", b.step(), shape=shape, key=(zlib.crc32(stream.encode()), b.seed & 0xFFFFFFFF))
