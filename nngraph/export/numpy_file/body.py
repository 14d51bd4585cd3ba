"""`predict` of an exported file: a line for each node of a graph."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from typing import Final

import numpy as np

from nngraph.errors import Errors
from nngraph.export.numpy_file.expressions import EXPRESSIONS, expression, formula, literal
from nngraph.export.numpy_file.functions import accepted, function_of
from nngraph.ir.expr import argument
from nngraph.ir.graph import Graph, Node, Value
from nngraph.train.trainee import Trainee, scales_of

WIDTH: Final = 110
SMALL: Final = 64  # elements of a constant that is written out where it is used


def array_text(array: np.ndarray) -> str:
    """An array written out, every number as exactly as its type holds it."""
    with np.printoptions(nanstr="np.nan", infstr="np.inf"):
        text = np.array2string(
            array, separator=", ", threshold=array.size + 1, floatmode="unique", max_line_width=WIDTH
        )  # fmt: skip
    text = " ".join(text.split()).replace("[ ", "[").replace(" ,", ",").replace(" ]", "]")
    return f"np.array({text}, '{array.dtype}')"


class Body:
    """`predict` on its way: names of values, the functions and the arrays that it needs.

    Variables are called by their ops and numbers, and inputs by numbers: no name from a graph becomes one of Python's.
    """

    def __init__(self, graph: Graph, trainee: Trainee) -> None:
        self.graph, self.trainee = graph, trainee
        self.arrays = trainee.programs.store.public(("parameter", "statistic", "constant"))
        self.states = {state.old: state.name for state in graph.states}
        self.names: dict[Value, str] = {}
        self.counts: dict[str, int] = {}
        self.functions: set[str] = set()
        self.weights: dict[str, np.ndarray] = {}
        self.group = ""

    def lines(self) -> list[str]:
        """All of it.

        Raises
        ------
        Errors
            With a line for each node that cannot be written.
        """
        inputs = self.input_names()
        lines = [f"def predict({', '.join(inputs)}):", *self.docstring(), *self.input_lines(inputs)]
        wrong: list[str] = []
        for node in self.graph.nodes:
            try:
                lines += self.node_lines(node)
            except ValueError as error:
                wrong.append(f"node '{node.id}' ({node.op.name}): {error}")
                self.names |= dict.fromkeys(node.results, "")  # so that what comes after it is looked at too
        if wrong:
            raise Errors(wrong)
        return [*lines, f"    return {self.result()}"]

    def input_names(self) -> list[str]:
        only = len(self.graph.inputs) == 1
        names = ["x"] if only else [f"x{k}" for k in range(1, len(self.graph.inputs) + 1)]
        self.names |= dict(zip(self.graph.inputs, names, strict=True))
        return names

    def docstring(self) -> list[str]:
        if len(self.graph.inputs) == 1:
            return [f'    """What the network makes of its input, {self.graph.inputs[0].name!r}, an example a row."""']
        said = ", ".join(f"{self.names[value]} is {value.name!r}" for value in self.graph.inputs)
        return [f'    """What the network makes of its inputs, an example a row: {said}."""']

    def input_lines(self, names: Sequence[str]) -> list[str]:
        """Inputs as the network takes them, standardized as in training."""
        scales, lines = scales_of(self.trainee), list[str]()
        for name, value in zip(names, self.graph.inputs, strict=True):
            if value.name in scales:
                parts = zip(("mean", "std"), scales[value.name], strict=True)
                mean, std = (self.weight(f"{value.name}:{part}", array) for part, array in parts)
                lines.append(f"    {name} = (np.asarray({name}) - {mean}) / {std}  # standardized, as in training")
            lines.append(f"    {name} = np.asarray({name}, {value.type.dtype!r})")
        return lines

    def weight(self, name: str, array: np.ndarray) -> str:
        self.weights[name] = np.ascontiguousarray(array)
        return f"w[{name!r}]"

    def result(self) -> str:
        """The only output, or all by name."""
        if len(self.graph.outputs) == 1:
            return self.operand(self.graph.outputs[0][1])
        return "{" + ", ".join(f"{name!r}: {self.operand(value)}" for name, value in self.graph.outputs) + "}"

    def operand(self, value: Value) -> str:
        """The text that stands for a value."""
        if value in self.states:
            name = self.states[value]
            return self.weight(name, self.arrays[name])
        return self.names[value]

    def node_lines(self, node: Node) -> list[str]:
        """The line of a node, and a heading where another composite begins."""
        if node.op.name == "constant" and self.inlined(node):
            return []
        text = self.call(node)
        name = f"{node.op.name}_{self.counts.setdefault(node.op.name, 0) + 1}"
        self.counts[node.op.name] += 1
        self.names[node.result] = name
        heading, parent = list[str](), node.id.rpartition("/")[0]
        if parent != self.group:
            heading = ["", f"    # {parent}"] if parent else [""]
            self.group = parent
        return [*heading, *wrapped(name, text, node.id)]

    def inlined(self, node: Node) -> bool:
        """Let a constant stand where it is used: a number as itself, an array by its name."""
        array = np.asarray(node.attributes["value"], node.result.type.dtype)
        if array.ndim == 0:
            number = literal(float(str(array)) if array.dtype.kind == "f" else array.item())  # 0.1, not all its digits
            self.names[node.result] = f"({number})" if number.startswith("-") else number
        elif array.size <= SMALL:
            self.names[node.result] = array_text(array)
        else:
            self.names[node.result] = self.weight(f"{node.id}:value", array)
        return True

    def call(self, node: Node) -> str:
        """What computes a node.

        Raises
        ------
        ValueError
            If nothing here does.
        """
        op, operands = node.op, [self.operand(value) for value in node.inputs]
        if op.name in EXPRESSIONS:
            return expression(op.name, operands, node.attributes, node.result.type.shape)
        name = function_of(op.name)
        if name is not None:
            self.functions.add(name)
            taken = accepted(name)
            given = {k: x for k, x in node.attributes.items() if k in PASSED and (taken is None or k in taken)}
            given = {k: x for k, x in given.items() if k not in op.attributes or x != op.attributes[k].default}
            return f"{name}({', '.join([*operands, *(f'{k}={literal(x)}' for k, x in given.items())])})"
        text = None
        if op.expr is not None and len(node.results) == 1:
            expr = op.expr(*map(argument, range(len(operands))), **node.attributes)
            text = formula(expr, operands, node.result.type.shape)
        if text is None:
            raise ValueError("has no form in plain NumPy; give its record an expr, or an expand into ops that have one")
        self.functions |= {word for word in ("sigmoid", "softplus", "erf") if f"{word}(" in text}
        return text


PASSED: Final = frozenset({
    "transpose_a", "transpose_b", "slope", "alpha", "form", "axis", "epsilon", "groups", "classes", "dtype", "start",
    "stop", "step", "shape", "factor", "stride", "padding", "dilation", "multiplier", "size", "include_padding",
    "axes",
})  # fmt: skip


def wrapped(name: str, text: str, id: str) -> list[str]:
    """An assignment with a node's id behind it, in several lines where it is long."""
    line = f"    {name} = {text}"
    if len(line) <= WIDTH:
        return [f"{line}  # {id}"]
    if not isinstance(ast.parse(text, mode="eval").body, ast.Call):  # a call has its parentheses, whatever it is of
        line = f"    {name} = ({text})"
    first, *rest = textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip
    return [f"{first}  # {id}", *rest]
