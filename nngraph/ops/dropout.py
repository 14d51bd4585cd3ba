"""Dropout (Srivastava et al. 2014): units left out at random in training."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import TensorType
from nngraph.ops.onnx import normalization as onnx_normalization
from nngraph.ops.records import expect_float
from nngraph.ops.source import uniform


def infer(x: TensorType, rate: float, mode: str = "inverted") -> TensorType:
    del rate, mode
    expect_float(x)
    return x


def expand(b: Builder, x: Value, rate: float, mode: str = "inverted") -> Value:
    """Vanilla scales by the keep probability in inference, inverted by one over it in training."""
    keep = 1.0 - rate
    if not b.training:
        return b.add("multiply", x, keep) if mode == "vanilla" and rate else x
    if not rate:
        return x
    kept = b.add("greater_equal", uniform(b, x.type.shape), rate)
    scaled = x if mode == "vanilla" or not keep else b.add("multiply", x, 1.0 / keep)
    return b.add("where", kept, scaled, 0.0)


def reference(x: np.ndarray, rate: float, mode: str = "inverted") -> np.ndarray:
    """In inference; in training the interpreter runs the expansion."""
    return x * (1 - rate) if mode == "vanilla" else x


dropout = register_op(
    Op(
        "dropout", "x with a share of its elements set to 0 in training", "dropout", ("x",), infer, reference,
        {
            "rate": Attribute("float", "the probability that an element is dropped", minimum=0.0,
            maximum=1.0),
            "mode": Attribute(
                "string", "inverted (kept elements are scaled in training) or vanilla (all are in inference)",
                "inverted", choices=("inverted", "vanilla"),
            ),
        },
        expand=expand, flops=lambda x, **_: x.size,
        samples=(Sample(((3, 17),), {"rate": 0.5}), Sample(((3, 17),), {"rate": 0.2, "mode": "vanilla"})),
        errors=(
            ErrorSample(((3, 5),), {"rate": 1.5}, "between 0 and 1"),
            ErrorSample(((3, 5),), {"rate": 0.5, "mode": "inverse"}, "'inverted', 'vanilla'"),
            ErrorSample(((3, 5),), {"rate": 0.5}, "float input", ("int32",)),
            ErrorSample(((3, 5),), {}, "'rate' missing"),
        ),
        onnx=onnx_normalization.DROPOUT,
    )
)  # fmt: skip
