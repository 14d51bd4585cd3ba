"""Arithmetic, element by element, with NumPy's broadcasting."""

from __future__ import annotations

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Absent, Attribute, Sample
from nngraph.ir.types import FLOATS
from nngraph.ops.onnx import patterns as onnx_patterns
from nngraph.ops.onnx.direct import FORMULA, same
from nngraph.ops.records import BACKWARD, TRAINING_ONLY, elementwise

PAIRS = (
    Sample(((3, 5), (3, 5))),
    Sample(((2, 17), (17,))),
    Sample(((4, 1, 3), (5, 1))),
    Sample(((7, 33), ())),
)  # fmt: skip
UNARY = (Sample(((3, 5),)), Sample(((2, 3, 17),)), Sample(((64,),)))
AB = ("a", "b")
NO_GRADIENT = Absent("piecewise constant: its derivative is zero wherever it exists")


def within(low: float, high: float, *samples: Sample) -> tuple[Sample, ...]:
    """`samples`, their inputs drawn from an interval."""
    return tuple(Sample(s.shapes, s.attributes, ((low, high),) * len(s.shapes)) for s in samples)


def distinct(*samples: Sample) -> tuple[Sample, ...]:
    """`samples` of inputs no two of which are near, for ops with kinks."""
    return tuple(Sample(s.shapes, s.attributes, ("distinct",) * len(s.shapes)) for s in samples)


def integers(*samples: Sample, below: int = 4) -> tuple[Sample, ...]:
    """`samples` of int32 inputs."""
    return tuple(Sample(s.shapes, s.attributes, (below,) * len(s.shapes)) for s in samples)


add = elementwise(
    "add", "a + b", "elementwise", lambda a, b: a + b, np.add,
    operands=AB, accepts="number", samples=(*PAIRS, *integers(PAIRS[0])), vjp=lambda b, node, dy: (dy, dy),
    onnx=onnx_patterns.ADD,
)  # fmt: skip
subtract = elementwise(
    "subtract", "a - b", "elementwise", lambda a, b: a - b, np.subtract,
    operands=AB, accepts="number", samples=(*PAIRS, *integers(PAIRS[0])),
    vjp=lambda b, node, dy: (dy, b.add("negate", dy)),
    onnx=same("Sub", 1, 14),
)  # fmt: skip
multiply = elementwise(
    "multiply", "a * b", "elementwise", lambda a, b: a * b, np.multiply,
    operands=AB, accepts="number", samples=(*PAIRS, *integers(PAIRS[0])),
    vjp=lambda b, node, dy: (b.add("multiply", dy, node.inputs[1]), b.add("multiply", dy, node.inputs[0])),
    onnx=onnx_patterns.MULTIPLY,
)  # fmt: skip


def divide_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, Value]:
    """da = dy / b and db = −da y, y being the quotient."""
    da = b.add("divide", dy, node.inputs[1])
    return da, b.add("negate", b.add("multiply", da, node.result))


divide = elementwise(
    "divide", "a / b", "elementwise", lambda a, b: a / b, np.divide,
    operands=AB, samples=within(0.3, 3.0, *PAIRS), vjp=divide_vjp,
    onnx=onnx_patterns.DIVIDE,
)  # fmt: skip
negate = elementwise(
    "negate", "-x", "elementwise", lambda x: -x, np.negative,
    accepts="number", samples=UNARY, vjp=lambda b, node, dy: (b.add("negate", dy),),
    onnx=same("Neg", 1, 13),
)  # fmt: skip
sign = elementwise(
    "sign", "1 where x > 0, -1 where x < 0, else 0", "elementwise",
    lambda x: e.select(x > 0.0, 1.0, e.select(x < 0.0, -1.0, 0.0)), np.sign,
    samples=distinct(*UNARY), vjp=NO_GRADIENT,
    onnx=same("Sign", 9, 13),
)  # fmt: skip
absolute = elementwise(
    "abs", "|x|", "elementwise", e.absolute, np.abs,
    samples=distinct(*UNARY),
    vjp=lambda b, node, dy: (b.add("multiply", dy, b.add("sign", node.inputs[0])),),
    onnx=same("Abs", 1, 13),
)  # fmt: skip
square = elementwise(
    "square", "x²", "elementwise", lambda x: x * x, np.square,
    accepts="number", samples=UNARY,
    vjp=lambda b, node, dy: (b.add("multiply", dy, b.add("multiply", node.inputs[0], 2.0)),),
    onnx=onnx_patterns.SQUARE,
)  # fmt: skip
sqrt = elementwise(
    "sqrt", "√x", "elementwise", e.sqrt, np.sqrt,
    samples=within(0.3, 3.0, *UNARY),
    vjp=lambda b, node, dy: (b.add("divide", b.add("multiply", dy, 0.5), node.result),),
    onnx=same("Sqrt", 1, 13),
)  # fmt: skip
exp = elementwise(
    "exp", "eˣ", "elementwise", e.exp, np.exp,
    samples=UNARY, vjp=lambda b, node, dy: (b.add("multiply", dy, node.result),),
    onnx=same("Exp", 1, 13),
)  # fmt: skip
log = elementwise(
    "log", "the natural logarithm of x", "elementwise", e.log, np.log,
    samples=within(0.3, 3.0, *UNARY), vjp=lambda b, node, dy: (b.add("divide", dy, node.inputs[0]),),
    onnx=same("Log", 1, 13),
)  # fmt: skip
floor = elementwise(
    "floor", "the largest integer not above x", "elementwise", lambda x: e.apply("floor", x), np.floor,
    samples=distinct(*UNARY), vjp=NO_GRADIENT,
    onnx=same("Floor", 1, 13),
)  # fmt: skip
sin = elementwise(
    "sin", "the sine of x", "elementwise", lambda x: e.apply("cos", x - np.pi / 2), np.sin,
    samples=UNARY, internal=True,
    vjp=lambda b, node, dy: (b.add("multiply", dy, b.add("cos", node.inputs[0])),),
    onnx=onnx_patterns.SIN,
)  # fmt: skip
cos = elementwise(
    "cos", "the cosine of x", "elementwise", lambda x: e.apply("cos", x), np.cos,
    samples=UNARY,
    vjp=lambda b, node, dy: (b.add("negate", b.add("multiply", dy, b.add("sin", node.inputs[0]))),),
    onnx=same("Cos", 7, 22),
)  # fmt: skip


