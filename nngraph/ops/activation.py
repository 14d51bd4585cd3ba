"""Activation functions."""

from __future__ import annotations

import numpy as np

from nngraph.ir import expr as e
from nngraph.ops.elementwise import UNARY, distinct
from nngraph.ops.records import elementwise, elementwise_vjp

relu = elementwise(
    "relu", "max(0, x)", "activation",
    lambda x: e.select(x > 0.0, x, 0.0), lambda x: np.where(x > 0, x, 0),
    samples=distinct(*UNARY),
    vjp=elementwise_vjp(lambda b, node, dy: (b.add("where", b.add("greater", node.result, 0.0), dy, 0.0),)),
)  # fmt: skip
