"""Weighted sums of several tensors: what meets at a node of a wiring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Parameter, Sample, register_op
from nngraph.ir.types import Dim, TensorType, multiply
from nngraph.ops.channel_sums import PIECES
from nngraph.ops.onnx import mixing as onnx_mixing
from nngraph.ops.records import BACKWARD, TRAINING_ONLY, expect_float
from nngraph.ops.source import uniform


def alike(tensors: Sequence[TensorType]) -> TensorType:
    """The type that all of them have; ValueError where two differ."""
    for position, tensor in enumerate(tensors):
        expect_float(tensor)
        if tensor != tensors[0]:
            raise ValueError(
                f"inputs of one shape expected, {tensors[0]} (the first) and {tensor} (number {position + 1}) given; "
                "bring them to one shape before"
            )
    return tensors[0]


def mix_infer(weights: TensorType, *tensors: TensorType) -> TensorType:
    result = alike(tensors)
    if weights != TensorType((len(tensors),), result.dtype):
        raise ValueError(f"weights {result.dtype}[{len(tensors)}], one for each input, expected, {weights} given")
    return result


def mix_reference(weights: np.ndarray, *tensors: np.ndarray) -> np.ndarray:
    return np.asarray(sum(w * x for w, x in zip(weights, tensors, strict=True)))


def mix_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, ...]:
    """dx_i = s_i dy, ds_i = ⟨dy, x_i⟩."""
    weights, *tensors = node.inputs
    slopes = b.add("inner_products", dy, *tensors)
    return (slopes, *(b.add("scaled_sum", weights, dy, places=(i,)) for i in range(len(tensors))))


def mix_flops(weights: TensorType, *tensors: TensorType) -> Dim:
    return multiply(tensors[0].size, 2 * len(tensors))


MIXED = tuple(
    Sample(((k,), *(shape,) * k)) for k, shape in ((1, (3, 5)), (2, (2, 5, 17)), (5, (33,)), (3, (1, 2, 3, 7)))
)
mix = register_op(
    Op(
        "mix", "Σ s_i x_i, for a vector s of as many weights as there are tensors", "mixing", ("s", "x..."),
        mix_infer, mix_reference, vjp=mix_vjp, kernel="mix", internal=True, flops=mix_flops, samples=MIXED,
        errors=(
            ErrorSample(((2,), (3, 5), (3, 4)), {}, "inputs of one shape"),
            ErrorSample(((3,), (3, 5), (3, 5)), {}, "one for each input"),
            ErrorSample(((1,), (3, 5)), {}, "float input", ("int32", "int32")),
        ),
        onnx=onnx_mixing.MIX,
    )
)  # fmt: skip


def scaled_infer(*pairs: TensorType, places: tuple[int, ...]) -> TensorType:
    if len(pairs) != 2 * len(places):
        raise ValueError(f"weights and a tensor for each of {len(places)} places expected, {len(pairs)} values given")
    result = alike(pairs[1::2])
    for weights, place in zip(pairs[::2], places, strict=True):
        size = weights.shape[0] if weights.rank == 1 else 0
        if weights.dtype != result.dtype or not isinstance(size, int) or not 0 <= place < size:
            raise ValueError(f"{result.dtype} weights with a place {place} expected, {weights} given")
    return result


def scaled_reference(*pairs: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    return np.asarray(sum(s[place] * x for s, x, place in zip(pairs[::2], pairs[1::2], places, strict=True)))


def scaled_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, ...]:
    found: list[Value] = []
    for j, place in enumerate(node.attributes["places"]):
        weights, x = node.inputs[2 * j : 2 * j + 2]
        slope = b.add("inner_products", dy, x)
        found.append(b.add("place", slope, starts=(place,), shape=weights.type.shape, steps=(1,)))
        found.append(b.add("scaled_sum", weights, dy, places=(place,)))
    return tuple(found)


scaled_sum = register_op(
    Op(
        "scaled_sum", "Σ s_j[place_j] x_j, over pairs of weights and a tensor", "mixing", ("pairs...",),
        scaled_infer, scaled_reference,
        {"places": Attribute("integers", "for each pair which of the weights counts")},
        vjp=scaled_vjp, kernel="mix", internal=True,
        flops=lambda *pairs, places: multiply(pairs[1].size, 2 * len(places)),
        samples=(
            Sample(((3,), (2, 5)), {"places": (2,)}),
            Sample(((1,), (3, 17), (4,), (3, 17), (4,), (3, 17)), {"places": (0, 3, 1)}),
        ),
        errors=(
            ErrorSample(((3,), (2, 5)), {"places": (3,)}, "a place 3"),
            ErrorSample(((3,), (2, 5), (3,)), {"places": (0,)}, "3 values given"),
            ErrorSample(((3,), (2, 5), (3,), (2, 6)), {"places": (0, 1)}, "inputs of one shape"),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def products_infer(dy: TensorType, *tensors: TensorType) -> TensorType:
    return TensorType((len(tensors),), alike((dy, *tensors)).dtype)


def products_reference(dy: np.ndarray, *tensors: np.ndarray) -> np.ndarray:
    return np.array([np.sum(dy * x) for x in tensors])


def products_vjp(b: Builder, node: Node, dp: Value) -> tuple[Value, ...]:
    dy, *tensors = node.inputs
    return (b.add("mix", dp, *tensors), *(b.add("scaled_sum", dp, dy, places=(i,)) for i in range(len(tensors))))


def products_decompose(b: Builder, node: Node) -> tuple[Value]:
    return (b.add("sum", b.add("inner_product_pieces", *node.inputs), axis=0),)


ALIKE = tuple(Sample((shape,) * (k + 1)) for k, shape in ((1, (3, 5)), (2, (2, 5, 17)), (5, (33,))))
ALIKE_ERRORS = (
    ErrorSample(((3, 5), (3, 4)), {}, "inputs of one shape"),
    ErrorSample(((3,), (3,)), {}, "float input", ("int32", "int32")),
)
inner_products = register_op(
    Op(
        "inner_products", "for each x the sum over all elements of dy x", "mixing", ("dy", "x..."),
        products_infer, products_reference, vjp=products_vjp, decompose=products_decompose, internal=True,
        flops=lambda dy, *tensors: multiply(dy.size, 2 * len(tensors)), samples=ALIKE, errors=ALIKE_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def pieces_infer(dy: TensorType, *tensors: TensorType) -> TensorType:
    return TensorType((PIECES, len(tensors)), alike((dy, *tensors)).dtype)


def pieces_reference(dy: np.ndarray, *tensors: np.ndarray) -> np.ndarray:
    products = [(dy * x).reshape(-1) for x in tensors]
    bounds = [dy.size * p // PIECES for p in range(PIECES + 1)]
    return np.array([[x[start:stop].sum() for x in products] for start, stop in pairwise(bounds)])


inner_product_pieces = register_op(
    Op(
        "inner_product_pieces", "the sums of dy x over 32 parts of the elements, for each x", "mixing",
        ("dy", "x..."), pieces_infer, pieces_reference, vjp=BACKWARD, kernel="inner_products", internal=True,
        flops=lambda dy, *tensors: multiply(dy.size, 2 * len(tensors)), samples=ALIKE, errors=ALIKE_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


EDGE_DROPOUT = Attribute(
    "float", "probability with which a step of training leaves out one of several inputs", 0.0, minimum=0.0, maximum=1.0
)


def sum_infer(*tensors: TensorType, edge_dropout: float = 0.0) -> TensorType:
    del edge_dropout
    return alike(tensors)


def sum_parameters(*tensors: TensorType, edge_dropout: float = 0.0) -> tuple[Parameter, ...]:
    del edge_dropout
    return (Parameter("weight", (len(tensors),), "zeros"),)


def sum_expand(b: Builder, *values: Value, edge_dropout: float = 0.0) -> Value:
    *tensors, weight = values
    share = b.add("sigmoid", weight)
    if b.training and edge_dropout and len(tensors) > 1:
        share = b.add("where", dropped(b, len(tensors), edge_dropout), 0.0, share)
    return b.add("mix", share, *tensors)


def dropped(b: Builder, count: int, rate: float) -> Value:
    """For each of `count` edges whether this step leaves it out: one of them with probability `rate`, or none.

    A number drawn evenly from [0, count / rate) names the edge if it is below `count`.
    """
    drawn = b.add("multiply", uniform(b, (1,)), count / rate)
    edge = b.add("constant", value=np.arange(count), dtype="float32")
    return b.add("equal", b.add("floor", drawn), edge)


def sum_reference(*arrays: np.ndarray, edge_dropout: float = 0.0) -> np.ndarray:
    del edge_dropout  # this is what it gives in inference
    *tensors, weight = arrays
    return mix_reference(1 / (1 + np.exp(-weight)), *tensors)


def sum_flops(*tensors: TensorType, edge_dropout: float = 0.0) -> Dim:
    del edge_dropout
    return multiply(tensors[0].size, 2 * len(tensors))


weighted_sum = register_op(
    Op(
        "weighted_sum", "the sum of the inputs, each times the sigmoid of a learned number of its own", "mixing",
        ("x...",), sum_infer, sum_reference, {"edge_dropout": EDGE_DROPOUT}, parameters=sum_parameters,
        expand=sum_expand, flops=sum_flops,
        samples=(Sample(((3, 5),)), Sample(((2, 3, 7),) * 3, {"edge_dropout": 0.1})),
        errors=(
            *ALIKE_ERRORS, ErrorSample(((3, 5),) * 2, {"edge_dropout": 1.5}, "between 0 and 1"),
            ErrorSample(((3, 5), (3, 5)), {}, "inputs of one shape", ("float32", "float64")),
        ),
        onnx=onnx_mixing.WEIGHTED_SUM,
    )
)  # fmt: skip


def average_infer(*tensors: TensorType) -> TensorType:
    return alike(tensors)


def average_expand(b: Builder, *tensors: Value) -> Value:
    """Of one input too, so that stages of one last node and of several have the same kernels."""
    shares = np.full(len(tensors), 1 / len(tensors))
    return b.add("mix", b.add("constant", value=shares, dtype=tensors[0].type.dtype), *tensors)


average = register_op(
    Op(
        "average", "the mean of the inputs, element by element", "mixing", ("x...",), average_infer,
        lambda *tensors: np.mean(tensors, axis=0), expand=average_expand,
        flops=lambda *tensors: multiply(tensors[0].size, len(tensors)),
        samples=(Sample(((3, 5),)), Sample(((2, 3, 7),) * 3)), errors=ALIKE_ERRORS,
        onnx=onnx_mixing.AVERAGE,
    )
)  # fmt: skip
