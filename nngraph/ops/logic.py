"""Comparisons, logic, and the choice between two values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.exchange import Onnx
from nngraph.ir.op import Op, Sample
from nngraph.ops.elementwise import AB, NO_GRADIENT, PAIRS, distinct, integers
from nngraph.ops.onnx import patterns as onnx_patterns
from nngraph.ops.onnx.direct import same
from nngraph.ops.records import elementwise

BOOLS = tuple(Sample(s.shapes, {}, ("bool", "bool")) for s in PAIRS)


def comparison(
    name: str, summary: str, expr: Callable[..., e.Expr], reference: Callable[..., object], onnx: Onnx
) -> Op:  # fmt: skip
    return elementwise(
        name, summary, "logic", expr, reference, operands=AB, accepts="number", dtype="bool",
        samples=(*distinct(*PAIRS), *integers(*PAIRS[:2])), vjp=NO_GRADIENT, onnx=onnx,
    )  # fmt: skip


def negated(x: e.Expr) -> e.Expr:
    return e.apply("logical_not", x)


equal = comparison("equal", "a = b", e.equal, np.equal, onnx=same("Equal", 1, 19))
not_equal = comparison(
    "not_equal",
    "a ≠ b",
    lambda a, b: negated(e.equal(a, b)),
    np.not_equal,
    onnx=onnx_patterns.NOT_EQUAL,
)
greater = comparison("greater", "a > b", lambda a, b: a > b, np.greater, onnx=same("Greater", 1, 13))
greater_equal = comparison(
    "greater_equal", "a ≥ b", lambda a, b: a >= b, np.greater_equal, onnx=same("GreaterOrEqual", 12, 16)
)
less = comparison("less", "a < b", lambda a, b: a < b, np.less, onnx=same("Less", 1, 13))
less_equal = comparison("less_equal", "a ≤ b", lambda a, b: a <= b, np.less_equal, onnx=same("LessOrEqual", 12, 16))

logical_and = elementwise(
    "logical_and", "both a and b", "logic", lambda a, b: e.apply("logical_and", a, b), np.logical_and,
    operands=AB, accepts="bool", dtype="bool", samples=BOOLS, vjp=NO_GRADIENT,
    onnx=same("And", 1, 7),
)  # fmt: skip
logical_or = elementwise(
    "logical_or", "a or b or both", "logic", lambda a, b: e.apply("logical_or", a, b), np.logical_or,
    operands=AB, accepts="bool", dtype="bool", samples=BOOLS, vjp=NO_GRADIENT,
    onnx=same("Or", 1, 7),
)  # fmt: skip
logical_xor = elementwise(
    "logical_xor", "either a or b", "logic",
    lambda a, b: e.apply(
        "logical_and", e.apply("logical_or", a, b), negated(e.apply("logical_and", a, b))
    ),
    np.logical_xor,
    operands=AB, accepts="bool", dtype="bool", samples=BOOLS, vjp=NO_GRADIENT,
    onnx=same("Xor", 1, 7),
)  # fmt: skip
logical_not = elementwise(
    "logical_not", "not x", "logic", negated, np.logical_not,
    accepts="bool", dtype="bool", vjp=NO_GRADIENT,
    samples=(Sample(((3, 5),), {}, ("bool",)), Sample(((2, 3, 17),), {}, ("bool",))),
    onnx=same("Not", 1, 1),
)  # fmt: skip
where = elementwise(
    "where", "a where the condition holds, b elsewhere", "logic", e.select, np.where,
    operands=("condition", "a", "b"), accepts=("bool", "any", "any"),
    samples=(
        Sample(((3, 5), (3, 5), (3, 5)), {}, ("bool", (-2, 2), (-2, 2))),
        Sample(((4, 17), (17,), ()), {}, ("bool", (-2, 2), (-2, 2))),
        Sample(((4, 1), (4, 17), (4, 17)), {}, ("bool", 5, 5)),
    ),
    vjp=lambda b, node, dy: (
        None, b.add("where", node.inputs[0], dy, 0.0), b.add("where", node.inputs[0], 0.0, dy),
    ),
    onnx=same("Where", 9, 16),
)  # fmt: skip
