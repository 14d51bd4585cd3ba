"""Renders expressions as statements of kernel source, over vectors or over single numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from nngraph.ir.expr import COMPARISONS, Expr

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "equal": "==",
    "logical_and": "&", "logical_or": "|",
}  # fmt: skip


@dataclass(slots=True)
class Renderer:
    """Writes expressions; asks `constant` for the name or text of a constant of a dtype.

    Attributes
    ----------
    name_of : callable
        The variable of a statement, as a vector or a scalar as this context needs it.
    scalar_of : callable
        The variable of a statement as a scalar.
    dtype_of : callable
        The dtype of a statement.
    constant : callable
        ``constant(expr, dtype)``: text of a literal or a number argument.
    lanes : int or None
        None for single numbers.
    """

    name_of: Callable[[int], str]
    scalar_of: Callable[[int], str]
    dtype_of: Callable[[int], str]
    constant: Callable[[Expr, str], str]
    lanes: int | None

    def assign(self, target: str, expr: Expr, dtype: str) -> list[str]:
        """Lines that assign `expr` to `target`; what occurs in it more than once gets a line of its own."""
        counts = Counter(subtrees(expr))
        shared: dict[Expr, str] = {}
        lines: list[str] = []

        def text(tree: Expr, wanted: str) -> str:
            if tree in shared:
                return shared[tree]
            written = self.write(tree, wanted, text)
            if counts[tree] > 1 and tree.args and tree is not expr:
                shared[tree] = f"{target}_{len(shared)}"
                lines.append(f"{shared[tree]} = {written}")
                return shared[tree]
            return written

        final = text(expr, dtype)
        return [*lines, f"{target} = {strip(final)}"]

    def dtype(self, expr: Expr, wanted: str) -> str:
        """The dtype of `expr`; constants take the one wanted."""
        match expr.op:
            case "argument":
                return self.dtype_of(expr.value)
            case "constant" | "number":
                return wanted
            case "index":
                return "int32"
            case "cast":
                return expr.value
            case "uniform":
                return expr.value[1]
            case "logical_and" | "logical_or" | "logical_not":
                return "bool"
            case op if op in COMPARISONS:
                return "bool"
            case "select":
                return self.common(expr.args[1:], wanted)
            case _:
                return self.common(expr.args, wanted)

    def common(self, args: tuple[Expr, ...], wanted: str) -> str:
        """The dtype of the first argument that has one of its own."""
        for arg in args:
            if arg.op not in ("constant", "number"):
                return self.dtype(arg, wanted)
        return wanted

    def write(self, expr: Expr, wanted: str, text: Callable[[Expr, str], str]) -> str:
        """`expr` as text; operations in parentheses."""
        match expr.op:
            case "argument":
                return self.name_of(expr.value)
            case "constant" | "number":
                return self.constant(expr, wanted)
            case "index":
                return "index"
            case "uniform":
                return self.uniform(expr)
            case "cast":
                return self.cast(expr, text)
            case "select":
                dtype = self.dtype(expr, wanted)
                condition, a, b = expr.args
                return self.call("select", text(condition, "bool"), text(a, dtype), text(b, dtype))
            case _:
                return self.operation(expr, wanted, text)

    def operation(self, expr: Expr, wanted: str, text: Callable[[Expr, str], str]) -> str:
        """An operator, or a function of `simd` or `math`."""
        inner = self.common(expr.args, wanted if wanted != "bool" else "float32")
        args = [text(arg, inner) for arg in expr.args]
        if expr.op in INFIX and (expr.op != "equal" or self.lanes is None):  # == of what is traced is identity
            return f"({args[0]} {INFIX[expr.op]} {args[1]})"
        if expr.op == "logical_not":
            return f"(not {args[0]})" if self.lanes is None else f"(~{args[0]})"
        if expr.op == "negate":
            return f"(-{args[0]})"
        return self.call(expr.op, *map(strip, args))

    def call(self, function: str, *args: str) -> str:
        return f"{function}({', '.join(map(strip, args))})"

    def cast(self, expr: Expr, text: Callable[[Expr, str], str]) -> str:
        source = self.dtype(expr.args[0], expr.value)
        inner = text(expr.args[0], source)
        kind = "mask" if expr.value == "bool" else expr.value
        return inner if source == expr.value else self.call("cast", inner, f'"{kind}"')

    def uniform(self, expr: Expr) -> str:
        """Random numbers for the vector that starts at `element`, in the step that a statement holds."""
        key, dtype = expr.value
        step = self.scalar_of(expr.args[0].value)
        return self.call("uniform", "element", step, f"key{key}", f"key{key + 1}", f'"{dtype}"')


def subtrees(expr: Expr) -> list[Expr]:
    return [expr, *(tree for arg in expr.args for tree in subtrees(arg))]


def strip(text: str) -> str:
    """Without the one pair of parentheses that encloses all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for at, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and at < len(text) - 1:
            return text
    return text[1:-1]
