"""What passes and the scheduler ask of an elementwise node's expression."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nngraph.errors import DeclarationError
from nngraph.ir.expr import TRANSCENDENTAL, Expr, argument
from nngraph.ir.graph import Node
from nngraph.ir.op import FacetError, Op, call_facet
from nngraph_kernels.record import record

FREE = ("argument", "constant", "index", "cast")


@record
class Elementwise:
    """An expression and what is often asked of it.

    Attributes
    ----------
    size : int
        Operations in it.
    positional : bool
        Whether the value depends on where in the tensor it stands.
    transcendental : bool
        Whether it is costly to compute again.
    """

    expr: Expr
    size: int
    positional: bool
    transcendental: bool


def elementwise_of(node: Node) -> Elementwise:
    """What an elementwise node computes of its inputs; DeclarationError where the op's `expr` fails."""
    attributes = tuple(node.attributes.items())
    try:
        try:
            return cached(node.op, len(node.inputs), attributes)
        except TypeError:  # an attribute that has no hash
            return analyzed(node.op, len(node.inputs), attributes)
    except ValueError as error:
        raise DeclarationError(f"node '{node.id}' ({node.op.name}): {error}") from error


def analyzed(op: Op, arity: int, attributes: tuple[tuple[str, Any], ...]) -> Elementwise:
    tree: Any = call_facet(op, "expr", *map(argument, range(arity)), **dict(attributes))
    if not isinstance(tree, Expr):
        raise FacetError(f"its expr gave {tree!r}, an expression of its arguments expected")
    ops = operations(tree)
    costly = not TRANSCENDENTAL.isdisjoint(ops)
    return Elementwise(tree, work_of(tree), "index" in ops or "uniform" in ops, costly)


cached = lru_cache(maxsize=4096)(analyzed)


def work_of(tree: Expr) -> int:
    """Primitives in `tree` that compute something."""
    return sum(name not in FREE for name in operations(tree))


def operations(tree: Expr) -> list[str]:
    return [tree.op, *(op for arg in tree.args for op in operations(arg))]


def is_positional(node: Node) -> bool:
    """Whether what the node computes depends on where in the tensor it stands."""
    return bool(node.op.expr) and elementwise_of(node).positional
