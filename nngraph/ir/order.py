"""The one order of a declared graph's nodes: topological, and by insertion where that leaves a choice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush

Neighbors = Mapping[str, Collection[str]]


def topological_order(nodes: Iterable[str], successors: Neighbors, predecessors: Neighbors) -> list[str]:
    """Nodes sorted so that each follows its predecessors, the earliest inserted first among those ready.

    Nodes that a cycle keeps from ever being ready are missing from the result.
    """
    ids = list(nodes)
    position = {id: k for k, id in enumerate(ids)}
    if all(position[source] < k for k, id in enumerate(ids) for source in predecessors[id]):
        return ids  # inserted in a topological order already, as the methods of a graph do
    missing = {id: len(predecessors[id]) for id in ids}
    ready = [position[id] for id in ids if not missing[id]]
    heapify(ready)
    found: list[str] = []
    while ready:
        id = ids[heappop(ready)]
        found.append(id)
        for target in successors[id]:
            missing[target] -= 1
            if not missing[target]:
                heappush(ready, position[target])
    return found


def find_cycle(stuck: Collection[str], predecessors: Neighbors) -> list[str]:
    """The nodes of one cycle, along its edges, among `stuck`: those that `topological_order` left out."""
    left = set(stuck)
    path: list[str] = []
    seen: dict[str, int] = {}
    id = next(iter(stuck))
    while id not in seen:
        seen[id] = len(path)
        path.append(id)
        id = next(source for source in predecessors[id] if source in left)
    return path[seen[id] :][::-1]
