"""The picture of a graph that a stage or a pass has left: forward, backward and update, fused nodes as boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from nngraph.draw.families import sort_of_op
from nngraph.draw.notes import attribute_texts, note_of
from nngraph.draw.picture import TOP, Facts, Picture
from nngraph.draw.program import Program
from nngraph.draw.sketch import Describe, Sketch, label_in, role_of
from nngraph.ir.graph import Graph, Node, State, Value
from nngraph.report.nodes import multiply_adds

Inform = Callable[[Node], Facts]


class Stage:
    """Draws the nodes of a graph into a sketch.

    Attributes
    ----------
    made : dict of Value to int
        The item that makes a value.
    numbers : dict of Value to str
        Values that are single numbers: they are told where they are used, not drawn.
    counted : set of str
        Parameters that some item has counted as its own; what others share with it is not theirs.
    """

    def __init__(self, sketch: Sketch, graph: Graph, inform: Inform) -> None:
        self.sketch, self.inform = sketch, inform
        self.made: dict[Value, int] = {}
        self.numbers: dict[Value, str] = {}
        self.states: dict[Value, State] = {state.old: state for state in graph.states}
        self.counted: set[str] = set()

    def node(self, node: Node, into: int | None = None) -> int | None:
        """Draw a node, into the group `into` or that which its id names; its key, unless it is a mere number."""
        if node.op.name == "constant" and node.result.type.shape == ():
            self.numbers[node.result] = f"{float(np.asarray(node.attributes['value'])):g}"
            return None
        inner: Graph | None = node.attributes.get("graph")
        if inner is not None:
            return self.fused(node, inner)
        known = self.known(node)
        if into is None:
            key = self.sketch.node(node.id, **known)
        else:
            key = self.sketch.add(into, node.id, label=node.id.rpartition("/")[2], **known)
        self.read(key, node.inputs)
        self.made.update((value, key) for value in node.results)
        return key

    def known(self, node: Node) -> dict[str, Any]:
        """What an item says of a node."""
        facts = self.inform(node)
        return {
            "op": node.op.name, "sort": sort_of_op(node.op.name, node.op.family), "type": str(node.results[0].type),
            "note": note_of(node.op, node.attributes), "multiply_adds": multiply_adds(node),
            "parameters": self.parameters(node), "facts": facts,
        }  # fmt: skip

    def parameters(self, node: Node) -> int:
        """How many numbers it learns that no node before it has counted."""
        fresh = [s for value in node.inputs if (s := self.states.get(value)) and s.kind == "parameter"]
        fresh = [state for state in fresh if state.name not in self.counted]
        self.counted.update(state.name for state in fresh)
        return sum(prod(state.public_shape) for state in fresh)

    def fused(self, node: Node, inner: Graph) -> int:
        """Draw a fused node as a box around the nodes of its graph."""
        parent = self.sketch.group_around(node.id, itself=True)
        around = self.sketch.items[parent].id if parent != TOP else ""
        name, role = node.results[0].name, role_of(node.id)
        ops = sum(each.op.name != "constant" for each in inner.nodes)
        key = self.sketch.add(
            parent, node.id, label=label_in(name, around) or name.rpartition("/")[2], op="fused", sort="fused",
            group="fused", role=role, type=str(node.results[0].type), note=f"{ops} ops, {node.attributes['kind']}",
            facts=self.inform(node),
        )  # fmt: skip
        for outside, value in zip(node.inputs, inner.inputs, strict=True):
            if outside in self.made:
                self.made[value] = self.made[outside]
            if outside in self.states:
                self.states[value] = self.states[outside]
            if outside in self.numbers:
                self.numbers[value] = self.numbers[outside]
        for each in inner.nodes:
            if (drawn := self.node(each, key)) is not None:
                self.sketch.change(drawn, role=role)
        for (_, value), result in zip(inner.outputs, node.results, strict=True):
            self.made[result] = self.made.get(value, key)
        return key

    def read(self, key: int, inputs: tuple[Value, ...]) -> None:
        """Draw what a node reads; numbers and states are told in its facts."""
        told = {f"operand {k}": self.numbers[value] for k, value in enumerate(inputs) if value in self.numbers}
        told |= {
            f"operand {k}": f"{self.states[value].kind} {self.states[value].name}"
            for k, value in enumerate(inputs) if value in self.states
        }  # fmt: skip
        for value in inputs:
            if value in self.made:
                self.sketch.link(self.made[value], key, value.name, str(value.type))
        if told:
            facts = self.sketch.items[key].facts
            self.sketch.change(key, facts=with_attributes(facts, told))

    def input(self, value: Value) -> None:
        known = {"op": "input", "sort": "data", "type": str(value.type)}
        self.made[value] = self.sketch.add(TOP, value.name, **known)

    def output(self, name: str, value: Value) -> None:
        if value in self.made:
            key = self.sketch.add(TOP, name, op="output", sort="data", type=str(value.type), role=self.role_of(value))
            self.sketch.link(self.made[value], key, value.name, str(value.type))

    def role_of(self, value: Value) -> str:
        return self.sketch.items[self.made[value]].role


def with_attributes(facts: Facts, more: Mapping[str, str]) -> Facts:
    return Facts(
        {**facts.attributes, **more}, facts.states, facts.calls, facts.backward, facts.gradients, facts.buffers
    )  # fmt: skip


def stage_picture(title: str, subtitle: str, graph: Graph, program: Program | None, describe: Describe) -> Picture:
    """The picture of `graph`.

    Parameters
    ----------
    title, subtitle : str
    graph : Graph
        What a stage up to "optimize", or a pass, has left.
    program : Program or None
        What is known of its nodes; None for a graph that is not compiled any further.
    describe : callable
        What is known of the declared nodes, by id.
    """

    def inform(node: Node) -> Facts:
        attributes = attribute_texts(node.attributes)
        return Facts(attributes) if program is None else program.facts(node.id, attributes, names_of(node))

    sketch = Sketch([node.id for node in graph.nodes if not is_number(node)], describe)
    stage = Stage(sketch, graph, inform)
    for value in graph.inputs:
        stage.input(value)
    for node in graph.nodes:
        stage.node(node)
    for name, value in graph.outputs:
        stage.output(name, value)
    sketch.totals()
    return Picture(title, subtitle, tuple(sketch.items), tuple(sketch.links))


def is_number(node: Node) -> bool:
    return node.op.name == "constant" and node.result.type.shape == ()


def names_of(node: Node) -> list[str]:
    return [value.name for value in node.results]
