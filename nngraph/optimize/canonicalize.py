"""One way to say each thing, so that later passes look for one form only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.elementwise import is_positional
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import Rule, rewrite
from nngraph.ir.types import Shape, TensorType, size_of, without_leading_ones

NEUTRAL = {"add": 0.0, "subtract": 0.0, "multiply": 1.0, "divide": 1.0, "power": 1.0}
COMMUTATIVE = ("add", "multiply")


def canonicalize(graph: Graph) -> Graph:
    """Drop views, casts and operations that change nothing; reduce neighboring axes only, and keep them.

    Broadcasts are left to the elementwise ops that read them.
    """
    makers: dict[Value, Node] = {}
    rules = {op.name: recorded(elementwise, makers) for op in REGISTRY.values() if op.expr}
    rules |= {name: recorded(rule, makers) for name, rule in SPECIAL.items()}
    return rewrite(graph, rules)


def recorded(
    rule: Callable[[Builder, Node, dict[Value, Node]], tuple[Value, ...] | None], makers: dict[Value, Node]
) -> Rule:
    """A rule that also sees, and adds to, which node made each value that rules ask about."""

    def apply(b: Builder, node: Node) -> tuple[Value, ...] | None:
        start = len(b.nodes)
        replacement = rule(b, node, makers)
        for made in (*b.nodes[start:], *(() if replacement else (node,))):
            if made.op.name in ("view", "broadcast_to", "constant"):
                makers[made.result] = made
        return replacement

    return apply


def forward(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...]:
    """The input stands for the result."""
    return node.inputs[:1]


def keep(b: Builder, node: Node, makers: dict[Value, Node]) -> None:
    """Only to be recorded."""


def view(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...] | None:
    """A view of a view is one view; a view under its own shape is none."""
    source = node.inputs[0]
    if source in makers and makers[source].op.name == "view":
        source = makers[source].inputs[0]
    if source.type.shape == node.result.type.shape:
        return (source,)
    return (b.add("view", source, shape=node.result.type.shape),) if source is not node.inputs[0] else None


def broadcast_to(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...] | None:
    return node.inputs if node.inputs[0].type == node.result.type else None


def elementwise(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...] | None:
    """x + 0, x · 1 and the like are x; operands are broadcast in place, and after the work where that is less."""
    if (same := neutral(node, makers)) is not None:
        return (same,)
    if node.op.random or is_positional(node):
        return None
    inputs = tuple(unbroadcast(value, makers) for value in node.inputs)
    if inputs == node.inputs:
        return None
    result = node.result.type
    inferred: TensorType = node.op.infer(*(value.type for value in inputs), **node.attributes)
    if inferred == result:
        b.nodes.append(Node(node.id, node.op, inputs, node.results, node.attributes))
        return node.results
    (small,) = b.append(node.op, inputs, (inferred,), node.attributes)
    if size_of(inferred.shape) == size_of(result.shape):
        return (b.add("view", small, shape=result.shape),)
    if inferred.rank > result.rank:  # by axes of size 1 in front
        small = b.add("view", small, shape=inferred.shape[inferred.rank - result.rank :])
    return (b.add("broadcast_to", small, shape=result.shape),)


def neutral(node: Node, makers: dict[Value, Node]) -> Value | None:
    name, result = node.op.name, node.result.type
    if name == "cast" and node.inputs[0].type.dtype == result.dtype:
        return node.inputs[0]
    if name not in NEUTRAL:
        return None
    pairs = [node.inputs] + ([node.inputs[::-1]] if name in COMMUTATIVE else [])
    for x, other in pairs:
        maker = makers.get(other)
        scalar = maker is not None and maker.op.name == "constant" and other.type.shape == ()
        if maker and scalar and x.type == result and maker.attributes["value"] == NEUTRAL[name]:
            return x
    return None


def unbroadcast(value: Value, makers: dict[Value, Node]) -> Value:
    """What `value` is a broadcast of; axes of size 1 in front make no difference to elementwise work."""
    while (maker := makers.get(value)) is not None:
        source = maker.inputs[0] if maker.inputs else value
        shapes = without_leading_ones(source.type.shape), without_leading_ones(value.type.shape)
        if maker.op.name != "broadcast_to" and (maker.op.name != "view" or shapes[0] != shapes[1]):
            break
        value = source
    return value


def reduction(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...] | None:
    """Reduce one run of neighboring axes at a time, the last run first; axes of size 1 join the runs.

    The reduced axes are kept, unless they are in front, where it makes no difference to later work.
    """
    (x,), result, keepdims = node.inputs, node.result.type, node.attributes["keepdims"]
    runs = reduced_runs(x.type.shape, node.attributes["axis"])
    if len(runs) == 1 and node.attributes["axis"] == runs[0] and (keepdims or runs[0][0] == 0):
        return None
    for axes in reversed(runs):
        in_front = len(runs) == 1 and axes[0] == 0
        x = b.add(node.op.name, x, axis=axes, keepdims=keepdims or not in_front)
    return (x if x.type.shape == result.shape else b.add("view", x, shape=result.shape),)


def reduced_runs(shape: Shape, axis: int | tuple[int, ...] | None) -> list[tuple[int, ...]]:
    """The axes to reduce in runs of neighbors; neighbors of size 1 belong to the run that they touch."""
    rank = len(shape)
    given = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    wanted = {a % rank for a in given if shape[a % rank] != 1}
    runs: list[list[int]] = []
    for a in range(rank):
        if a in wanted and runs and all(shape[between] == 1 for between in range(runs[-1][-1] + 1, a)):
            runs[-1] += range(runs[-1][-1] + 1, a + 1)
        elif a in wanted:
            runs.append([a])
    if runs and all(shape[a] == 1 for a in range(runs[-1][-1] + 1, rank)):
        runs[-1] += range(runs[-1][-1] + 1, rank)
    return [tuple(run) for run in runs]


def scaled_sum(b: Builder, node: Node, makers: dict[Value, Node]) -> tuple[Value, ...] | None:
    """A sum of one tensor with a weight of 1 is the tensor."""
    if len(node.inputs) != 2:
        return None
    weights, x = node.inputs
    (place,) = node.attributes.get("places", (0,))
    maker = makers.get(weights)
    single = maker is not None and maker.op.name == "constant"
    return (x,) if maker and single and np.ravel(maker.attributes["value"])[place] == 1 else None


SPECIAL = {
    "view": view, "broadcast_to": broadcast_to, "identity": forward, "stop_gradient": forward, "constant": keep,
    "sum": reduction, "max": reduction, "min": reduction, "scaled_sum": scaled_sum, "mix": scaled_sum,
}  # fmt: skip
