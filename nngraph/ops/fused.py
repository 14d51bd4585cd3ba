"""The op that the fuser makes: a small graph that one kernel computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.graph import Graph
from nngraph.ir.op import Absent, Attribute, Op, register_op
from nngraph.ir.types import TensorType
from nngraph.ops.records import AFTER_EXPORT


def infer(*types: TensorType, graph: Graph, **_: Any) -> tuple[TensorType, ...]:
    return tuple(value.type for _, value in graph.outputs)


def reference(*arrays: np.ndarray, **_: Any) -> Any:
    raise NotImplementedError("the interpreter runs the inner graph itself")


fused = register_op(
    Op(
        "fused", "several ops that one kernel computes", "fused", ("values...",), infer, reference,
        {
            "graph": Attribute("any", "the ops, as a graph of the node's inputs and results"),
            "kind": Attribute("string", "what anchors it", choices=("rows", "columns", "matmul", "convolution")),
            "inner": Attribute("int", "number of trailing axes that one row (or column chunk) covers"),
        },
        vjp=Absent("made after differentiation"), kernel="fused", internal=True,
        errors=Absent("made by the compiler only"),
        onnx=AFTER_EXPORT,
    )
)  # fmt: skip
