"""The body of a fused kernel: its nodes as statements, without names, sizes or constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nngraph.ir.elementwise import elementwise_of
from nngraph.ir.expr import Expr
from nngraph.ir.graph import Node, Value
from nngraph.ir.program import FULL, REDUCTIONS, ROW, UNIFORM, Statement
from nngraph.ir.types import Dim, Shape

INLINE = (0.0, 1.0, -1.0, 2.0, 0.5)


class Body:
    """Collects statements, and beside them what they refer to: operands, numbers, keys of random streams.

    Attributes
    ----------
    load_level : callable
        How often an operand changes.
    origins : list of str
        For each statement the name of the value that it computes or loads.
    operands : list of Value
        What is loaded, in order; each at the level that `load_level` gave when it was first needed.
    positions : set of str
        "index" and "uniform", where statements depend on their place along the last axis or in the tensor.
    """

    def __init__(self, load_level: Callable[[Value], int], space: Shape = ()) -> None:
        self.load_level = load_level
        self.space = space
        self.positions: set[str] = set()
        self.statements: list[Statement] = []
        self.origins: list[str] = []
        self.position: dict[Value, int] = {}
        self.operands: list[Value] = []
        self.numbers: list[float | Dim] = []
        self.keys: list[int] = []
        self.flops = 0

    def load(self, value: Value) -> int:
        """The statement that holds `value`, loading it where nothing made it."""
        if value not in self.position:
            self.operands.append(value)
            level = self.load_level(value)
            self.put(value, Statement("load", level, value.type.dtype, operand=len(self.operands) - 1))
        return self.position[value]

    def forget_loads(self) -> None:
        """Load again what is needed from here on."""
        for value in self.operands:
            self.position.pop(value, None)

    def put(self, value: Value, statement: Statement) -> None:
        self.position[value] = len(self.statements)
        self.statements.append(statement)
        self.origins.append(value.name)

    def add(self, node: Node) -> None:
        """Append an elementwise node, a constant, or a reduction."""
        if node.op.name in REDUCTIONS:
            self.reduction(node)
        elif node.op.name == "constant":
            self.compute(node, Expr("constant", value=node.attributes["value"]))
        else:
            found = elementwise_of(node)
            self.flops += found.size
            self.compute(node, found.expr, found.positional and any(dim != 1 for dim in self.space))

    def compute(self, node: Node, tree: Expr, positional: bool = False) -> None:
        """Append `tree` over the node's inputs, its constants turned into arguments."""
        sources = tuple(map(self.load, node.inputs))
        value = node.results[0]
        level = max((self.statements[source].level for source in sources), default=UNIFORM)
        dtype = value.type.dtype
        bound = self.bind(tree, sources, dtype)
        self.put(value, Statement("compute", FULL if positional else level, dtype, bound))

    def reduction(self, node: Node) -> None:
        source = self.load(node.inputs[0])
        self.flops += 1
        self.put(node.results[0], Statement(node.op.name, ROW, node.results[0].type.dtype, operand=source))

    def bind(self, tree: Expr, sources: tuple[int, ...], dtype: str) -> Expr:
        """`tree` over statements instead of arguments, over argument slots instead of constants."""
        if tree.op == "argument":
            return Expr("argument", value=sources[tree.value])
        if tree.op == "constant":
            return self.number(tree.value)
        if tree.op == "index" and self.space[-1:] in ((), (1,)):
            return Expr("constant", value=0.0)
        if tree.op in ("index", "uniform"):
            self.positions.add(tree.op)
        args = tuple(self.bind(arg, sources, dtype) for arg in tree.args)
        if tree.op == "uniform":
            self.keys += tree.value
            return Expr("uniform", args, (len(self.keys) - 2, dtype))
        return Expr(tree.op, args, tree.value)

    def number(self, value: Any) -> Expr:
        """A constant of every formula is written out; any other becomes an argument."""
        if isinstance(value, (int, float)) and float(value) in INLINE and str(float(value)) != "-0.0":
            return Expr("constant", value=float(value))
        if value not in self.numbers:
            self.numbers.append(value)
        return Expr("number", value=self.numbers.index(value))
