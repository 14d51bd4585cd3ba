"""Which of the cases that come with onnx nngraph runs, and why it does not run the others."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto
from onnx.backend.test.loader import load_model_tests

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.export.onnx.nodes import readings
from nngraph.export.onnx.protocol import DTYPES

KINDS = ("node", "pytorch-converted", "pytorch-operator")
# What the issue of ONNX asks for: all cases of these, the four dropouts apart that draw NumPy's own masks.
NAMED = (
    "Gemm", "MatMul", "Conv", "BatchNormalization", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
    "Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Gelu", "Softmax", "LogSoftmax",
    "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", "Dropout", "Add", "Sub", "Mul", "Div", "Concat", "Flatten",
    "Reshape", "Transpose", "Identity",
)  # fmt: skip
EXCLUDED = {
    r"test_training_dropout_(default|default_mask|mask)$|test_training_dropout$":
        "expects the very numbers that NumPy's generator draws",
    r"test_Conv3d": "a convolution of three axes, which nngraph does not have",
    r"test_convtranspose_(1d|3d|output_shape|kernel_shape|autopad_same)$":
        "a transposed convolution is read for images of two axes whose padding is given",
    r"select_last_index": "nngraph's argmax is the first of several, not the last",
    r"test_gather_(1|2d_indices)$": "rows are gathered along the first axis",
    r"test_gather_negative_indices$": "nngraph's indices count from the front; a negative one ends the run",
    r"test_div_int32_trunc$": "nngraph's division is of floats",
    r"test_pow_types_": "nngraph's power is of floats",
    r"test_reduce_(max|min)(_bool_inputs|_empty_set)": "an extreme of truths, or of nothing",
    r"test_reduce_(sum|l1|l2|sum_square|log_sum)_empty_": "a sum of nothing: nngraph's axes have one element at least",
    r"test_reduce_log_sum": "came with opset 28 in a form that is not read yet",
    r"test_resize_(?!upsample_scales_nearest$)": "images grow by whole factors, each pixel repeated",
    r"test_slice_start_out_of_bounds$|test_split_zero_size": "an axis of no elements, which nngraph does not have",
}  # fmt: skip


@cache
def all_cases() -> dict[str, Any]:
    """By name, of all kinds that are looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, while onnx computes what its cases expect
        return {case.name: case for kind in KINDS for case in load_model_tests(kind=kind)}


@cache
def graph_of(name: str) -> Any:
    case = all_cases()[name]
    model = case.model if case.model is not None else onnx.load(Path(case.model_dir) / "model.onnx")
    return model.graph


def reason(name: str) -> str:
    """Why a case is not run; "" for one that is."""
    graph = graph_of(name)
    if all_cases()[name].kind == "node" and len(graph.node) != 1:
        return "several operators, each of which is tested by itself"
    if any(node.domain not in ("", "ai.onnx") for node in graph.node):
        return "an operator that is not one of ONNX's own"
    unknown = sorted({node.op_type for node in graph.node} - readings().keys() - {"Constant"})
    if unknown:
        return f"nngraph has nothing for {', '.join(unknown)}"
    if (wrong := wrong_type(graph)) is not None:
        return f"is of {wrong}, which nngraph does not have"
    return next((why for pattern, why in EXCLUDED.items() if re.search(pattern, name)), "")


def wrong_type(graph: Any) -> str | None:
    """A type of an input or output that nngraph does not have."""
    for info in (*graph.input, *graph.output):
        if not info.type.HasField("tensor_type"):
            return str(info.type.WhichOneof("value"))
        if info.type.tensor_type.elem_type not in DTYPES:
            return TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower()
    return None


def selected() -> list[str]:
    return [name for name in all_cases() if not reason(name)]


def counts() -> dict[str, Counter[str]]:
    """For each kind how many cases are run and excluded."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for name, case in all_cases().items():
        found[case.kind]["excluded" if reason(name) else "executed"] += 1
    return found
