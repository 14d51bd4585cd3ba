"""Merges elementwise work into its producers: other elementwise work, reductions and matrix products."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator

from nngraph.errors import VerificationError
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.program import PRODUCTS, REDUCTIONS
from nngraph.ir.types import Batch, Shape, size_of
from nngraph.optimize.cheap import is_cheap, kept_anyway
from nngraph.optimize.groups import (
    MEMBERS,
    MOMENTS,
    POINTERS,
    Group,
    accepts_clone,
    accepts_column_reduction,
    accepts_elementwise,
    accepts_moments,
    accepts_row_reduction,
    fits_product,
    mergeable,
    mixes_floats,
    postponed,
)

POOLED = 24  # members of a group of unrelated small work


def fuse(graph: Graph) -> Graph:
    """Replace each group of nodes that one kernel can compute by a `fused` node.

    Groups come out in an order in which everything is read after it is made, and a state is written after
    everything that reads its old value where possible, so that the plan can write it in place.
    """
    fuser = Fuser(graph)
    for node in graph.nodes:
        fuser.place(node)
    groups = ordered(graph, fuser)
    fuser.read_elsewhere = read_from_outside(graph, groups)
    before = fuse(graph.preparation) if graph.preparation else None
    return Graph(graph.name, graph.inputs, tuple(map(fuser.emit, groups)), graph.outputs, graph.states, before)


class Fuser:
    """The state of one run of the pass: which group makes which value."""

    def __init__(self, graph: Graph) -> None:
        self.makers: dict[Value, Group] = {}
        self.uses: Counter[Value] = Counter(value for node in graph.nodes for value in node.inputs)
        self.uses.update(graph.roots())
        self.scalars: dict[Value, Node] = {}
        self.in_memory = set(graph.roots())
        self.in_memory.update(v for node in graph.nodes if not node.op.expr for v in node.inputs)
        self.kept = kept_anyway(graph)
        self.groups: list[Group] = []
        self.cheap: dict[Value, Node] = {}
        self.pools: dict[tuple[int, Shape], Group] = {}
        self.followers: dict[tuple[Group, Shape], Group] = {}
        self.readers = readers_of(graph)
        self.read_elsewhere: set[Value] = set()
        self.random: set[Value] = set()

    def place(self, node: Node) -> None:
        """Put `node` into a group."""
        if self.is_free(node):
            self.scalars[node.result] = node
            return
        if node.op.random:
            self.random.update(node.results)
        if node.results[0] not in self.in_memory and is_cheap(node, self.kept) and not self.is_made_for_it(node):
            self.cheap[node.result] = node
            return
        group = self.group_for(node)
        while refused := [value for value in node.inputs if value in self.cheap and not self.clones(group, value)]:
            for value in refused:
                self.materialize(value)
            group = self.group_for(node)
        self.join(group, node)

    def is_made_for_it(self, node: Node) -> bool:
        """Whether keeping a mask is better than keeping what it is a mask of: random numbers, or another mask."""
        return node.inputs[0] in self.random or any(value in self.cheap for value in node.inputs)

    def clones(self, group: Group, value: Value) -> bool:
        """Whether a cheap value can be computed again in `group`."""
        if value in group.made:
            return True
        return group.kind in ("rows", *PRODUCTS) and accepts_clone(group, self.cheap[value])

    def materialize(self, value: Value) -> None:
        """A cheap value that some kernel cannot compute for itself has a place in memory like any other."""
        node = self.cheap.pop(value)
        self.join(self.group_for(node), node)

    def group_for(self, node: Node) -> Group:
        """The group that `node` will be in, old or new."""
        candidates, rank = self.producers(node)
        if node.op.expr:
            return self.place_elementwise(node, candidates, rank)
        if node.op.name in REDUCTIONS:
            return self.place_reduction(node, candidates, rank)
        if node.op.name == MOMENTS and len(candidates) == 1 and accepts_moments(candidates[0], node):
            return candidates[0]
        kind = node.op.name if node.op.name in PRODUCTS else "alone"
        return self.open(Group(kind, node.results[0].type.shape, rank + 1, anchored=True))

    def is_free(self, node: Node) -> bool:
        """A scalar that depends on constants alone: every kernel that reads it computes it for itself."""
        if node.op.random or node.results[0] in self.in_memory:
            return False
        if any(value not in self.scalars for value in node.inputs):
            return False
        return node.results[0].type.shape == () and bool(node.op.expr or node.op.name == "constant")

    def producers(self, node: Node) -> tuple[list[Group], int]:
        """The groups of highest rank that `node` reads from, and that rank; cheap values count by their inputs."""
        groups: dict[Group, None] = {}
        for value in node.inputs:
            for source in self.cheap[value].inputs if value in self.cheap else (value,):
                if source in self.makers:
                    groups[self.makers[source]] = None
        rank = max((group.rank for group in groups), default=0)
        return [group for group in groups if group.rank == rank], rank

    def place_elementwise(self, node: Node, candidates: list[Group], rank: int) -> Group:
        shape = node.result.type.shape
        if self.feeds_row_reductions(node) and any(group.kind in PRODUCTS for group in candidates):
            return self.pool(node, Group("rows", shape, rank + 1))
        if candidates and all(accepts_elementwise(group, node) for group in candidates):
            if len(candidates) == 1:
                return candidates[0]
            if mergeable(candidates, node):
                return self.merge(candidates)
            if (product := only_product(candidates)) is not None:
                return product
        if (product := postponed(candidates, node)) is not None:
            return product
        return self.beside(node, candidates, Group("rows", shape, rank + 1))

    def beside(self, node: Node, candidates: list[Group], group: Group) -> Group:
        """For small work that can join none of its producers: the group of what else is made of them."""
        if group.space == ():
            return self.pool(node, group)
        if len(candidates) != 1 or candidates[0].kind != "alone" or isinstance(size_of(group.space), Batch):
            return self.open(group)
        found = self.followers.get((candidates[0], group.space))
        if found is not None and found.members and accepts_elementwise(found, node):
            return found
        self.followers[candidates[0], group.space] = group
        return self.open(group)

    def feeds_row_reductions(self, node: Node) -> bool:
        """Whether all that reads `node` are reductions over the last axis, which will have a kernel of their own."""
        readers = self.readers.get(node.result, ())
        last = node.result.type.rank - 1
        return bool(readers) and all(r.op.name in REDUCTIONS and r.attributes["axis"][-1] == last for r in readers)

    def pool(self, node: Node, group: Group) -> Group:
        """The group of this rank and space that small work is gathered in, though its parts are unrelated."""
        found = self.pools.get((group.rank, group.space))
        if found is not None and found.members and found.kind == "rows" and len(found.members) < POOLED:
            inner = len(node.attributes["axis"]) if node.op.name in REDUCTIONS else 0
            if accepts_row_reduction(found, node, inner) if inner else accepts_elementwise(found, node):
                return found
        self.pools[group.rank, group.space] = self.open(group)
        return group

    def place_reduction(self, node: Node, candidates: list[Group], rank: int) -> Group:
        """Over the last axes: one of the reductions of a row kernel. Over others: a column kernel."""
        shape, axes = node.inputs[0].type.shape, node.attributes["axis"]
        if axes[-1] == len(shape) - 1:
            inner = len(axes)
            if not (candidates and accepts_row_reduction(candidates[0], node, inner)):
                candidates = [self.pool(node, Group("rows", shape, rank + 1))]
            candidates[0].inner, candidates[0].anchored = inner, True
            return candidates[0]
        inner = len(shape) - 1 - axes[-1]
        if not (
            candidates and self.feeds_only(candidates[0], node) and accepts_column_reduction(candidates[0], node, inner)
        ):
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
        """Add `node`, and before it the cheap values that it reads, computed again here."""
        for value in node.inputs:
            if value in self.cheap and value not in group.made:
                cheap = self.cheap[value]
                for source in cheap.inputs:
                    self.note_reader(source, group, cheap)
                group.add(cheap)
        for value in node.inputs:
            self.note_reader(value, group, node)
        if node.results[0] not in group.made:  # a cheap one may be there already
            group.add(node)
        for value in node.results:
            self.makers[value] = group

    def note_reader(self, value: Value, group: Group, node: Node) -> None:
        """`node`, about to join `group`, reads `value`: if nothing else reads its group, the two become one."""
        maker = self.makers.get(value)
        if maker is None or maker is group:
            return
        if maker.readers <= {group} and (mergeable([group, maker], node) or enters_epilogue(group, maker)):
            self.absorb(group, maker)
        else:
            maker.readers.add(group)

    def absorb(self, group: Group, earlier: Group) -> None:
        """Move the members of a group that ranks lower to the front of one that alone reads from it."""
        later, group.members, group.made = group.members, [], set()
        self.move(earlier, group)
        for node in later:
            if node.results[0] not in group.made:
                group.add(node)

    def move(self, source: Group, target: Group) -> None:
        """Members that are not in `target` yet, and what they make, are the target's from here on."""
        for node in source.members:
            if node.results[0] not in target.made:
                target.add(node)
            for value in node.results:
                if self.makers.get(value) is source:
                    self.makers[value] = target
        target.anchored |= source.anchored
        target.inner = max(target.inner, source.inner)
        target.readers |= source.readers - {target, source}
        source.members = []

    def merge(self, groups: list[Group]) -> Group:
        """Groups of one rank never depend on each other."""
        first, *others = groups
        for other in others:
            self.move(other, first)
        return first

    def emit(self, group: Group) -> Node:
        """The group as one node."""
        read = dict.fromkeys(value for node in group.members for value in node.inputs)
        needed = [value for value in read if value in self.scalars]
        if len(group.members) == 1 and not needed:
            return group.members[0]
        own = [v for node in group.members for v in node.results if self.makers.get(v) is group]
        results = tuple(value for value in own if value in self.read_elsewhere)
        return fused_node(group, self.free_nodes(needed), results)

    def free_nodes(self, needed: Iterable[Value]) -> list[Node]:
        """The nodes that make these scalars, in order."""
        found: dict[Node, None] = {}

        pending = [(self.scalars[value], False) for value in reversed(list(needed))]
        while pending:
            node, ready = pending.pop()
            if ready:
                found.setdefault(node)
            elif node not in found:
                pending.append((node, True))
                pending += [(self.scalars[source], False) for source in reversed(node.inputs)]
        return list(found)


