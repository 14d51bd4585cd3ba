"""The stable text form of a graph, for golden files, `--after` and `--emit graph`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.graph import Graph, Node, Value


def to_text(graph: Graph, indent: str = "") -> str:
    """One line for each input, state, node and output, in order; equal graphs give equal text."""
    lines = [f"graph {graph.name}"]
    if graph.preparation:
        lines = [*f"preparation of {to_text(graph.preparation)}".splitlines(), *lines]
    lines += [f"  input {format_value(value)}" for value in graph.inputs]
    for state in graph.states:
        new = "" if state.new is state.old else f" -> %{state.new.name}"
        lines.append(f"  state {state.name} ({state.kind}) {format_value(state.old)}{new}")
    for node in graph.nodes:
        lines += format_node(node)
    lines += [f"  output {name} = %{value.name}" for name, value in graph.outputs]
    return "\n".join(indent + line for line in lines) + "\n"


def format_node(node: Node) -> list[str]:
    results = ", ".join(map(format_value, node.results))
    inputs = ", ".join(f"%{value.name}" for value in node.inputs)
    shown = {name: item for name, item in node.attributes.items() if not isinstance(item, Graph)}
    attributes = ", ".join(f"{name}={format_attribute(item)}" for name, item in sorted(shown.items()))
    line = f"  {results} = {node.op.name}({inputs})" + (f" [{attributes}]" if attributes else "")
    if inner := node.attributes.get("graph"):
        return [line + ":", *(f"    {text}" for text in to_text(inner).splitlines()[1:])]
    return [line]


def format_value(value: Value) -> str:
    return repr(value)


def format_attribute(item: Any) -> str:
    if isinstance(item, np.ndarray):
        array: np.ndarray = item  # pyright: ignore[reportUnknownVariableType]
        return f"array{list(array.shape)}" if array.size > 8 else str(array.tolist())
    if isinstance(item, float):
        return f"{item:g}" if float(f"{item:g}") == item else repr(item)
    return str(item)
