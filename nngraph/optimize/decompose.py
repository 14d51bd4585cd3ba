"""Writes softmax, mean, normalize and the like in elementwise ops and reductions, which fuse."""

from __future__ import annotations

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.rewrite import rewrite


def decompose(graph: Graph) -> Graph:
    """Replace every node whose op has a `decompose` facet, until none is left."""
    names = {node.op.name for node in graph.nodes if node.op.decompose}
    while names:
        graph = rewrite(graph, dict.fromkeys(names, apply_facet))
        names = {node.op.name for node in graph.nodes if node.op.decompose}
    return graph


def apply_facet(b: Builder, node: Node) -> tuple[Value, ...]:
    rule = node.op.decompose
    assert rule is not None
    return rule(b, node)