def readers_of(graph: Graph) -> dict[Value, list[Node]]:
    """The nodes that read each value; a root has a reader that is none of them."""
    readers: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            readers.setdefault(value, []).append(node)
    for value in graph.roots():
        readers.pop(value, None)
    return readers


def read_from_outside(graph: Graph, groups: list[Group]) -> set[Value]:
    """What has to be in memory: roots, and what a group reads without making it, its own cheap nodes included."""
    found = set(graph.roots())
    for group in groups:
        found.update(value for node in group.members for value in node.inputs if value not in group.made)
    return found


def enters_epilogue(group: Group, earlier: Group) -> bool:
    """Whether work that a product's epilogue reads, a regularizer's gradient say, can be done there."""
    return (
        group.kind in PRODUCTS
        and bool(group.members)
        and not any(value in earlier.made for value in factors(group))
        and earlier.kind == "rows"
        and not earlier.anchored
        and earlier.space == group.space
        and len(group.members) + len(earlier.members) < MEMBERS
        and len(group.read | earlier.read) < POINTERS
        and all(fits_product(group, node) and not mixes_floats(group, node) for node in earlier.members)
    )


def factors(group: Group) -> tuple[Value, ...]:
    """What a product multiplies."""
    return next(node for node in group.members if node.op.name in PRODUCTS).inputs


