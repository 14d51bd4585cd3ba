"""Computes equal values once: same op, same inputs, same attributes; never what is random."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.rewrite import substitute, with_inputs


def share_subexpressions(graph: Graph) -> Graph:
    stands_for: dict[Value, Value] = {}
    seen: dict[Hashable, Node] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        moved = with_inputs(node, stands_for)
        first = moved if node.op.random else seen.setdefault(key_of(moved), moved)
        if first is moved:
            kept.append(moved)
        else:
            stands_for.update(zip(node.results, first.results, strict=True))
    return substitute(graph, kept, stands_for)


def key_of(node: Node) -> Hashable:
    attributes = tuple((name, hashable(item)) for name, item in node.attributes.items())
    return node.op.name, node.inputs, attributes


def hashable(item: Any) -> Hashable:
    """1 and True, or 0.0 and -0.0, are equal in Python but not the same attribute."""
    if isinstance(item, (list, np.ndarray)):
        array: np.ndarray = np.asarray(item)  # pyright: ignore[reportUnknownArgumentType]
        return array.dtype.str, array.shape, array.tobytes()
    kind: type = type(item)  # pyright: ignore[reportUnknownVariableType]
    return kind, repr(item) if isinstance(item, float) else item
