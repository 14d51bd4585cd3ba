"""Losses: one number an example, which `differentiate` averages (or sums) over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, Op, Sample, register_op
from nngraph.ir.types import TensorType
from nngraph.ops.normalization import log_softmax_reference


def per_example(scores: TensorType, target: TensorType, **_: Any) -> TensorType:
    return TensorType((*scores.shape[:-1], 1), scores.dtype)


def cross_entropy_expand(
    b: Builder, scores: Value, target: Value, targets: str = "labels", label_smoothing: float = 0.0
) -> Value:
    """−Σ q log softmax(scores), q the target's distribution smoothed towards the uniform one (Szegedy 2016)."""
    classes = scores.type.shape[-1]
    q = b.add("one_hot_last", target, classes=classes) if targets == "labels" else target
    if label_smoothing:
        q = b.add("add", b.add("multiply", q, 1 - label_smoothing), label_smoothing / classes)
    likelihood = b.add("multiply", q, b.add("log_softmax", scores))
    return b.add("negate", b.add("sum", likelihood, axis=-1, keepdims=True))


def cross_entropy_reference(
    scores: np.ndarray, target: np.ndarray, targets: str = "labels", label_smoothing: float = 0.0
) -> np.ndarray:
    classes = scores.shape[-1]
    q = np.eye(classes, dtype=scores.dtype)[target[..., 0]] if targets == "labels" else target
    q = q * (1 - label_smoothing) + label_smoothing / classes
    return -(q * log_softmax_reference(scores)).sum(axis=-1, keepdims=True)


cross_entropy = register_op(
    Op(
        "cross_entropy", "−log softmax(scores) at the right class", "loss", ("scores", "target"),
        per_example, cross_entropy_reference,
        {
            "targets": Attribute("string", "what the target holds", "labels", choices=("labels", "one_hot")),
            "label_smoothing": Attribute("float", "share given evenly to all classes", 0.0, minimum=0.0, maximum=1.0),
        },
        expand=cross_entropy_expand, flops=lambda scores, target, **_: scores.size,
        samples=(
            Sample(((4, 5), (4, 1)), {}, ((-2, 2), 5)),
            Sample(((4, 5), (4, 1)), {"label_smoothing": 0.1}, ((-2, 2), 5)),
            Sample(((4, 5), (4, 5)), {"targets": "one_hot"}, ((-2, 2), (0, 1))),
        ),
    )
)  # fmt: skip
