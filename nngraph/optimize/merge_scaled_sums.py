"""Gathers what a value's readers send back to it: sums of scaled sums become one, whatever their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import float_of, substitute, with_inputs


def merge_scaled_sums(graph: Graph) -> Graph:
    """Replace every tree of additions with two or more `scaled_sum` leaves by one `scaled_sum` and the other leaves.

    A node of a wiring has as many cotangents as it has successors: a kernel that goes over a list of them serves
    all wirings, where chains of additions would need a kernel for each number.
    """
    trees = {tree.root: tree for tree in find_trees(graph)}
    if not trees:
        return graph
    dropped = {node for tree in trees.values() for node in (*tree.inner, *tree.scaled)}
    b = Builder(dtype=float_of(graph))
    b.reserve(graph)
    stands_for: dict[Value, Value] = {}
    for node in graph.nodes:
        if node in trees:
            stands_for[node.result] = merge(b, trees[node], stands_for)
        elif node not in dropped:
            b.nodes.append(with_inputs(node, stands_for))
    return substitute(graph, b.nodes, stands_for)


@dataclass(slots=True, eq=False)
class Tree:
    """Additions under `root` that nothing else reads, and what they add up."""

    root: Node
    inner: list[Node] = field(default_factory=list[Node])
    scaled: list[Node] = field(default_factory=list[Node])
    others: list[Value] = field(default_factory=list[Value])


def find_trees(graph: Graph) -> Iterator[Tree]:
    """The largest trees of additions in which two or more scaled sums, read by nothing else, are added up."""
    makers = {node.result: node for node in graph.nodes if node.op.name in ("add", "scaled_sum")}
    if not any(node.op.name == "scaled_sum" for node in makers.values()):
        return
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(graph.roots())
    additions = [node for node in graph.nodes if node.op.name == "add"]
    inner = {
        value
        for node in additions
        for value in node.inputs
        if uses[value] == 1 and value in makers and value.type == node.result.type
    }
    for node in additions:
        if node.result not in inner:
            tree = tree_under(node, makers, inner)
            if len(tree.scaled) >= 2:
                yield tree


def tree_under(root: Node, makers: dict[Value, Node], inner: set[Value]) -> Tree:
    """Its leaves from left to right."""
    tree = Tree(root)
    pending = list(reversed(root.inputs))
    while pending:
        value = pending.pop()
        if value not in inner:
            tree.others.append(value)
        elif makers[value].op.name == "scaled_sum":
            tree.scaled.append(makers[value])
        else:
            tree.inner.append(makers[value])
            pending += reversed(makers[value].inputs)
    return tree


def merge(b: Builder, tree: Tree, stands_for: dict[Value, Value]) -> Value:
    """One scaled sum, and the other leaves added to it."""
    inputs = [stands_for.get(value, value) for node in tree.scaled for value in node.inputs]
    places = tuple(place for node in tree.scaled for place in node.attributes["places"])
    b.prefix = tree.root.id
    (total,) = b.append(REGISTRY["scaled_sum"], inputs, [tree.root.result.type], {"places": places})
    for value in tree.others:
        total = b.add("add", total, stands_for.get(value, value))
    return total
