"""Arithmetic, comparisons and choices, element by element, with NumPy's broadcasting."""

from __future__ import annotations

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.op import Absent, Attribute, Sample
from nngraph.ops.records import elementwise, elementwise_vjp

PAIRS = (
    Sample(((3, 5), (3, 5))),
    Sample(((2, 17), (17,))),
    Sample(((4, 1, 3), (5, 1))),
    Sample(((7, 33), ())),
)  # fmt: skip
UNARY = (Sample(((3, 5),)), Sample(((2, 3, 17),)), Sample(((64,),)))
NO_GRADIENT = Absent("piecewise constant: its derivative is zero wherever it exists")


def positive(*samples: Sample, low: float = 0.3, high: float = 3.0) -> tuple[Sample, ...]:
    return tuple(Sample(s.shapes, s.attributes, ((low, high),) * len(s.shapes)) for s in samples)


def distinct(*samples: Sample) -> tuple[Sample, ...]:
    return tuple(Sample(s.shapes, s.attributes, ("distinct",) * len(s.shapes)) for s in samples)


add = elementwise(
    "add", "a + b", "elementwise", lambda a, b: a + b, np.add,
    operands=("a", "b"), samples=PAIRS, vjp=elementwise_vjp(lambda b, node, dy: (dy, dy)),
)  # fmt: skip
subtract = elementwise(
    "subtract", "a - b", "elementwise", lambda a, b: a - b, np.subtract,
    operands=("a", "b"), samples=PAIRS, vjp=elementwise_vjp(lambda b, node, dy: (dy, b.add("negate", dy))),
)  # fmt: skip
multiply = elementwise(
    "multiply", "a * b", "elementwise", lambda a, b: a * b, np.multiply,
    operands=("a", "b"), samples=PAIRS,
    vjp=elementwise_vjp(
        lambda b, node, dy: (b.add("multiply", dy, node.inputs[1]), b.add("multiply", dy, node.inputs[0]))
    ),
)  # fmt: skip
negate = elementwise(
    "negate", "-x", "elementwise", lambda x: -x, np.negative,
    samples=UNARY, vjp=elementwise_vjp(lambda b, node, dy: (b.add("negate", dy),)),
)  # fmt: skip
cast = elementwise(
    "cast", "x converted to another element type", "elementwise",
    lambda x, dtype: e.cast(x, dtype), lambda x, dtype: x.astype(dtype),
    attributes={"dtype": Attribute("string", "element type of the result", choices=("float32", "float64", "int32", "bool"))},
    samples=(Sample(((3, 5),), {"dtype": "float64"}, ((-9, 9),)),),
    vjp=elementwise_vjp(lambda b, node, dy: (b.add("cast", dy, dtype=node.inputs[0].type.dtype),)),
)  # fmt: skip
greater = elementwise(
    "greater", "a > b", "elementwise", lambda a, b: a > b, np.greater,
    operands=("a", "b"), dtype="bool", samples=distinct(*PAIRS), vjp=NO_GRADIENT,
)  # fmt: skip
where = elementwise(
    "where", "a where the condition holds, b elsewhere", "elementwise", e.select, np.where,
    operands=("condition", "a", "b"),
    samples=(Sample(((3, 5), (3, 5), (3, 5)), {}, ("bool", (-2, 2), (-2, 2))), Sample(((4, 17), (17,), ()), {}, ("bool", (-2, 2), (-2, 2)))),
    vjp=elementwise_vjp(
        lambda b, node, dy: (None, b.add("where", node.inputs[0], dy, 0.0), b.add("where", node.inputs[0], 0.0, dy))
    ),
)  # fmt: skip
divide_by_size = elementwise(
    "divide_by_size", "x divided by a number of elements, which may depend on the batch", "elementwise",
    lambda x, size: x / e.Expr("constant", value=size), lambda x, size: x / size,
    attributes={"size": Attribute("any", "the number of elements")}, internal=True,
    samples=(Sample(((3, 5),), {"size": 15}),),
    vjp=lambda b, node, dy: (b.add("divide_by_size", dy, size=node.attributes["size"]),),
)  # fmt: skip
