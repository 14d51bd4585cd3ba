"""The one driver of rewrites: nodes in order, each kept, replaced or dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph_kernels.record import record

Rule = Callable[[Builder, Node], tuple[Value, ...] | None]


@record
class Pass:
    """A named rewrite of a whole graph that keeps its meaning.

    Attributes
    ----------
    predicts : bool
        Whether it is for prediction alone, whose parameters stay as they are from call to call.
    storage : str
        "bfloat16" or "float16" if it is for programs that store numbers so, alone.
    """

    name: str
    summary: str
    run: Callable[[Graph], Graph]
    predicts: bool = False
    storage: str = ""


def rewrite(graph: Graph, rules: dict[str, Rule]) -> Graph:
    """Apply the rule of each node's op.

    A rule sees the node with its inputs already rewritten. It returns the values that stand for the node's
    results, having appended what it needs to the builder, or None to keep the node as it is.
    """
    if not any(node.op.name in rules for node in graph.nodes):
        return graph
    b = Builder.of(replace(graph, nodes=()), dtype=float_of(graph))
    b.reserve(graph)
    stands_for: dict[Value, Value] = {}
    for node in graph.nodes:
        moved = with_inputs(node, stands_for)
        rule = rules.get(node.op.name)
        b.prefix = node.id
        replacement = rule(b, moved) if rule else None
        if replacement is None:
            b.nodes.append(moved)
            b.remember(moved)
        else:
            stands_for.update(zip(node.results, replacement, strict=True))
    return substitute(graph, tuple(b.nodes), stands_for)


def with_inputs(node: Node, stands_for: dict[Value, Value]) -> Node:
    """`node` with replaced inputs (itself where none is)."""
    for value in node.inputs:
        if value in stands_for:
            inputs = tuple(stands_for.get(value, value) for value in node.inputs)
            return Node(node.id, node.op, inputs, node.results, node.attributes)
    return node


def substitute(graph: Graph, nodes: Sequence[Node], stands_for: dict[Value, Value]) -> Graph:
    """`graph` with these nodes, its outputs and new states replaced."""
    outputs = tuple((name, stands_for.get(value, value)) for name, value in graph.outputs)
    states = tuple(
        replace(state, new=stands_for[state.new]) if state.new in stands_for else state for state in graph.states
    )
    return replace(graph, nodes=tuple(nodes), outputs=outputs, states=states)


def float_of(graph: Graph) -> str:
    """What "float" is in `graph`: float64 as soon as an input or a parameter is."""
    held = [*graph.inputs, *(state.old for state in graph.states)]
    return "float64" if any(value.type.dtype == "float64" for value in held) else "float32"
