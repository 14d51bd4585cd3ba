"""The declared graph as `lower` reads it: a networkx.MultiDiGraph whose nodes carry ops and attributes.

A node's attributes are ``op``, the op's own attributes (those left out have their defaults), and

- ``numbers``: pairs (operand position, number) where a number stands in place of a value;
- ``type``: the inferred type as text, for readers only.

The key of an edge is the position of the operand that it brings: `add(x, x)` is two edges, with keys 0 and 1.
The graph's own attributes are ``name``, ``outputs`` (output name to node id) and ``training`` (defaults).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Number = int | float
INPUT = "input"
NOTES = ("op", "numbers", "type")


class Declared(Protocol):
    """What is read of a networkx.MultiDiGraph; plain dictionaries of the same layout will do."""

    @property
    def graph(self) -> Mapping[str, Any]: ...

    @property
    def nodes(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def adj(self) -> Mapping[str, Mapping[str, Mapping[int, Any]]]: ...

    @property
    def pred(self) -> Mapping[str, Mapping[str, Mapping[int, Any]]]: ...


def operands_of(declared: Declared, id: str) -> list[str | Number]:
    """What node `id` is applied to, in order: ids of nodes, and numbers."""
    found: list[tuple[int, str | Number]] = [
        (position, source) for source, keys in declared.pred[id].items() for position in keys
    ]
    found += declared.nodes[id].get("numbers", ())
    if len(found) > 1:
        found.sort(key=position_of)
    return [operand for _, operand in found]


def position_of(pair: tuple[int, Any]) -> int:
    return pair[0]


def attributes_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a declared node's attributes that are its op's."""
    return {name: item for name, item in given.items() if name not in NOTES}
