"""Small ONNX models, made node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

FLOAT = onnx.TensorProto.FLOAT


def info(name: str, shape: list[Any] | None, dtype: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], opset: int = 17, **arrays: np.ndarray) -> Any:
    """A model whose initializers are `arrays`."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "made", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(made: Any, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def perceptron(**arrays: np.ndarray) -> Any:
    """x W + b."""
    given = {"w": np.ones((3, 2), np.float32), "b": np.zeros(2, np.float32), **arrays}
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="layer")
    return model([node], [info("x", ["n", 3])], [info("y", ["n", 2])], **given)
