"""Merges elementwise work into its producers: other elementwise work, reductions and matrix products."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.optimize.groups import (
    Group,
    accepts_column_reduction,
    accepts_elementwise,
    accepts_row_reduction,
)

REDUCTIONS = ("sum", "max", "min")


def fuse(graph: Graph) -> Graph:
    """Replace each group of nodes that one kernel can compute by a `fused` node.

    Groups come out in an order in which everything is read after it is made, and a state is written after
    everything that reads its old value where possible, so that the plan can write it in place.
    """
    fuser = Fuser(graph)
    for node in graph.nodes:
        fuser.place(node)
    groups = ordered(graph, fuser)
    return Graph(graph.name, graph.inputs, tuple(map(fuser.emit, groups)), graph.outputs, graph.states)


class Fuser:
    """The state of one run of the pass: which group makes which value."""

    def __init__(self, graph: Graph) -> None:
        self.makers: dict[Value, Group] = {}
        self.uses: Counter[Value] = Counter(value for node in graph.nodes for value in node.inputs)
        self.uses.update(graph.roots())
        self.scalars: dict[Value, Node] = {}
        self.in_memory = set(graph.roots())
        self.in_memory.update(v for node in graph.nodes if not node.op.expr for v in node.inputs)
        self.groups: list[Group] = []

    def place(self, node: Node) -> None:
        """Put `node` into a group."""
        if self.is_free(node):
            self.scalars[node.result] = node
            return
        candidates, rank = self.producers(node)
        if node.op.expr:
            group = self.place_elementwise(node, candidates, rank)
        elif node.op.name in REDUCTIONS:
            group = self.place_reduction(node, candidates, rank)
        else:
            kind = "matmul" if node.op.name == "matmul" else "alone"
            group = self.open(Group(kind, node.results[0].type.shape, rank + 1, anchored=True))
        self.join(group, node)

    def is_free(self, node: Node) -> bool:
        """A scalar that depends on constants alone: every kernel that reads it computes it for itself."""
        if node.op.random or node.results[0] in self.in_memory:
            return False
        if any(value not in self.scalars for value in node.inputs):
            return False
        return node.results[0].type.shape == () and bool(node.op.expr or node.op.name == "constant")

    def producers(self, node: Node) -> tuple[list[Group], int]:
        """The groups of highest rank that `node` reads from, and that rank."""
        groups = {self.makers[value]: None for value in node.inputs if value in self.makers}
        rank = max((group.rank for group in groups), default=0)
        return [group for group in groups if group.rank == rank], rank

    def place_elementwise(self, node: Node, candidates: list[Group], rank: int) -> Group:
        if candidates and all(accepts_elementwise(group, node) for group in candidates):
            if len(candidates) == 1:
                return candidates[0]
            if mergeable(candidates):
                return self.merge(candidates)
        shape = node.result.type.shape
        return self.open(Group("rows", shape, rank + 1))

    def place_reduction(self, node: Node, candidates: list[Group], rank: int) -> Group:
        """Over the last axes: one of the reductions of a row kernel. Over others: a column kernel."""
        shape, axes = node.inputs[0].type.shape, node.attributes["axis"]
        if axes[-1] == len(shape) - 1:
            inner = len(axes)
            if not (candidates and accepts_row_reduction(candidates[0], node, inner)):
                candidates = [self.open(Group("rows", shape, rank + 1))]
            candidates[0].inner, candidates[0].anchored = inner, True
            return candidates[0]
        inner = len(shape) - 1 - axes[-1]
        if not (candidates and self.feeds_only(candidates[0], node) and accepts_column_reduction(candidates[0], node, inner)):
            candidates = [self.open(Group("columns", shape, rank + 1))]
        group = candidates[0]
        group.kind, group.inner, group.anchored, group.after = "columns", inner, True, node.result.type.shape
        return group

    def feeds_only(self, group: Group, node: Node) -> bool:
        """Whether nothing but `node` reads what `group` makes."""
        if len(group.members) > 8:
            return False
        inside = Counter(value for member in (*group.members, node) for value in member.inputs)
        return all(self.uses[value] == inside[value] for value in group.made)

    def open(self, group: Group) -> Group:
        self.groups.append(group)
        return group

    def join(self, group: Group, node: Node) -> None:
        group.add(node)
        for value in node.results:
            self.makers[value] = group

    def merge(self, groups: list[Group]) -> Group:
        """Groups of one rank never depend on each other."""
        first, *others = groups
        for other in others:
            for node in other.members:
                self.join(first, node)
            first.anchored |= other.anchored
            first.inner = max(first.inner, other.inner)
            other.members = []
        return first

    def emit(self, group: Group) -> Node:
        """The group as one node."""
        needed = {value for node in group.members for value in node.inputs if value in self.scalars}
        if len(group.members) == 1 and not needed:
            return group.members[0]
        return fused_node(group, self.free_nodes(needed), self.uses)

    def free_nodes(self, needed: Iterable[Value]) -> list[Node]:
        """The nodes that make these scalars, in order."""
        found: dict[Node, None] = {}

        def visit(value: Value) -> None:
            node = self.scalars[value]
            for source in node.inputs:
                visit(source)
            found.setdefault(node)

        for value in needed:
            visit(value)
        return list(found)


def mergeable(groups: list[Group]) -> bool:
    """Row kernels over one space, with reductions over the same axes if any."""
    spaces = {group.space for group in groups}
    inner = {group.inner for group in groups if group.anchored}
    members = sum(len(group.members) for group in groups)
    return all(g.kind == "rows" for g in groups) and len(spaces) == 1 and len(inner) <= 1 and members < 40


def fused_node(group: Group, free: list[Node], uses: Counter[Value]) -> Node:
    """A node whose inner graph holds the group's members and the scalars they need; values are the outer ones."""
    members = tuple(free + group.members)
    inside = Counter(value for node in members for value in node.inputs)
    made = {value for node in members for value in node.results}
    inputs = tuple(dict.fromkeys(v for node in members for v in node.inputs if v not in made))
    results = tuple(v for node in group.members for v in node.results if uses[v] > inside[v])
    anchor = next((node for node in group.members if not node.op.expr), group.members[-1])
    inner = Graph(anchor.id, inputs, members, tuple((value.name, value) for value in results))
    attributes = {"graph": inner, "kind": group.kind, "inner": group.inner}
    return Node(anchor.id, REGISTRY["fused"], inputs, results, attributes)


