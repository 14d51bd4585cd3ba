"""Composites and defaults for training, which ONNX has no words for, from what nngraph has put into a file's metadata.

The nodes of the file count: what the metadata says is taken only if it comes, expanded, to the very same computation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from nngraph.declare.check import is_list, is_object
from nngraph.declare.graph import Graph
from nngraph.declare.load import parse
from nngraph.declare.model_file import training_problems
from nngraph.declare.save import document_of
from nngraph.errors import NNGraphError
from nngraph.lower.lower import lower


def restored(graph: Graph, properties: Mapping[str, str]) -> Graph:
    """The graph as it was declared, where it is the same; else the graph that was read."""
    nodes, training = member(properties, "nodes"), member(properties, "training")
    found = graph
    if is_list(nodes):
        document: dict[str, Any] = {**document_of(graph), "nodes": nodes}
        try:
            declared = parse(json.dumps(document, default=np.ndarray.tolist))
            if same(declared, graph):
                found = declared
        except (NNGraphError, TypeError):
            found = graph  # whoever wrote the metadata, the nodes are what the file is
    if is_object(training) and not training_problems(training):
        found.wiring.graph["training"] = training
    return found


def classes_of(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Names of classes, if that is what is there."""
    given = member(properties, "classes")
    texts = [str(each) for each in given] if is_list(given) else []
    return tuple(texts) if is_list(given) and list(given) == texts else ()


def member(properties: Mapping[str, str], name: str) -> Any:
    """An entry of ours; None where there is none, or no JSON."""
    try:
        return json.loads(properties.get(f"nngraph.{name}", "null"))
    except ValueError:
        return None


def same(one: Graph, other: Graph) -> bool:
    """Whether both predict by the same computation of the same parameters, whatever their nodes are called."""
    seen: dict[Any, int] = {}
    return computation(one, seen) == computation(other, seen)


def computation(graph: Graph, seen: dict[Any, int]) -> dict[str, Any]:
    """Outputs and states; each value is known by the number that `seen` has for what it is made of."""
    lowered = lower(graph.declaration())
    known: dict[Any, int] = {}
    for value in (*lowered.inputs, *(state.old for state in lowered.states)):
        known[value] = seen.setdefault((value.name, str(value.type)), len(seen))
    for node in lowered.nodes:
        given = tuple(sorted((name, shown(item)) for name, item in node.attributes.items()))
        made = (node.op.name, given, tuple(known[value] for value in node.inputs))
        for place, value in enumerate(node.results):
            known[value] = seen.setdefault((place, *made), len(seen))
    states = {f"state {state.name}": (state.kind, str(state.old.type), state.permutation) for state in lowered.states}
    return {name: known[value] for name, value in lowered.outputs} | states


def shown(item: Any) -> str:
    """An attribute, an array with all of its elements."""
    return str(item.tolist()) if isinstance(item, np.ndarray) else str(item)
