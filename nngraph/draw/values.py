"""Back-propagation on one example, as courses draw it: every arrow bears its value, and below it its gradient.

The gradient on an arrow is the local derivative of the node that it leads to times the gradient of that node's result;
where a value is read several times, its own gradient is the sum of those on its arrows. The mean over the batch, which
is one example here, is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nngraph.compiler import Compilation, compile_program
from nngraph.differentiate.gradients import gradients_of
from nngraph.draw.arrays import block_of, line_of
from nngraph.draw.families import sort_of_op
from nngraph.draw.measure import PARAMETER
from nngraph.draw.notes import attribute_texts
from nngraph.draw.picture import BELOW, TOP, Facts, Picture
from nngraph.draw.sketch import Sketch
from nngraph.errors import OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.interpret import interpret, run
from nngraph.ir.op import Absent
from nngraph.ir.types import FLOATS
from nngraph.run.store import Store

MOST: Final = 60  # nodes, inputs and parameters in a picture of values
AVERAGING: Final = ("sum", "mean", "divide_by_size")
Arrays = dict[Value, np.ndarray]


def values_picture(
    c: Compilation, example: Mapping[str, np.ndarray], learned: Mapping[str, np.ndarray] | None = None
) -> Picture:  # fmt: skip
    """The picture of one example's values and gradients.

    Parameters
    ----------
    c : Compilation
        None of whose stages has been run. Its purpose is "loss", or "forward" for a graph without one; the gradient
        is that of the loss, or of the sum of all outputs.
    example : mapping of str to ndarray
        Inputs and targets, with a batch of one.
    learned : mapping of str to ndarray, optional
        Parameters and statistics in public layouts; those that are not in it are as training begins with them.

    Raises
    ------
    OptionError
        If the graph is too large for such a picture.
    """
    graph = compile_program(c, "differentiate").graph
    assert graph is not None
    graph = without_dead(graph)
    count = len(drawn_nodes(graph)) + len(leaves(graph))
    if count > MOST:
        raise OptionError(
            f"--values: a graph of {count} nodes, inputs and parameters given, at most {MOST} expected; "
            "take a smaller model, or look at this one without --values"
        )
    values = forward_values(graph, c.seed, example, learned)
    edges, totals = backward(graph, values)
    return draw(c, graph, values, edges, totals)


def without_dead(graph: Graph) -> Graph:
    """The graph without nodes that no loss or output needs: metrics are none of this."""
    loss = [(name, value) for name, value in graph.outputs if name == "loss"]
    wanted = {value for _, value in loss or graph.outputs}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.results):
            kept.append(node)
            wanted.update(node.inputs)
    inputs = tuple(value for value in graph.inputs if value in wanted)
    states = tuple(state for state in graph.states if state.old in wanted)
    outputs = tuple(loss or [(name, v) for name, v in graph.outputs if not name.startswith("input/")])
    return Graph(graph.name, inputs, tuple(reversed(kept)), outputs, states)


def drawn_nodes(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if node.op.name != "constant"]


def leaves(graph: Graph) -> list[Value]:
    """Inputs, and states that are read."""
    return [*graph.inputs, *(state.old for state in graph.states)]


def forward_values(
    graph: Graph, seed: int, example: Mapping[str, np.ndarray], learned: Mapping[str, np.ndarray] | None = None
) -> Arrays:  # fmt: skip
    """Every value of the graph on the example, its states as learned, or as training begins with them."""
    store = Store(seed)
    store.ensure(graph.states)
    store.assign({name: array for name, array in (learned or {}).items() if name in store.states})
    found: Arrays = {value: np.asarray(example[value.name], value.type.dtype) for value in graph.inputs}
    found |= {state.old: store.arrays[state.name] for state in graph.states}
    with np.errstate(all="ignore"):
        run(graph.nodes, found, 1)
    return found


def backward(graph: Graph, values: Arrays) -> tuple[dict[tuple[str, int], np.ndarray], Arrays]:
    """Gradients: on each arrow, by node and position of the operand, and of each value."""
    totals: Arrays = {value: np.ones_like(values[value]) for _, value in graph.outputs if value.type.dtype in FLOATS}
    edges: dict[tuple[str, int], np.ndarray] = {}
    for node in reversed(graph.nodes):
        if not any(result in totals for result in node.results) or isinstance(node.op.vjp, Absent):
            continue
        given = [totals.get(result, np.zeros_like(values[result])) for result in node.results]
        for position, gradient in pulled(node, values, given).items():
            value = node.inputs[position]
            if value.type.dtype in FLOATS:
                edges[node.id, position] = gradient
                totals[value] = totals[value] + gradient if value in totals else gradient
    return edges, totals


def pulled(node: Node, values: Arrays, cotangents: list[np.ndarray]) -> dict[int, np.ndarray]:
    """What one node makes of the gradients of its results: the gradient on each arrow that leads to it."""
    if node.op.vjp is None:
        return {}
    b = Builder()
    b.nodes = [node]
    given = [Value(f"cotangent:{k}", result.type) for k, result in enumerate(node.results)]
    made = gradients_of(b, node, given)
    inputs = tuple(dict.fromkeys(node.inputs))
    outputs = tuple((str(k), value) for k, value in enumerate(made) if value is not None)
    small = Graph(node.id, (*inputs, *given), tuple(b.nodes), outputs)
    arrays = {value.name: values[value] for value in inputs}
    arrays |= {value.name: array for value, array in zip(given, cotangents, strict=True)}
    return {int(name): array for name, array in interpret(small, arrays)[0].items()}


def draw(
    c: Compilation, graph: Graph, values: Arrays, edges: Mapping[tuple[str, int], np.ndarray], totals: Arrays
) -> Picture:
    """The items and the arrows with their numbers."""
    sketch = Sketch((), lambda path: {})
    made: dict[Value, int] = {}
    for value in leaves(graph):
        facts = Facts({"value": line_of(values[value])} | gradient_fact(value, totals))
        known = {"sort": "data", "type": str(value.type), "facts": facts, **leaf(graph, value)}
        made[value] = sketch.add(TOP, value.name, **known)
    for node in drawn_nodes(graph):
        if is_mean_of_one(node, values):
            made[node.result] = made[node.inputs[0]]
            continue
        known = {"op": node.op.name, "sort": sort_of_op(node.op.name, node.op.family), "label": node.op.name}
        known["note"] = constants(node, values, made)
        facts = Facts(attribute_texts(node.attributes) | rule(node, values, edges, totals))
        key = sketch.add(TOP, node.id, **known, type=str(node.results[0].type), facts=facts)
        made |= dict.fromkeys(node.results, key)
        for position, value in enumerate(node.inputs):
            if value in made:
                label = labelled(values[value], edges.get((node.id, position)))
                sketch.link(made[value], key, f"{value.name}:{position}", str(value.type), label)
    for name, value in graph.outputs:
        key = sketch.add(TOP, name, op="output", sort="data", type=str(value.type))
        sketch.link(made[value], key, value.name, str(value.type), labelled(values[value], totals.get(value)))
    what = "loss" if c.objective else "sum of the outputs"
    subtitle = f"one example: above each arrow its value, below it the gradient of the {what}"
    return Picture(graph.name, subtitle, tuple(sketch.items), tuple(sketch.links), sideways=True)


def leaf(graph: Graph, value: Value) -> dict[str, str]:
    """What is written on an input or on a parameter, whose node has a line of its own."""
    owner, _, name = value.name.rpartition(".")
    if value in graph.inputs or not owner:
        return {"op": "input" if value in graph.inputs else PARAMETER}
    return {"op": PARAMETER, "label": name, "note": owner}


def is_mean_of_one(node: Node, values: Arrays) -> bool:
    """Whether it does nothing but take the mean, or the sum, of a batch of one example."""
    given = values[node.inputs[0]] if node.op.name in AVERAGING else None
    return given is not None and given.size == 1 == values[node.result].size


def constants(node: Node, values: Arrays, made: Mapping[Value, int]) -> str:
    """The operands, where some are constants: a dot stands for one that an arrow brings."""
    if all(value in made for value in node.inputs):
        return ""
    return f"({', '.join('·' if value in made else line_of(values[value]) for value in node.inputs)})"


def labelled(value: np.ndarray, gradient: np.ndarray | None) -> str:
    """The value, and below it its gradient."""
    return f"{block_of(value)}{BELOW}{'' if gradient is None else block_of(gradient)}"


def gradient_fact(value: Value, totals: Arrays) -> dict[str, str]:
    return {"gradient": line_of(totals[value])} if value in totals else {}


def rule(node: Node, values: Arrays, edges: Mapping[tuple[str, int], np.ndarray], totals: Arrays) -> dict[str, str]:
    """Downstream = local × upstream, for each operand of a node."""
    upstream = totals.get(node.result) if len(node.results) == 1 else None
    if upstream is None:
        return {}
    local = pulled(node, values, [np.ones_like(upstream)]) if upstream.size == 1 else {}
    told: dict[str, Any] = {"value": line_of(values[node.result]), "upstream": line_of(upstream)}
    for position, value in enumerate(node.inputs):
        gradient = edges.get((node.id, position))
        if gradient is None:
            continue
        by = f"{line_of(local[position])} × {line_of(upstream)} = " if position in local else ""
        told[f"downstream to {value.name}"] = f"{by}{line_of(gradient)}"
    return told