def ordered(graph: Graph, fuser: Fuser) -> list[Group]:
    """The groups, each after what it reads; otherwise in the order of their first members."""
    groups = [group for group in fuser.groups if group.members]
    place = {node.id: k for k, node in enumerate(graph.nodes)}
    first = {group: place[group.members[0].id] for group in groups}
    readers: dict[Group, list[Group]] = {group: [] for group in groups}
    waits = dict.fromkeys(groups, 0)
    for before, after in dependencies(graph, fuser, groups):
        readers[before].append(after)
        waits[after] += 1
    ready = [(first[group], group) for group in groups if not waits[group]]
    heapq.heapify(ready)
    result: list[Group] = []
    while ready:
        _, group = heapq.heappop(ready)
        result.append(group)
        for reader in readers[group]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, (first[reader], reader))
    return result


def dependencies(graph: Graph, fuser: Fuser, groups: list[Group]) -> Iterator[tuple[Group, Group]]:
    """Pairs (earlier, later): makers before readers, and readers of a state before what overwrites it.

    The latter only where the ranks show that no cycle can arise: the reader ranks lower, or as high without
    writing a state itself.
    """
    reads: dict[Value, list[Group]] = {state.old: [] for state in graph.states}
    for group in groups:
        for maker in {fuser.makers[v]: None for v in group.read if v in fuser.makers}:
            if maker is not group:
                yield maker, group
        for value in group.read:
            if value in reads:
                reads[value].append(group)
    written = {s.old: fuser.makers[s.new] for s in graph.states if s.new is not s.old and s.new in fuser.makers}
    writers = set(written.values())
    for old, writer in written.items():
        for reader in reads[old]:
            later = (reader.rank, reader in writers) < (writer.rank, True)
            if reader is not writer and later:
                yield reader, writer
