"""Takes what depends on parameters, statistics and constants alone out of a program, to be computed once before it."""

from __future__ import annotations

from dataclasses import replace

from nngraph.ir.graph import Graph, Node, State, Value
from nngraph.optimize.drop_dead_code import drop_dead_code
from nngraph.optimize.fixed import fixed_values


def prepare(graph: Graph) -> Graph:
    """Split off the work that is the same for every batch.

    What the rest reads of it becomes a state of kind "prepared". Views and constants, which cost nothing, stay.
    """
    fixed = fixed_values(graph)
    work = {node for node in graph.nodes if is_work(node) and node.results[0] in fixed}
    if not work:
        return graph
    rest = drop_dead_code(replace(graph, nodes=tuple(node for node in graph.nodes if node not in work)))
    read = {value for node in rest.nodes for value in node.inputs} | set(graph.roots())
    wanted = [value for node in graph.nodes if node in work for value in node.results if value in read]
    before = drop_dead_code(
        Graph(
            graph.name, (), tuple(node for node in graph.nodes if node.results[0] in fixed), (),
            (*graph.states, *(prepared(value, Value(f"{value.name}:before", value.type)) for value in wanted)),
        )
    )  # fmt: skip
    states = (*graph.states, *(prepared(value, value) for value in wanted))
    return replace(rest, states=states, preparation=before)


def is_work(node: Node) -> bool:
    return not (node.op.view or node.op.name == "constant")


def prepared(value: Value, old: Value) -> State:
    """No parameter can have its name."""
    return State(f"prepared:{value.name}", "prepared", old, value, 0.0, trainable=False)
