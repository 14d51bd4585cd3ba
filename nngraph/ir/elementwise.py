"""What passes and the scheduler ask of an elementwise node's expression."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nngraph.ir.expr import TRANSCENDENTAL, Expr, argument
from nngraph.ir.graph import Node
from nngraph.ir.op import Op


def expression_of(node: Node) -> Expr:
    """What an elementwise node computes of its inputs."""
    return expression(node.op, len(node.inputs), tuple(node.attributes.items()))


@lru_cache(maxsize=4096)
def expression(op: Op, arity: int, attributes: tuple[tuple[str, Any], ...]) -> Expr:
    assert op.expr is not None
    return op.expr(*map(argument, range(arity)), **dict(attributes))


@lru_cache(maxsize=4096)
def size(tree: Expr) -> int:
    """Operations in `tree`."""
    own = tree.op not in ("argument", "constant", "index", "cast")
    return own + sum(map(size, tree.args))


@lru_cache(maxsize=4096)
def positional(tree: Expr) -> bool:
    """Whether the value depends on where in the tensor it stands."""
    return tree.op in ("index", "uniform") or any(map(positional, tree.args))


@lru_cache(maxsize=4096)
def transcendental(tree: Expr) -> bool:
    """Whether the value is costly to compute again."""
    return tree.op in TRANSCENDENTAL or any(map(transcendental, tree.args))
