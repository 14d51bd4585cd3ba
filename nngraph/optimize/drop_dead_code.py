"""Drops nodes that no output and no state needs."""

from __future__ import annotations

from nngraph.ir.graph import Graph, Node


def drop_dead_code(graph: Graph) -> Graph:
    needed = set(graph.roots())
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.results):
            needed.update(node.inputs)
            kept.append(node)
    return Graph(graph.name, graph.inputs, tuple(reversed(kept)), graph.outputs, graph.states)
