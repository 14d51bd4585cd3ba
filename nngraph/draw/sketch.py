"""A picture under construction: items go into the groups that their ids name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nngraph.draw.picture import TOP, Item, Link
from nngraph.draw.program import GRADIENT

Describe = Callable[[str], dict[str, Any]]  # from the path of a group to attributes of its Item
APART = GRADIENT.rstrip("/")  # no group of its own: the backward pass stands beside the forward one


class Sketch:
    """Items and links, added one by one.

    Parameters
    ----------
    paths : iterable of str
        The ids of all nodes that will be added by `node`; where at least two share a beginning up to a "/", there is
        a group of that name.
    describe : callable
        What is known of a group by its path.
    """

    def __init__(self, paths: Iterable[str], describe: Describe) -> None:
        self.items: list[Item] = []
        self.links: dict[Link, None] = {}
        self.describe = describe
        self.groups = dict.fromkeys(grouped(paths), TOP)

    def add(self, parent: int, id: str, **known: Any) -> int:
        """Add an item to a group; its key."""
        key = len(self.items)
        given: dict[str, Any] = {"label": id, **known}
        self.items.append(Item(key, parent, id, **given))
        return key

    def node(self, id: str, **known: Any) -> int:
        """Add a node to the group that its id names."""
        parent = self.group_around(id, itself=True)
        around = self.items[parent].id if parent != TOP else ""
        return self.add(parent, id, label=label_in(id, around) or known["op"], role=role_of(id), **known)

    def group_around(self, id: str, itself: bool) -> int:
        """The key of the innermost group that `id` belongs to; groups are made when something first needs them."""
        path = id if itself else id.rpartition("/")[0]
        while path and path not in self.groups:
            path = path.rpartition("/")[0]
        if not path:
            return TOP
        if self.groups[path] == TOP:
            outer = self.group_around(path, itself=False)
            around = self.items[outer].id if outer != TOP else ""
            known = {"op": "", "sort": "group", "group": "group", "role": role_of(path), **self.describe(path)}
            self.groups[path] = self.add(outer, path, label=label_in(path, around), **known)
        return self.groups[path]

    def link(self, source: int, target: int, value: str, type: str, label: str = "") -> None:
        """Draw an arrow; equal ones are one."""
        self.links[Link(source, target, value, type, label)] = None

    def change(self, key: int, **known: Any) -> None:
        self.items[key] = replace(self.items[key], **known)

    def totals(self) -> None:
        """Give every group that says nothing of its parameters and multiply-adds the sum of what it holds."""
        for item in reversed(self.items):
            if item.parent != TOP and item.role == "forward":
                group = self.items[item.parent]
                if "total" not in group.facts.attributes:
                    self.change(
                        group.key, parameters=group.parameters + item.parameters,
                        multiply_adds=group.multiply_adds + item.multiply_adds,
                    )  # fmt: skip


def grouped(paths: Iterable[str]) -> list[str]:
    """The beginnings of ids that at least two of them share, but for those that hold one group and nothing else."""
    held: Counter[str] = Counter()
    for id in paths:
        path = id
        while path:
            held[path] += 1
            path = path.rpartition("/")[0]
    held.pop(APART, None)
    inner: Counter[tuple[str, int]] = Counter((path.rpartition("/")[0], count) for path, count in held.items())
    return [path for path, count in held.items() if count > 1 and not inner[path, count]]


def label_in(id: str, group: str) -> str:
    """What remains of an id inside of a group; "" for the one that bears the group's own."""
    return id.removeprefix(group).removeprefix("/") if group and (id + "/").startswith(group + "/") else id


def role_of(id: str) -> str:
    first = id.partition("/")[0]
    return {"gradient": "backward", "update": "update"}.get(first, "forward")
