"""Elementwise ops of which updates are made: few nodes a parameter, each of them one expression.

A network has as many updates as parameters, so what they are made of decides how long it takes to compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.op import Absent, Sample
from nngraph.ops.records import TRAINING_ONLY, elementwise

NOT_DIFFERENTIATED = Absent("made after differentiation only")


def samples(operands: int, scalars: int, *domain: Any) -> tuple[Sample, ...]:
    """Tensors of one shape followed by scalars."""
    return tuple(Sample((shape,) * operands + ((),) * scalars, {}, domain) for shape in ((3, 5), (17,), (2, 3, 33)))


multiply_add = elementwise(
    "multiply_add", "a · b + c", "update",
    lambda a, b, c: e.apply("fma", a, b, c), lambda a, b, c: a * b + c,
    operands=("a", "b", "c"), vjp=NOT_DIFFERENTIATED, internal=True,
    samples=(*samples(3, 0), Sample(((3, 5), (), (3, 5)))),
    onnx=TRAINING_ONLY,
)  # fmt: skip
interpolate = elementwise(
    "interpolate", "a + weight (b − a)", "update",
    lambda a, b, weight: e.apply("fma", weight, b - a, a), lambda a, b, weight: a + weight * (b - a),
    operands=("a", "b", "weight"), vjp=NOT_DIFFERENTIATED, internal=True, samples=samples(2, 1),
    onnx=TRAINING_ONLY,
)  # fmt: skip
normalized_step = elementwise(
    "normalized_step", "x − rate · direction / (√square + epsilon)", "update",
    lambda x, direction, square, rate, epsilon: x - rate * direction / (e.sqrt(square) + epsilon),
    lambda x, direction, square, rate, epsilon: x - rate * direction / (np.sqrt(square) + epsilon),
    operands=("x", "direction", "square", "rate", "epsilon"), vjp=NOT_DIFFERENTIATED, internal=True,
    samples=samples(3, 2, (-2, 2), (-2, 2), (0.1, 3), (0.01, 1), (0.01, 0.1)),
    onnx=TRAINING_ONLY,
)  # fmt: skip