def power_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, Value]:
    base, exponent = node.inputs
    return (
        b.add("power_backward_base", dy, base, exponent),
        b.add("power_backward_exponent", dy, base, exponent, node.result),
    )


power = elementwise(
    "power", "a to the power of b", "elementwise", lambda a, b: e.apply("power", a, b), np.power,
    operands=AB, samples=within(0.3, 3.0, *PAIRS), vjp=power_vjp,
    onnx=same("Pow", 1, 15),
)  # fmt: skip
power_backward_base = elementwise(
    "power_backward_base", "dy b aᵇ⁻¹, and 0 where b is 0", "elementwise",
    lambda dy, a, b: e.select(e.equal(b, 0.0), 0.0, dy * b * e.apply("power", a, b - 1.0)),
    lambda dy, a, b: np.where(b == 0, 0, dy * b * np.power(a, b - 1)),
    operands=("dy", *AB), internal=True, vjp=BACKWARD,
    samples=within(0.3, 3.0, Sample(((3, 5), (3, 5), (3, 5))), Sample(((2, 17), (2, 17), ()))),
    onnx=TRAINING_ONLY,
)  # fmt: skip
power_backward_exponent = elementwise(
    "power_backward_exponent", "dy y log a, and 0 where y = aᵇ is 0 for a = 0", "elementwise",
    lambda dy, a, b, y: e.select(
        e.apply("logical_and", e.equal(a, 0.0), b >= 0.0), 0.0, dy * y * e.log(a)
    ),
    lambda dy, a, b, y: np.where((a == 0) & (b >= 0), 0, dy * y * np.log(a)),
    operands=("dy", *AB, "y"), internal=True, vjp=BACKWARD,
    samples=within(0.3, 3.0, Sample(((3, 5), (3, 5), (3, 5), (3, 5))),
    Sample(((2, 17), (2, 17), (), (2, 17)))),
    onnx=TRAINING_ONLY,
)  # fmt: skip
maximum = elementwise(
    "maximum", "the larger of a and b", "elementwise", e.maximum, np.maximum,
    operands=AB, accepts="number", samples=(*distinct(*PAIRS), *integers(PAIRS[0])),
    vjp=lambda b, node, dy: (
        b.add("maximum_backward", dy, node.inputs[0], node.inputs[1]),
        b.add("maximum_backward", dy, node.inputs[1], node.inputs[0]),
    ),
    onnx=same("Max", 1, 13, variadic=True),
)  # fmt: skip
minimum = elementwise(
    "minimum", "the smaller of a and b", "elementwise", e.minimum, np.minimum,
    operands=AB, accepts="number", samples=(*distinct(*PAIRS), *integers(PAIRS[0])),
    vjp=lambda b, node, dy: (
        b.add("maximum_backward", dy, node.inputs[1], node.inputs[0]),
        b.add("maximum_backward", dy, node.inputs[0], node.inputs[1]),
    ),
    onnx=same("Min", 1, 13, variadic=True),
)  # fmt: skip
maximum_backward = elementwise(
    "maximum_backward", "dy where a > b, half of it where they are equal, else 0", "elementwise",
    lambda dy, a, b: e.select(a > b, dy, e.select(e.equal(a, b), dy * 0.5, 0.0)),
    lambda dy, a, b: dy * np.heaviside(a - b, 0.5).astype(dy.dtype),
    operands=("dy", *AB), internal=True, vjp=BACKWARD,
    samples=(
        *distinct(Sample(((3, 5), (3, 5), (3, 5))), Sample(((2, 17), (2, 17), (17,)))),
        Sample(((3, 5), (3, 5), (3, 5)), {}, ((-2, 2), (1, 1), (1, 1))),
    ),
    onnx=TRAINING_ONLY,
)  # fmt: skip

