"""Activation functions, each with the kernel-sized formula of its derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, Op, Sample
from nngraph.ops.elementwise import UNARY, distinct
from nngraph.ops.onnx import patterns as onnx_patterns
from nngraph.ops.onnx.direct import same
from nngraph.ops.records import BACKWARD, TRAINING_ONLY, elementwise

TWO = (Sample(((3, 5), (3, 5))), Sample(((2, 3, 17), (2, 3, 17))))


def activation(
    name: str,
    summary: str,
    expr: Callable[..., e.Expr],
    reference: Callable[..., Any],
    *,
    samples: tuple[Sample, ...] = UNARY,
    **facets: Any,
) -> Op:
    return elementwise(name, summary, "activation", expr, reference, samples=samples, **facets)


def backward(
    name: str,
    summary: str,
    expr: Callable[..., e.Expr],
    reference: Callable[..., Any],
    *,
    samples: tuple[Sample, ...] = TWO,
    **facets: Any,
) -> Op:
    """The derivative of an activation as one node, of the cotangent and what the formula reads."""
    return elementwise(
        f"{name}_backward", summary, "activation", expr, reference,
        samples=samples, vjp=BACKWARD, internal=True, onnx=TRAINING_ONLY, **facets,
    )  # fmt: skip


def from_result(name: str) -> Callable[..., tuple[Value]]:
    """The vjp whose formula reads the op's result, so that the input need not be kept."""

    def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
        return (b.add(f"{name}_backward", dy, node.result, **node.attributes),)

    return vjp


def from_input(name: str) -> Callable[..., tuple[Value]]:
    def vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
        return (b.add(f"{name}_backward", dy, node.inputs[0], **node.attributes),)

    return vjp


