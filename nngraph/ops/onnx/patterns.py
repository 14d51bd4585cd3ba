"""What ONNX says with several nodes and we with one, and the other way round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Pattern, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ops.onnx import formulas
from nngraph.ops.onnx.direct import expect, recognized, same, write_expression

SIGMOID_SCALE = 1.702


def both(n: OnnxNode) -> tuple[tuple[str, ...], ...]:
    """The two inputs, and the other way round."""
    return (n.inputs, n.inputs[::-1]) if len(n.inputs) == 2 else ()


def number(p: Pattern, tensor: str) -> float | None:
    array = p.array(tensor)
    return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None


def near(p: Pattern, tensor: str, value: float) -> bool:
    found = number(p, tensor)
    return found is not None and math.isclose(found, value, rel_tol=1e-5)


def as_op(n: OnnxNode, op: str, *inputs: str, **attributes: Any) -> OnnxNode:
    return OnnxNode(n.name, f"nngraph:{op}", 0, inputs, n.outputs, attributes)


def read_recognized(r: Reader, n: OnnxNode) -> None:
    """A recognized elementwise op."""
    values, axes = r.common(n.inputs)
    r.give(n.outputs[0], r.make(r.op, *values, **n.attributes), axes)


def match_square(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """x · x."""
    left, right = n.inputs
    return as_op(n, "square", left) if left == right and p.array(left) is None else None


def match_power_square(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    return as_op(n, "square", n.inputs[0]) if number(p, n.inputs[1]) == 2.0 else None


def match_silu(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """x σ(x)."""
    for x, gate in both(n):
        sigmoid = p.producer(gate, "Sigmoid")
        if sigmoid is not None and sigmoid.inputs[0] == x:
            return as_op(n, "silu", x)
    return None


def match_gelu_sigmoid(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """x σ(1.702 x)."""
    for x, gate in both(n):
        sigmoid = p.producer(gate, "Sigmoid")
        scaled = None if sigmoid is None else p.producer(sigmoid.inputs[0], "Mul")
        for inner, factor in both(scaled) if scaled is not None else ():
            if inner == x and near(p, factor, SIGMOID_SCALE):
                return as_op(n, "gelu", x, form="sigmoid")
    return None


def match_any_gelu(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    return match_gelu_sigmoid(p, n) or match_gelu(p, n)


def factors(p: Pattern, n: OnnxNode) -> tuple[float, list[str]]:
    """A product as one number and the tensors in it, divisions by numbers included."""
    constant, stack = 1.0, list(n.inputs)
    tensors: list[str] = []
    while stack:
        tensor = stack.pop()
        value = number(p, tensor)
        inner = p.producer(tensor, "Mul", "Div") if value is None else None
        if value is not None:
            constant *= value
        elif inner is not None and inner.operator == "Mul":
            stack += inner.inputs
        elif inner is not None and (divisor := number(p, inner.inputs[1])):
            constant /= divisor
            stack.append(inner.inputs[0])
        else:
            tensors.append(tensor)
    return constant, tensors


def match_gelu(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """½ x (1 + erf(x / √2)), or the same with tanh(√(2/π) (x + 0.044715 x³)), whatever the order of its factors."""
    constant, tensors = factors(p, n)
    if len(tensors) != 2 or not math.isclose(constant, 0.5, rel_tol=1e-5):
        return None
    for x, gate in (tensors, tensors[::-1]):
        total = p.producer(gate, "Add")
        for one, inner in both(total) if total is not None else ():
            curve = p.producer(inner, "Erf", "Tanh") if number(p, one) == 1.0 else None
            if curve is not None and curve.operator == "Erf" and scaled_by(p, curve.inputs[0], x, math.sqrt(0.5)):
                return as_op(n, "gelu", x)
            if curve is not None and curve.operator == "Tanh" and cubic(p, curve.inputs[0], x):
                return as_op(n, "gelu", x, form="tanh")
    return None


def scaled_by(p: Pattern, tensor: str, x: str, factor: float) -> bool:
    """Whether `tensor` is x times a number."""
    node = p.producer(tensor, "Mul", "Div")
    if node is None:
        return False
    if node.operator == "Div":
        return node.inputs[0] == x and near(p, node.inputs[1], 1 / factor)
    constant, tensors = factors(p, node)
    return tensors == [x] and math.isclose(constant, factor, rel_tol=1e-5)


def cubic(p: Pattern, tensor: str, x: str) -> bool:
    """Whether `tensor` is √(2/π) (x + 0.044715 x³), as one of two ways to write it."""
    node = p.producer(tensor, "Mul")
    if node is None:
        return False
    constant, tensors = factors(p, node)
    root = math.sqrt(2 / math.pi)
    if math.isclose(constant, root, rel_tol=1e-5) and len(tensors) == 1:
        total = p.producer(tensors[0], "Add")
        return total is not None and any(a == x and is_cube(p, b, x, 0.044715) for a, b in both(total))
    rest = [t for t in tensors if t != x]
    total = p.producer(rest[0], "Add") if len(rest) == 1 and len(tensors) == 2 and constant == 1.0 else None
    return total is not None and any(
        near(p, a, root) and is_cube(p, b, x, root * 0.044715, 2) for a, b in both(total)
    )  # fmt: skip


def is_cube(p: Pattern, tensor: str, x: str, factor: float, power: int = 3) -> bool:
    """Whether `tensor` is a number times a power of x."""
    node = p.producer(tensor, "Mul", "Pow")
    if node is None or node.operator == "Pow":
        return False
    constant, tensors = factors(p, node)
    count = 0
    for each in tensors:
        inner = p.producer(each, "Pow") if each != x else None
        exponent = number(p, inner.inputs[1]) if inner is not None and inner.inputs[0] == x else None
        count += 1 if each == x else int(exponent or 99)
    return count == power and math.isclose(constant, factor, rel_tol=1e-5)


def write_gelu(w: Writer, node: Node) -> None:
    """An operator of its own since opset 20, but for the form with a sigmoid; before, its formula."""
    form = node.attributes["form"]
    if w.opset < 20 or form == "sigmoid":
        write_expression(w, node)
        return
    tensors, give = w.alike(node.inputs, node.result)
    give(w.add("Gelu", *tensors, approximate="tanh" if form == "tanh" else "none"))


def read_gelu(r: Reader, n: OnnxNode) -> None:
    form = {"form": "tanh"} if n.attributes.get("approximate", "none") == "tanh" else {}
    values, axes = r.common(n.inputs)
    r.give(n.outputs[0], r.make("gelu", *values, **form), axes)


def match_not_equal(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    inner = p.producer(n.inputs[0], "Equal")
    return None if inner is None else as_op(n, "not_equal", *inner.inputs)


def write_clip(w: Writer, node: Node) -> None:
    bounds = [node.attributes["low"], node.attributes["high"]]
    dtype = node.inputs[0].type.dtype
    names = ["" if bound is None else w.constant(np.array(bound, dtype)) for bound in bounds]
    tensors, give = w.alike(node.inputs, node.result)
    give(w.add("Clip", *tensors, *names))


def read_clip(r: Reader, n: OnnxNode) -> None:
    """Before opset 11 its bounds were attributes."""
    given: dict[str, float] = {}
    for name, key, position in (("low", "min", 1), ("high", "max", 2)):
        bound = n.attributes.get(key)
        if n.version >= 11 and n.input(position):
            bound = r.known(n.inputs[position], f"its {key}").reshape(-1)[0]
        if bound is not None and np.isfinite(bound) and abs(float(bound)) < 3.4e38:
            given[name] = float(bound)
    values, axes = r.common(n.inputs[:1])
    r.give(n.outputs[0], r.make("clip", *values, **given), axes)


DTYPES = {1: "float32", 11: "float64", 6: "int32", 7: "int32", 9: "bool"}  # of int64 as many as fit


def read_cast(r: Reader, n: OnnxNode) -> None:
    wanted = n.attributes["to"]
    expect(wanted in DTYPES, f"a cast to float, double, int32, int64 or bool expected, {wanted} given")
    x, axes = r.axes(n.inputs[0])
    dtype = DTYPES[wanted]
    same = r.type(x).dtype == dtype
    r.give(n.outputs[0], r.make("identity", x) if same else r.make("cast", x, dtype=dtype), axes)


def read_identity(r: Reader, n: OnnxNode) -> None:
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("identity", x), axes)


ADD = same("Add", 1, 14, more={"Sum": Reading(formulas.read_sum, 1, 13)})
DIVIDE = same(
    "Div",
    1,
    14,
    more={"Reciprocal": Reading(formulas.read_reciprocal, 1, 13), "Softsign": Reading(formulas.read_softsign, 1, 22)},
)
SQUARE = Onnx(write_expression, recognized(read_recognized, "square"), {"Mul": match_square, "Pow": match_power_square})
SIN = Onnx(same("Sin", 7, 22).write, {"Sin": Reading(formulas.read_sin, 7, 22)})
CLIP = Onnx(write_clip, {"Clip": Reading(read_clip, 1, 13), "HardSigmoid": Reading(formulas.read_hard_sigmoid, 1, 22)})
ELU = same("Elu", 1, 22, {"alpha": ("alpha", 1.0)}, more={"Selu": Reading(formulas.read_selu, 6, 22)})
MULTIPLY = same("Mul", 1, 14, more={"HardSwish": Reading(formulas.read_hard_swish, 14, 22)})
CAST = Onnx(write_expression, {"Cast": Reading(read_cast, 6, 28)})
IDENTITY = Onnx(same("Identity", 1, 25).write, {"Identity": Reading(read_identity, 1, 25)})
STOP_GRADIENT = Onnx(same("Identity", 1, 25).write)
NOT_EQUAL = Onnx(write_expression, recognized(read_recognized, "not_equal"), {"Not": match_not_equal})
RELU = same("Relu", 1, 14, more={"PRelu": Reading(formulas.read_prelu, 1, 16)})
SILU = Onnx(write_expression, recognized(read_recognized, "silu"), {"Mul": match_silu})
GELU = Onnx(
    write_gelu, {"Gelu": Reading(read_gelu, 20, 20), **recognized(read_recognized, "gelu")}, {"Mul": match_any_gelu}
)
