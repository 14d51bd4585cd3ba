"""The dictionaries in which a declared graph stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nngraph.ir.declaration import Number

Edges = dict[str, dict[str, dict[int, dict[str, Any]]]]


class Wiring:
    """The dictionaries of a networkx.MultiDiGraph, before anybody asks for one.

    Importing networkx takes longer than compiling a small network, so the graph is kept in networkx's own
    layout, and `Graph.nx` puts a MultiDiGraph around these very dictionaries.
    """

    __slots__ = ("adj", "graph", "nodes", "pred")

    def __init__(self, name: str) -> None:
        self.graph: dict[str, Any] = {"name": name, "outputs": {}}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.adj: Edges = {}
        self.pred: Edges = {}

    def add(self, id: str, attributes: dict[str, Any]) -> None:
        """Add a node without edges."""
        self.nodes[id] = attributes
        self.adj[id] = {}
        self.pred[id] = {}

    def connect(self, id: str, sources: Sequence[str | Number]) -> None:
        """Add the edges that lead to a node; the key of an edge is the operand's position."""
        into = self.pred[id]
        numbers: list[tuple[int, Number]] = []
        for position, source in enumerate(sources):
            if not isinstance(source, str):
                numbers.append((position, source))
                continue
            if source not in into:
                into[source] = self.adj[source][id] = {}
            into[source][position] = {}
        if numbers:
            self.nodes[id]["numbers"] = tuple(numbers)
