"""Scalar expressions: what an elementwise op computes, as a small tree of named primitives.

An expression is rendered four ways: for the vector type and for scalars (CPU kernels), for CUDA, and, by the
tests, for NumPy. It is data, not text, so that fusing two ops is grafting one tree onto another.
"""

from __future__ import annotations

from typing import Any

from nngraph_kernels.record import record

ARITY = {
    "argument": 0, "constant": 0, "number": 0, "index": 0,
    "add": 2, "subtract": 2, "multiply": 2, "divide": 2, "negate": 1, "absolute": 1, "fma": 3,
    "sqrt": 1, "floor": 1, "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "power": 2,
    "tanh": 1, "sigmoid": 1, "erf": 1, "softplus": 1, "cos": 1,
    "maximum": 2, "minimum": 2, "select": 3,
    "less": 2, "less_equal": 2, "equal": 2, "logical_and": 2, "logical_or": 2, "logical_not": 1,
    "cast": 1, "uniform": 1,
}  # fmt: skip

COMPARISONS = ("less", "less_equal", "equal")
TRANSCENDENTAL = {
    "exp",
    "expm1",
    "log",
    "log1p",
    "power",
    "tanh",
    "sigmoid",
    "erf",
    "softplus",
    "cos",
    "uniform",
}


@record
class Expr:
    """One primitive applied to expressions.

    Attributes
    ----------
    op : str
        A key of `ARITY`.
    args : tuple of Expr
    value : object
        Of "argument" its index; of "constant" a number or the `Dim` whose size it is; of "number" the place of a
        constant among a kernel's arguments; of "cast" the dtype; of "uniform" the two words of the random
        stream's key; of "index" the axis counted from the last (-1).
    """

    op: str
    args: tuple[Expr, ...] = ()
    value: Any = None

    def __add__(self, other: Operand) -> Expr:
        return Expr("add", (self, lift(other)))

    def __radd__(self, other: Operand) -> Expr:
        return Expr("add", (lift(other), self))

    def __sub__(self, other: Operand) -> Expr:
        return Expr("subtract", (self, lift(other)))

    def __rsub__(self, other: Operand) -> Expr:
        return Expr("subtract", (lift(other), self))

    def __mul__(self, other: Operand) -> Expr:
        return Expr("multiply", (self, lift(other)))

    def __rmul__(self, other: Operand) -> Expr:
        return Expr("multiply", (lift(other), self))

    def __truediv__(self, other: Operand) -> Expr:
        return Expr("divide", (self, lift(other)))

    def __rtruediv__(self, other: Operand) -> Expr:
        return Expr("divide", (lift(other), self))

    def __neg__(self) -> Expr:
        return Expr("negate", (self,))

    def __lt__(self, other: Operand) -> Expr:
        return Expr("less", (self, lift(other)))

    def __le__(self, other: Operand) -> Expr:
        return Expr("less_equal", (self, lift(other)))

    def __gt__(self, other: Operand) -> Expr:
        return Expr("less", (lift(other), self))

    def __ge__(self, other: Operand) -> Expr:
        return Expr("less_equal", (lift(other), self))


Operand = Expr | float | int


def lift(x: Operand) -> Expr:
    """A number as a literal of the formula; an expression as it is."""
    return x if isinstance(x, Expr) else Expr("constant", value=float(x))


def argument(index: int) -> Expr:
    return Expr("argument", value=index)


def apply(name: str, *args: Operand) -> Expr:
    """The primitive `name` of `args`."""
    if ARITY[name] != len(args):
        raise ValueError(f"primitive '{name}' takes {ARITY[name]} arguments, not {len(args)}")
    return Expr(name, tuple(map(lift, args)))


def select(condition: Expr, a: Operand, b: Operand) -> Expr:
    return apply("select", condition, a, b)


def exp(x: Operand) -> Expr:
    return apply("exp", x)


def log(x: Operand) -> Expr:
    return apply("log", x)


def sqrt(x: Operand) -> Expr:
    return apply("sqrt", x)


def tanh(x: Operand) -> Expr:
    return apply("tanh", x)


def sigmoid(x: Operand) -> Expr:
    return apply("sigmoid", x)


def erf(x: Operand) -> Expr:
    return apply("erf", x)


def absolute(x: Operand) -> Expr:
    return apply("absolute", x)


def maximum(a: Operand, b: Operand) -> Expr:
    return apply("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Expr:
    return apply("minimum", a, b)


def equal(a: Operand, b: Operand) -> Expr:
    return apply("equal", a, b)


def cast(x: Expr, dtype: str) -> Expr:
    return Expr("cast", (x,), dtype)


def index(axis: int = -1) -> Expr:
    """The position along the last axis, as int32.

    Raises
    ------
    ValueError
        For any other axis: move it to the end, or compare with a constant of positions.
    """
    if axis != -1:
        raise ValueError(f"index: axis {axis} given, only the last (-1) can be counted")
    return Expr("index", value=axis)