def sigmoid_reference(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


def erf_reference(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)


sigmoid = activation(
    "sigmoid", "1 / (1 + e⁻ˣ)", e.sigmoid, sigmoid_reference, vjp=from_result("sigmoid"), onnx=same("Sigmoid", 1, 13)
)
sigmoid_backward = backward(
    "sigmoid", "dy y (1 − y), y being the sigmoid", lambda dy, y: dy * (y * (1.0 - y)),
    lambda dy, y: dy * (y - y**2), operands=("dy", "y"),
)  # fmt: skip
tanh = activation(
    "tanh", "the hyperbolic tangent of x", e.tanh, np.tanh, vjp=from_result("tanh"), onnx=same("Tanh", 1, 13)
)
tanh_backward = backward(
    "tanh", "dy (1 − y²), y being the hyperbolic tangent", lambda dy, y: dy * (1.0 - y * y),
    lambda dy, y: dy - dy * y**2, operands=("dy", "y"),
)  # fmt: skip
relu = activation(
    # Not "x where x > 0": a NaN has to come out as a NaN.
    "relu", "max(0, x)", lambda x: e.select(x <= 0.0, 0.0, x), lambda x: np.maximum(x, 0),
    samples=distinct(*UNARY),
    vjp=lambda b, node, dy: (b.add("where", b.add("greater", node.result, 0.0), dy, 0.0),),
    onnx=onnx_patterns.RELU,
)  # fmt: skip

SLOPE = {"slope": Attribute("float", "the factor of negative x", 0.01)}
SLOPES = ({"slope": 0.01}, {"slope": 0.1}, {"slope": -0.5})

leaky_relu = activation(
    "leaky_relu", "x where x > 0, slope · x elsewhere", lambda x, slope=0.01: e.select(x > 0.0, x, x * slope),
    lambda x, slope=0.01: np.maximum(x, 0) + slope * np.minimum(x, 0), attributes=SLOPE,
    samples=distinct(*(Sample(((3, 17),), slope) for slope in SLOPES)),
    # With a slope of at least 0 the result is positive where the input is.
    vjp=lambda b, node, dy: (
        from_result if node.attributes["slope"] >= 0 else from_input
    )("leaky_relu")(b, node, dy),
    onnx=same("LeakyRelu", 1, 16, {"slope": ("alpha", 0.01)}),
)  # fmt: skip
leaky_relu_backward = backward(
    "leaky_relu", "dy where y > 0, slope · dy elsewhere", lambda dy, y,
    slope=0.01: e.select(y > 0.0, dy, dy * slope),
    lambda dy, y, slope=0.01: dy * np.where(y > 0, 1, slope).astype(dy.dtype),
    operands=("dy", "y"), attributes=SLOPE, samples=distinct(Sample(TWO[0].shapes, {"slope": 0.1})),
)  # fmt: skip

ALPHA = {"alpha": Attribute("float", "what −x tends to as x falls", 1.0, minimum=0.0)}
ALPHAS = ({"alpha": 1.0}, {"alpha": 0.3})

elu = activation(
    "elu", "x where x > 0, α (eˣ − 1) elsewhere",
    lambda x, alpha=1.0: e.select(x > 0.0, x, e.apply("expm1", x) * alpha),
    lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    attributes=ALPHA, samples=distinct(*(Sample(((3, 17),), alpha) for alpha in ALPHAS)),
    vjp=from_result("elu"),
    onnx=onnx_patterns.ELU,
)  # fmt: skip
elu_backward = backward(
    "elu", "dy where y > 0, dy (y + α) elsewhere",
    lambda dy, y, alpha=1.0: e.select(y > 0.0, dy, dy * (y + alpha)),
    lambda dy, y, alpha=1.0: np.where(y > 0, dy, alpha * dy + y * dy),
    operands=("dy", "y"), attributes=ALPHA, samples=distinct(Sample(TWO[0].shapes, {"alpha": 0.3})),
)  # fmt: skip

silu = activation(
    "silu",
    "x σ(x)",
    lambda x: x * e.sigmoid(x),
    lambda x: x * sigmoid_reference(x),
    vjp=from_input("silu"),
    onnx=onnx_patterns.SILU,
)
silu_backward = backward(
    "silu", "dy σ(x) (1 + x (1 − σ(x)))", lambda dy, x: scaled_silu_backward_expr(dy, x, 1.0),
    lambda dy, x: dy * scaled_silu_slope(x, 1), operands=("dy", "x"),
)  # fmt: skip
softplus = activation(
    "softplus", "log(1 + eˣ)", lambda x: e.apply("softplus", x), lambda x: np.logaddexp(0, x).astype(x.dtype),
    vjp=lambda b, node, dy: (b.add("multiply", dy, b.add("sigmoid", node.inputs[0])),),
    onnx=same("Softplus", 1, 22),
)  # fmt: skip


def scaled_silu_backward_expr(dy: e.Expr, x: e.Expr, scale: float) -> e.Expr:
    """The derivative of x σ(scale · x), times dy."""
    s = e.sigmoid(x * scale)
    return dy * (s * (1.0 + x * scale * (1.0 - s)))


def scaled_silu_slope(x: np.ndarray, scale: float) -> np.ndarray:
    s = sigmoid_reference(scale * x)
    return s + scale * x * (s - s**2)


# Hendrycks and Gimpel 2016, "Gaussian error linear units", sections 2 and 3.
FORM = {
    "form": Attribute(
        "string", "exact (with erf), tanh (its approximation) or sigmoid (x σ(1.702 x))", "exact",
        choices=("exact", "tanh", "sigmoid"),
    )
}  # fmt: skip
FORMS = tuple({"form": form} for form in ("exact", "tanh", "sigmoid"))
SIGMOID_SCALE = 1.702
CUBIC = 0.044715
ROOT_2_OVER_PI = math.sqrt(2 / math.pi)


def gelu_expr(x: e.Expr, form: str = "exact") -> e.Expr:
    if form == "sigmoid":
        return x * e.sigmoid(x * SIGMOID_SCALE)
    if form == "tanh":
        return x * 0.5 * (1.0 + e.tanh(x * (ROOT_2_OVER_PI + x * x * (ROOT_2_OVER_PI * CUBIC))))
    return x * 0.5 * (1.0 + e.erf(x * math.sqrt(0.5)))


def gelu_reference(x: np.ndarray, form: str = "exact") -> np.ndarray:
    if form == "sigmoid":
        return x * sigmoid_reference(SIGMOID_SCALE * x)
    if form == "tanh":
        return 0.5 * x * (1 + np.tanh(ROOT_2_OVER_PI * (x + CUBIC * x**3)))
    return 0.5 * x * (1 + erf_reference(x / math.sqrt(2)))


def gelu_backward_expr(dy: e.Expr, x: e.Expr, form: str = "exact") -> e.Expr:
    if form == "sigmoid":
        return scaled_silu_backward_expr(dy, x, SIGMOID_SCALE)
    if form == "tanh":
        square = x * x
        t = e.tanh(x * (ROOT_2_OVER_PI + square * (ROOT_2_OVER_PI * CUBIC)))
        inner = ROOT_2_OVER_PI + square * (3 * ROOT_2_OVER_PI * CUBIC)
        return dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner)
    density = e.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return dy * (0.5 + 0.5 * e.erf(x * math.sqrt(0.5)) + x * density)


def gelu_backward_reference(dy: np.ndarray, x: np.ndarray, form: str = "exact") -> np.ndarray:
    if form == "sigmoid":
        return dy * scaled_silu_slope(x, SIGMOID_SCALE)
    if form == "tanh":
        t = np.tanh(ROOT_2_OVER_PI * (x + CUBIC * x**3))
        return dy * ((1 + t) / 2 + x / 2 * (1 - t**2) * ROOT_2_OVER_PI * (1 + 3 * CUBIC * x**2))
    return dy * ((1 + erf_reference(x / math.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


gelu = activation(
    "gelu", "x Φ(x), Φ being the normal distribution", gelu_expr, gelu_reference, attributes=FORM,
    samples=tuple(Sample(((3, 17),), form) for form in FORMS), vjp=from_input("gelu"),
    onnx=onnx_patterns.GELU,
)  # fmt: skip
gelu_backward = backward(
    "gelu", "dy times the derivative of gelu at x", gelu_backward_expr, gelu_backward_reference,
    operands=("dy", "x"), attributes=FORM, samples=tuple(Sample(TWO[0].shapes, form) for form in FORMS),
)  # fmt: skip
