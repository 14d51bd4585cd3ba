"""Ops that ONNX has too, under another name: element by element, whatever the order of the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from nngraph.ir import expr as e
from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading, Unreadable, Writer
from nngraph.ir.graph import Node
from nngraph.ir.types import Batch

Names = Mapping[str, tuple[str, Any]]


def same(
    operator: str, first: int, last: int, attributes: Names | None = None, *, variadic: bool = False,
    more: Mapping[str, Reading] | None = None,
) -> Onnx:  # fmt: skip
    """One node of ours is one of ONNX's.

    Parameters
    ----------
    first, last : int
        Forms of the operator that are understood.
    attributes : mapping of str to (str, default)
        For ours the name of ONNX's and its default there.
    variadic : bool
        ONNX's takes any number of inputs, ours two.
    more : mapping of str to Reading
        Other operators that are read as this op.
    """
    names = attributes or {}

    def write(w: Writer, node: Node) -> None:
        given = {theirs: node.attributes[ours] for ours, (theirs, _) in names.items()}
        tensors, give = w.alike(node.inputs, node.result)
        give(w.add(operator, *tensors, **given))

    def read(r: Reader, n: OnnxNode) -> None:
        given = {ours: n.attributes.get(theirs, default) for ours, (theirs, default) in names.items()}
        values, axes = r.common(aligned(r, n))
        while variadic and len(values) > 2:
            values[:2] = [r.help(r.op, values[0], values[1])]
        alone = variadic and len(values) == 1
        r.give(n.outputs[0], r.make("identity" if alone else r.op, *values, **given), axes)

    return Onnx(write, {operator: Reading(read, first, last), **(more or {})})


def aligned(r: Reader, n: OnnxNode) -> list[str]:
    """The inputs of an elementwise node; before opset 7 a second one could be aligned with an axis in the middle."""
    tensors = [name for name in n.inputs if name]
    if n.attributes.get("broadcast") and "axis" in n.attributes and len(tensors) == 2:
        left, right = r.shape(tensors[0]), r.shape(tensors[1])
        axis = n.attributes["axis"] % len(left)
        if axis + len(right) != len(left):
            array = r.known(tensors[1], "a second input aligned with an axis in the middle")
            name = f"{n.outputs[0]}/aligned"
            r.give_array(name, array.reshape(*array.shape, *(1,) * (len(left) - axis - len(right))))
            return [tensors[0], name]
    return tensors


# What a primitive of `expr` is in ONNX, as far as it is one operator.
PRIMITIVES = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negate": "Neg", "absolute": "Abs",
    "sqrt": "Sqrt", "floor": "Floor", "exp": "Exp", "log": "Log", "power": "Pow", "tanh": "Tanh",
    "sigmoid": "Sigmoid", "erf": "Erf", "softplus": "Softplus", "cos": "Cos", "maximum": "Max", "minimum": "Min",
    "select": "Where", "less": "Less", "less_equal": "LessOrEqual", "equal": "Equal", "logical_and": "And",
    "logical_or": "Or", "logical_not": "Not",
}  # fmt: skip
TRUTHS = ("less", "less_equal", "equal", "logical_and", "logical_or", "logical_not")
CODES = {"float32": 1, "float64": 11, "int32": 6, "int64": 7, "bool": 9}


def write_expression(w: Writer, node: Node) -> None:
    """An elementwise op by its formula, primitive by primitive."""
    assert node.op.expr
    tree: e.Expr = node.op.expr(*map(e.argument, range(len(node.inputs))), **node.attributes)
    give: Callable[[str], None]
    if "index" in names_in(tree):  # which counts along our last axis
        tensors, give = [w.plain(value) for value in node.inputs], partial(w.give, node.result)
    else:
        tensors, give = w.alike(node.inputs, node.result)
    written = Formula(w, node, tensors)
    tensor, dtype = written.of(tree)
    give(tensor if dtype == node.result.type.dtype else w.add("Cast", tensor, to=CODES[node.result.type.dtype]))


def names_in(tree: e.Expr) -> set[str]:
    found = {tree.op}
    for arg in tree.args:
        found |= names_in(arg)
    return found


class Formula:
    """An expression on its way into ONNX nodes; each part is written once."""

    def __init__(self, w: Writer, node: Node, tensors: list[str]) -> None:
        self.w, self.node, self.tensors = w, node, tensors
        self.known: dict[Any, tuple[str, str]] = {}

    def of(self, tree: e.Expr) -> tuple[str, str]:
        """The tensor that `tree` is, and its dtype."""
        found = self.known.get(tree)
        if found is None:
            found = self.known[tree] = self.write(tree)
        return found

    def write(self, tree: e.Expr) -> tuple[str, str]:
        types = [value.type for value in self.node.inputs]
        if tree.op == "argument":
            place: int = tree.value
            return self.tensors[place], types[place].dtype
        if tree.op == "constant":
            return self.number(tree.value, self.node.result.type.dtype)
        if tree.op == "index":
            size = self.node.result.type.shape[-1]
            if isinstance(size, Batch):
                raise ValueError("positions along the batch are not known before there is one")
            return self.w.constant(np.arange(size, dtype=np.int32)), "int32"
        if tree.op == "cast":
            return self.w.add("Cast", self.of(tree.args[0])[0], to=CODES[tree.value]), tree.value
        return self.compound(tree)

    def compound(self, tree: e.Expr) -> tuple[str, str]:
        """A primitive of several operands, numbers being of the dtype of what stands beside them."""
        floats = tree.args[1:] if tree.op == "select" else tree.args
        dtype = next((self.of(a)[1] for a in floats if a.op != "constant"), self.node.result.type.dtype)
        operands = [self.number(a.value, dtype)[0] if a.op == "constant" else self.of(a)[0] for a in tree.args]
        if tree.op == "fma":
            return self.w.add("Add", self.w.add("Mul", *operands[:2]), operands[2]), dtype
        if tree.op == "expm1":
            return self.w.add("Sub", self.w.add("Exp", *operands), self.number(1.0, dtype)[0]), dtype
        if tree.op == "log1p":
            return self.w.add("Log", self.w.add("Add", *operands, self.number(1.0, dtype)[0])), dtype
        if tree.op not in PRIMITIVES:
            raise ValueError(f"ONNX has nothing for its primitive '{tree.op}'")
        return self.w.add(PRIMITIVES[tree.op], *operands), "bool" if tree.op in TRUTHS else dtype

    def number(self, value: Any, dtype: str) -> tuple[str, str]:
        if isinstance(value, Batch):
            raise ValueError("a number that depends on the batch has no place in an exported graph")
        return self.w.constant(np.array(value, dtype)), dtype


FORMULA = Onnx(write_expression)


def expect(condition: bool, message: str) -> None:
    """Raise what a reader says of a node that it cannot read."""
    if not condition:
        raise Unreadable(message)


def recognized(read: Callable[[Reader, OnnxNode], None], op: str) -> dict[str, Reading]:
    """How a node is read that a pattern has made of several."""
    return {f"nngraph:{op}": Reading(read, 0, 0)}
