"""Operators of ONNX that are formulas of ours."""

from __future__ import annotations

import math
from typing import Any

from nngraph.ir.exchange import OnnxNode, Reader
from nngraph.ops.onnx.direct import expect

# Klambauer et al. 2017, "Self-normalizing neural networks", in the digits that ONNX has.
SELU_ALPHA, SELU_GAMMA = 1.6732632423543772, 1.0507009873554805


def read_selu(r: Reader, n: OnnxNode) -> None:
    """γ elu(x)."""
    x, axes = r.axes(n.inputs[0])
    y = r.help("elu", x, alpha=n.attributes.get("alpha", SELU_ALPHA))
    r.give(n.outputs[0], r.make("multiply", y, n.attributes.get("gamma", SELU_GAMMA)), axes)


def read_hard_sigmoid(r: Reader, n: OnnxNode) -> None:
    x, axes = r.axes(n.inputs[0])
    y = hard_sigmoid(r, x, n.attributes.get("alpha", 0.2), n.attributes.get("beta", 0.5))
    r.give(n.outputs[0], y, axes)


def hard_sigmoid(r: Reader, x: Any, alpha: float, beta: float) -> Any:
    """α x + β, between 0 and 1."""
    return r.make("clip", r.help("add", r.help("multiply", x, alpha), beta), low=0.0, high=1.0)


def read_hard_swish(r: Reader, n: OnnxNode) -> None:
    """x times a hard sigmoid of slope 1/6."""
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("multiply", x, hard_sigmoid(r, x, 1 / 6, 0.5)), axes)


def read_softsign(r: Reader, n: OnnxNode) -> None:
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("divide", x, r.help("add", r.help("abs", x), 1.0)), axes)


def read_sin(r: Reader, n: OnnxNode) -> None:
    """Graphs declare the cosine alone."""
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("cos", r.help("subtract", x, math.pi / 2)), axes)


def read_sum(r: Reader, n: OnnxNode) -> None:
    values, axes = r.common(n.inputs)
    total = values[0] if len(values) > 1 else r.make("identity", values[0])
    for value in values[1:]:
        total = r.make("add", total, value)
    r.give(n.outputs[0], total, axes)


def read_reciprocal(r: Reader, n: OnnxNode) -> None:
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("divide", 1.0, x), axes)


def read_prelu(r: Reader, n: OnnxNode) -> None:
    """Below zero a slope times x; before opset 7 a vector of slopes was one for each channel."""
    tensor, slope = n.inputs
    rank, array = len(r.shape(tensor)), r.array(slope)
    if n.version < 7 and len(r.shape(slope)) == 1 and r.shape(slope) != (1,):
        expect(array is not None or r.static, "slopes as a constant expected")
        name = f"{slope}/aligned"
        spread = (*r.shape(slope), *(1,) * (rank - 2))
        if array is not None:
            r.give_array(name, array.reshape([int(str(dim)) for dim in spread]))
        else:
            r.give(name, r.reshape(r.plain(slope), spread))
        slope = name
    (x, factor), axes = r.common([tensor, slope])
    below = r.help("multiply", r.help("minimum", x, 0.0), factor)
    r.give(n.outputs[0], r.make("add", r.help("relu", x), below), axes)
