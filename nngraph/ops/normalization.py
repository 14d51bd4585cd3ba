"""Softmax and normalizations over an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import TensorType
from nngraph.ops.records import normalize_axis

AXIS = {"axis": Attribute("axis", "the axis, counted from the end if negative", -1)}
SAMPLES = (
    Sample(((3, 5),), {"axis": -1}), Sample(((4, 70),), {"axis": -1}), Sample(((2, 5, 3),), {"axis": 1}),
)  # fmt: skip
ERRORS = (ErrorSample(((3, 5),), {"axis": 2}, "axis 2"),)


def infer(x: TensorType, axis: int = -1) -> TensorType:
    normalize_axis(axis, x.rank)
    return x


def shifted(b: Builder, node: Node) -> tuple[Value, int]:
    """x minus its largest along the axis, which keeps exp in range and changes nothing else."""
    (x,), axis = node.inputs, node.attributes["axis"]
    return b.add("subtract", x, b.add("max", x, axis=axis, keepdims=True)), axis


def softmax_decompose(b: Builder, node: Node) -> tuple[Value]:
    z, axis = shifted(b, node)
    y = b.add("exp", z)
    return (b.add("divide", y, b.add("sum", y, axis=axis, keepdims=True)),)


def softmax_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """dx = y (dy − Σ y dy)."""
    y, axis = node.result, node.attributes["axis"]
    total = b.add("sum", b.add("multiply", y, dy), axis=axis, keepdims=True)
    return (b.add("multiply", y, b.add("subtract", dy, total)),)


def log_softmax_decompose(b: Builder, node: Node) -> tuple[Value]:
    z, axis = shifted(b, node)
    return (b.add("subtract", z, b.add("log", b.add("sum", b.add("exp", z), axis=axis, keepdims=True))),)


def log_softmax_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    """dx = dy − softmax(x) Σ dy."""
    axis = node.attributes["axis"]
    total = b.add("sum", dy, axis=axis, keepdims=True)
    return (b.add("subtract", dy, b.add("multiply", b.add("exp", node.result), total)),)


def softmax_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def log_softmax_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


softmax = register_op(
    Op(
        "softmax", "exp(x) / Σ exp(x) along an axis", "normalization", ("x",), infer, softmax_reference, AXIS,
        vjp=softmax_vjp, decompose=softmax_decompose, flops=lambda x, axis=-1: x.size, samples=SAMPLES, errors=ERRORS,
    )
)  # fmt: skip
log_softmax = register_op(
    Op(
        "log_softmax", "x − log Σ exp(x) along an axis", "normalization", ("x",), infer, log_softmax_reference,
        AXIS, vjp=log_softmax_vjp, decompose=log_softmax_decompose, flops=lambda x, axis=-1: x.size,
        samples=SAMPLES, errors=ERRORS,
    )
)  # fmt: skip
