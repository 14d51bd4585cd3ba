"""A picture with some groups open as nodes and edges without ports: for formats that lay themselves out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nngraph.draw.picture import TOP, Item, Link, Picture
from nngraph_kernels.record import record


@record
class Edge:
    """All values from one seen item to another.

    Attributes
    ----------
    role : str
        "forward", "backward", or "aside" from the one to the other.
    """

    source: int
    target: int
    label: str
    role: str


class Flat:
    """What is seen of a picture.

    Attributes
    ----------
    opened : frozenset of int
        Groups that are open and not hidden in a closed one.
    children : mapping of int to list of int
        Of TOP and every group.
    """

    def __init__(self, picture: Picture, opened: Collection[int]) -> None:
        self.picture = picture
        self.children = picture.children()
        wanted = set(opened)
        self.opened = frozenset(key for key in wanted if all(g in wanted for g in picture.ancestors(key) if g != TOP))
        self.producers: dict[int, list[int]] = {}
        self.readers: dict[tuple[int, str], list[int]] = {}
        for link in picture.links:
            if self.holds(link.target, link.source):
                self.producers.setdefault(link.target, []).append(link.source)
            elif self.holds(link.source, link.target):
                self.readers.setdefault((link.source, link.value), []).append(link.target)

    def holds(self, group: int, key: int) -> bool:
        return group != key and group in self.picture.ancestors(key)

    def seen(self, key: int) -> int:
        """The item itself, or the outermost closed group around it."""
        found = key
        for group in self.picture.ancestors(key):
            if group != TOP and group not in self.opened:
                found = group
        return found

    def sources(self, key: int) -> Iterator[int]:
        """What makes the value of an item: itself, or inside of an open group its last nodes."""
        if key not in self.opened:
            yield self.seen(key)
        else:
            for inner in self.producers.get(key) or self.children[key][-1:]:
                yield from self.sources(inner)

    def targets(self, key: int, value: str) -> Iterator[int]:
        """What reads a value: the item itself, or inside of an open group those of its nodes that do."""
        if key not in self.opened:
            yield self.seen(key)
        else:
            for inner in self.readers.get((key, value)) or self.children[key][:1]:
                yield from self.targets(inner, value)

    def edges(self) -> list[Edge]:
        """All that is seen of the links, in order."""
        found: dict[tuple[int, int], dict[str, str]] = {}
        for link in self.picture.links:
            if not self.holds(link.target, link.source) and not self.holds(link.source, link.target):
                self.add(link, found)
        return [self.edge(source, target, values) for (source, target), values in found.items()]

    def add(self, link: Link, found: dict[tuple[int, int], dict[str, str]]) -> None:
        for source in self.sources(link.source):
            for target in self.targets(link.target, link.value):
                if source != target:
                    found.setdefault((source, target), {})[link.value] = link.written

    def edge(self, source: int, target: int, values: dict[str, str]) -> Edge:
        roles = [self.picture.items[key].role for key in (source, target)]
        role = "forward" if roles == ["forward"] * 2 else "aside" if roles[0] == "forward" else "backward"
        label = next(iter(values.values())) if len(values) == 1 else f"{len(values)} values"
        return Edge(source, target, label, role)

    def items(self, group: int = TOP) -> Iterator[Item]:
        """What is directly inside of a group."""
        for key in self.children[group]:
            yield self.picture.items[key]