def only_product(groups: list[Group]) -> Group | None:
    """The one product among groups of a rank, if all the others can be done in its epilogue."""
    products = [group for group in groups if group.kind in PRODUCTS]
    if len(products) != 1:
        return None
    others = [group for group in groups if group is not products[0]]
    fits = all(enters_epilogue(products[0], other) and other.readers <= {products[0]} for other in others)
    return products[0] if fits else None


def fused_node(group: Group, free: list[Node], results: tuple[Value, ...]) -> Node:
    """A node whose inner graph holds the group's members and the scalars they need; values are the outer ones."""
    members = tuple(free + group.members)
    made = {value for node in members for value in node.results}
    inputs = tuple(dict.fromkeys(v for node in members for v in node.inputs if v not in made))
    anchor = next((node for node in group.members if not node.op.expr), group.members[-1])
    inner = Graph(anchor.id, inputs, members, tuple((value.name, value) for value in results))
    attributes = {"graph": inner, "kind": group.kind, "inner": group.inner}
    return Node(anchor.id, REGISTRY["fused"], inputs, results, attributes)


def ordered(graph: Graph, fuser: Fuser) -> list[Group]:
    """The groups, each after what it reads, otherwise in the order in which they are wanted."""
    groups = [group for group in fuser.groups if group.members]
    readers: dict[Group, list[Group]] = {group: [] for group in groups}
    waits = dict.fromkeys(groups, 0)
    for before, after in dependencies(graph, fuser, groups):
        readers[before].append(after)
        waits[after] += 1
    urgency = urgencies(graph, groups, readers)
    wanted = {group: (urgency[group], k) for k, group in enumerate(groups)}  # no two are equal
    ready = [(*wanted[group], group) for group in groups if not waits[group]]
    heapq.heapify(ready)
    result: list[Group] = []
    while ready:
        _, _, group = heapq.heappop(ready)
        result.append(group)
        for reader in readers[group]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, (*wanted[reader], reader))
    if len(result) < len(groups):
        raise VerificationError(f"graph '{graph.name}': kernels that wait for each other came out of fusion")
    return result


def urgencies(graph: Graph, groups: list[Group], readers: dict[Group, list[Group]]) -> dict[Group, int]:
    """For each group the place of its first member, or of a reader's that stands earlier.

    So the numbers that all updates share are computed before the first of them, not after the whole backward pass,
    and gradients die as soon as their parameter is updated.
    """
    place = {node.id: k for k, node in enumerate(graph.nodes)}
    wanted: dict[Group, int] = {}
    for group in sorted(groups, key=lambda group: -group.rank):
        own = place[group.members[0].id]
        wanted[group] = min([own, *(wanted[reader] for reader in readers[group] if reader in wanted)])
    return wanted


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
