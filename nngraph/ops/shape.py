"""Other shapes of the same elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, Op, Sample, register_op
from nngraph.ir.types import Shape, TensorType, format_shape, size_of


def view_infer(x: TensorType, shape: Shape) -> TensorType:
    if size_of(shape) != x.size:
        raise ValueError(f"a shape of {x.size} elements expected, {format_shape(shape)} with {size_of(shape)} given")
    return TensorType(shape, x.dtype)


view = register_op(
    Op(
        "view", "the same elements in row-major order under another shape, the batch included", "shape", ("x",),
        view_infer, lambda x, shape: np.reshape(x, shape),
        {"shape": Attribute("any", "the whole shape")},
        vjp=lambda b, node, dy: (b.add("view", dy, shape=node.inputs[0].type.shape),),
        view=True, internal=True, flops=lambda x, shape: 0, samples=(Sample(((3, 4),), {"shape": (2, 6)}),),
    )
)  # fmt: skip
