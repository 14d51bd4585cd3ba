"""Ops that are written in a line as NumPy expressions, and formulas of elementwise ops as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nngraph.ir.expr import Expr
from nngraph.ir.types import Batch, Shape

# Operands are {0}, {1}, ... or all of them, {all}; attributes go by their names, and {result} is the result's shape.
EXPRESSIONS: Final[Mapping[str, str]] = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "negate": "-{0}",
    "sign": "np.sign({0})", "abs": "np.abs({0})", "square": "np.square({0})", "sqrt": "np.sqrt({0})",
    "exp": "np.exp({0})", "log": "np.log({0})", "floor": "np.floor({0})", "cos": "np.cos({0})",
    "tanh": "np.tanh({0})", "power": "np.power({0}, {1})", "maximum": "np.maximum({0}, {1})",
    "minimum": "np.minimum({0}, {1})", "clip": "np.clip({0}, {low}, {high})", "cast": "{0}.astype({dtype})",
    "identity": "{0}", "stop_gradient": "{0}", "equal": "{0} == {1}", "not_equal": "{0} != {1}",
    "greater": "{0} > {1}", "greater_equal": "{0} >= {1}", "less": "{0} < {1}", "less_equal": "{0} <= {1}",
    "logical_and": "np.logical_and({0}, {1})", "logical_or": "np.logical_or({0}, {1})",
    "logical_xor": "np.logical_xor({0}, {1})", "logical_not": "np.logical_not({0})",
    "where": "np.where({0}, {1}, {2})", "concat": "np.concatenate([{all}], axis={axis})",
    "reshape": "{0}.reshape({result})", "flatten": "{0}.reshape({result})",
    "pad": "np.pad({0}, ((0, 0), *{widths}), constant_values={value})",
    "sum": "np.sum({0}, axis={axis}, keepdims={keepdims})", "max": "np.max({0}, axis={axis}, keepdims={keepdims})",
    "min": "np.min({0}, axis={axis}, keepdims={keepdims})", "mean": "np.mean({0}, axis={axis}, keepdims={keepdims})",
    "argmax": "np.argmax({0}, axis={axis}, keepdims={keepdims}).astype('int32')",
    "global_average_pool": "{0}.mean(axis=(1, 2))", "global_max_pool": "{0}.max(axis=(1, 2))",
    "view": "{0}.reshape({shape})", "mix": "sum(s * x for s, x in zip({0}, [{rest}]))",
}  # fmt: skip

FORMULAS: Final[Mapping[str, str]] = {
    "add": "({0} + {1})", "subtract": "({0} - {1})", "multiply": "({0} * {1})", "divide": "({0} / {1})",
    "negate": "(-{0})", "absolute": "np.abs({0})", "fma": "({0} * {1} + {2})", "sqrt": "np.sqrt({0})",
    "floor": "np.floor({0})", "exp": "np.exp({0})", "expm1": "np.expm1({0})", "log": "np.log({0})",
    "log1p": "np.log1p({0})", "power": "np.power({0}, {1})", "tanh": "np.tanh({0})", "cos": "np.cos({0})",
    "sigmoid": "sigmoid({0})", "softplus": "softplus({0})", "erf": "erf({0})", "maximum": "np.maximum({0}, {1})",
    "minimum": "np.minimum({0}, {1})", "select": "np.where({0}, {1}, {2})", "less": "({0} < {1})",
    "less_equal": "({0} <= {1})", "equal": "({0} == {1})", "logical_and": "np.logical_and({0}, {1})",
    "logical_or": "np.logical_or({0}, {1})", "logical_not": "np.logical_not({0})",
}  # fmt: skip


def expression(op: str, operands: Sequence[str], attributes: Mapping[str, Any], shape: Shape) -> str:
    """An op of the table, applied; the result has this shape."""
    given = {name: literal(item) for name, item in {**attributes, "result": shape}.items()}
    return EXPRESSIONS[op].format(*operands, all=", ".join(operands), rest=", ".join(operands[1:]), **given)


def formula(expr: Expr, operands: Sequence[str], shape: Shape) -> str | None:
    """An elementwise op's own formula for a result of some shape; None where it uses what NumPy has no word for."""
    if expr.op == "argument":
        return str(operands[expr.value])
    if expr.op == "constant" and isinstance(expr.value, int | float):
        return literal(expr.value)
    if expr.op == "index":
        return places(shape, expr.value % len(shape))
    parts = [formula(arg, operands, shape) for arg in expr.args]
    if any(part is None for part in parts):
        return None
    if expr.op == "cast":
        return f"np.asarray({parts[0]}).astype({expr.value!r})"
    template = FORMULAS.get(expr.op)
    return None if template is None else template.format(*parts)


def places(shape: Shape, axis: int) -> str | None:
    """The places along an axis of known size, from 0."""
    size, behind = shape[axis], len(shape) - axis - 1
    if isinstance(size, Batch):
        return None
    return f"np.arange({size}).reshape(-1{', 1' * behind})" if behind else f"np.arange({size})"


def literal(item: Any) -> str:
    """A number, a text or a shape; the batch, the only size that is not known, as -1."""
    if isinstance(item, Batch):
        return "-1"
    if isinstance(item, tuple):
        inner = ", ".join(map(literal, item))  # pyright: ignore[reportUnknownArgumentType]
        return f"({inner},)" if len(item) == 1 else f"({inner})"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(item, float) and item in (float("inf"), float("-inf")):
        return "np.inf" if item > 0 else "-np.inf"
    if item is None or isinstance(item, bool | int | float | str):
        return repr(item)
    raise ValueError(f"an attribute of type {type(item).__name__} cannot be written as Python")
