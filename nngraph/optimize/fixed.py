"""Values that are the same for every batch, as long as no state changes."""

from __future__ import annotations

from typing import Any

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.types import Batch


def fixed_values(graph: Graph) -> set[Value]:
    """The states, and what depends on them and on constants alone; none where a step changes states."""
    if any(state.new is not state.old for state in graph.states):
        return set()
    fixed = {state.old for state in graph.states}
    for node in graph.nodes:
        if not node.op.random and all(value in fixed for value in node.inputs) and not of_batch(node):
            fixed.update(node.results)
    return fixed


def of_batch(node: Node) -> bool:
    """Whether the size of the batch is part of what `node` makes."""
    made = any(isinstance(dim, Batch) for value in node.results for dim in value.type.shape)
    return made or any(map(names_batch, node.attributes.values()))


def names_batch(item: Any) -> bool:
    if isinstance(item, tuple):
        return any(map(names_batch, item))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(item, Batch)
