"""Computes scalars that depend on constants alone."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.rewrite import rewrite
from nngraph.ir.types import Batch


def fold_constants(graph: Graph) -> Graph:
    """Fold elementwise ops on scalar constants; what depends on the batch stays."""
    known = {n.result: n.op.reference(**n.attributes) for n in graph.nodes if is_scalar(n) and not n.inputs}

    def fold(b: Builder, node: Node) -> tuple[Value, ...] | None:
        if not is_scalar(node) or symbolic(node) or any(value not in known for value in node.inputs):
            return None
        with np.errstate(all="ignore"):
            number = np.asarray(node.op.reference(*(known[v] for v in node.inputs), **node.attributes))
        folded = b.constant(number.item(), node.result.type.dtype)
        known[folded] = number
        return (folded,)

    names = {n.op.name for n in graph.nodes if n.op.expr and is_scalar(n) and n.inputs}
    return rewrite(graph, dict.fromkeys(names, fold)) if known and names else graph


def is_scalar(node: Node) -> bool:
    return (bool(node.op.expr) or node.op.name == "constant") and node.results[0].type.shape == ()


def symbolic(node: Node) -> bool:
    return node.op.random or any(isinstance(item, Batch) for item in node.attributes.values())
