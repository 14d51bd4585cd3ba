"""Expressions rendered for NumPy: what the rendering for kernels is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nngraph.ir.expr import Expr


def multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return a * b + c


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "absolute": np.abs,
    "fma": multiply_add,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "power": np.power,
    "tanh": np.tanh,
    "cos": np.cos,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "erf": erf,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "select": np.where,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
}


def evaluate_expr(expr: Expr, arguments: Sequence[np.ndarray], shape: tuple[int, ...]) -> Any:
    """The value of `expr` at every place of `shape`, or what broadcasts to it.

    Parameters
    ----------
    expr : Expr
    arguments : sequence of ndarray
        They broadcast to `shape`.
    shape : tuple of int
        What "index" and "uniform" count in.
    """
    if expr.op == "argument":
        return arguments[expr.value]  # pyright: ignore[reportUnknownVariableType]
    if expr.op == "constant":
        return expr.value
    if expr.op == "index":
        return np.indices(shape, np.int32)[expr.value % len(shape)]
    values = [evaluate_expr(arg, arguments, shape) for arg in expr.args]
    if expr.op == "cast":
        return np.asarray(*values).astype(expr.value)
    if expr.op == "uniform":
        return evaluate_uniform(int(values[0]), expr.value, shape)
    return FUNCTIONS[expr.op](*values)


def evaluate_uniform(step: int, key: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    from nngraph_kernels.random_reference import uniform

    drawn: np.ndarray = uniform(np.arange(math.prod(shape)), step, *key)
    return drawn.reshape(shape)
