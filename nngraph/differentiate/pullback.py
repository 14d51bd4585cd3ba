"""Programs without a loss: a graph's outputs in training mode, and what it makes of cotangents of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nngraph.differentiate.differentiate import continued, gradient_of, unchanged
from nngraph.differentiate.gradients import pull_back, zeros
from nngraph.differentiate.objective import new_input
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.types import FLOATS

Outputs = tuple[tuple[str, Value], ...]


def forward(graph: Graph) -> Graph:
    """A graph that was lowered for training, whose states do not change and whose inputs can be read again."""
    return replace(graph, outputs=graph.outputs + inputs_of(graph), states=unchanged(graph.states))


def pullback(graph: Graph) -> Graph:
    """The same with an input ``cotangent/<output>`` for every output of float type, and the gradients that follow.

    Returns
    -------
    Graph
        Its further outputs are ``gradient/<name>`` for every input of float type and every trainable parameter.
    """
    b = continued(graph, training=True)
    floats = [(name, value) for name, value in graph.outputs if value.type.dtype in FLOATS]
    cotangents = [(value, new_input(graph, f"cotangent/{name}", value.type)) for name, value in floats]
    operands = {value.name: value for value in graph.inputs if value.type.dtype in FLOATS}
    trainable = [state for state in graph.states if state.kind == "parameter" and state.trainable]
    found = pull_back(b, by_value(b, cotangents), [*operands.values(), *(state.old for state in trainable)])
    of_inputs = ((name, found[value] if value in found else zeros(b, value)) for name, value in operands.items())
    of_parameters = ((state.name, gradient_of(b, state, found)) for state in trainable)
    outputs = tuple((f"gradient/{name}", value) for name, value in (*of_inputs, *of_parameters))
    whole = replace(graph, inputs=(*graph.inputs, *(dy for _, dy in cotangents)), nodes=tuple(b.nodes))
    return replace(forward(whole), outputs=graph.outputs + outputs + inputs_of(whole))


def by_value(b: Builder, cotangents: Iterable[tuple[Value, Value]]) -> dict[Value, Value]:
    """The sum of the cotangents of each value, which may be output under several names."""
    found: dict[Value, Value] = {}
    for value, dy in cotangents:
        found[value] = b.add("add", found[value], dy, id=f"gradient/{value.name}") if value in found else dy
    return found


def inputs_of(graph: Graph) -> Outputs:
    """Inputs as outputs, so that nothing else is planned onto their memory."""
    return tuple((f"input/{value.name}", value) for value in graph.inputs)