BOUNDS = {
    "low": Attribute("float", "the smallest value that passes; none by default", None),
    "high": Attribute("float", "the largest value that passes; none by default", None),
}
CLIPS = ({"low": -0.77, "high": 0.77}, {"low": 0.03, "high": None}, {"low": None, "high": 0.03})


def clip_expr(x: e.Expr, low: float | None = None, high: float | None = None) -> e.Expr:
    x = x if low is None else e.maximum(x, low)
    return x if high is None else e.minimum(x, high)


def clip_backward_expr(dy: e.Expr, x: e.Expr, low: float | None = None, high: float | None = None) -> e.Expr:
    dy = dy if low is None else e.select(x >= low, dy, 0.0)
    return dy if high is None else e.select(x <= high, dy, 0.0)


def clip_backward_reference(
    dy: np.ndarray, x: np.ndarray, low: float | None = None, high: float | None = None
) -> np.ndarray:
    inside = (x >= (-np.inf if low is None else low)) & (x <= (np.inf if high is None else high))
    return dy * inside


clip = elementwise(
    "clip", "x, but at least low and at most high", "elementwise", clip_expr,
    lambda x, low=None, high=None: np.clip(x, low, high),
    attributes=BOUNDS, samples=distinct(*(Sample(((3, 17),), bounds) for bounds in CLIPS)),
    vjp=lambda b, node, dy: (b.add("clip_backward", dy, node.inputs[0], **node.attributes),),
    onnx=onnx_patterns.CLIP,
)  # fmt: skip
clip_backward = elementwise(
    "clip_backward", "dy where x lies within the bounds, else 0", "elementwise", clip_backward_expr,
    clip_backward_reference,
    operands=("dy", "x"), attributes=BOUNDS, internal=True, vjp=BACKWARD,
    samples=distinct(*(Sample(((3, 17), (3, 17)), bounds) for bounds in CLIPS)),
    onnx=TRAINING_ONLY,
)  # fmt: skip


def cast_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value | None]:
    """Only from float to float; a number that has been an integer passes no gradient."""
    source = node.inputs[0].type.dtype
    differentiable = source in FLOATS and node.result.type.dtype in FLOATS
    return (b.add("cast", dy, dtype=source) if differentiable else None,)


cast = elementwise(
    "cast", "x converted to another element type", "elementwise",
    lambda x, dtype: e.cast(x, dtype), lambda x, dtype: x.astype(dtype), accepts="any",
    attributes={
        "dtype": Attribute(
            "string", "element type of the result", choices=("float", "float32", "float64", "int32", "bool")
        )
    },
    samples=(
        Sample(((3, 5),), {"dtype": "float64"}, ((-9, 9),)),
        Sample(((3, 5),), {"dtype": "int32"}, ((-9, 9),)),
        Sample(((3, 17),), {"dtype": "float32"}, (9,)), Sample(((3, 5),), {"dtype": "float64"}, ("bool",)),
        Sample(((3, 17),), {"dtype": "bool"}, (2,)),
    ),
    vjp=cast_vjp,
    onnx=onnx_patterns.CAST,
)  # fmt: skip
identity = elementwise(
    "identity", "x itself", "elementwise", lambda x: x, lambda x: x,
    accepts="any", samples=UNARY, vjp=lambda b, node, dy: (dy,),
    onnx=onnx_patterns.IDENTITY,
)  # fmt: skip
stop_gradient = elementwise(
    "stop_gradient", "x itself, through which no gradient flows", "elementwise", lambda x: x, lambda x: x,
    accepts="any", samples=UNARY, vjp=Absent("to pass no gradient is what it is for"),
    onnx=onnx_patterns.STOP_GRADIENT,
)  # fmt: skip
divide_by_size = elementwise(
    "divide_by_size", "x divided by a number of elements, which may depend on the batch", "elementwise",
    lambda x, size: x / e.Expr("constant", value=size), lambda x, size: x / size,
    attributes={"size": Attribute("any", "the number of elements")}, internal=True,
    samples=(Sample(((3, 5),), {"size": 15}),),
    vjp=lambda b, node, dy: (b.add("divide_by_size", dy, size=node.attributes["size"]),),
    onnx=FORMULA,
)  # fmt: skip
