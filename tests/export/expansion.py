"""Declared graphs whose composites of parts stand there as their parts."""

from __future__ import annotations

from typing import Any

from nngraph.declare.graph import Graph
from nngraph.declare.save import document_of, resolve
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.op import REGISTRY
from nngraph.ops.randwire import parts_of


def expanded(graph: Graph) -> dict[str, Any]:
    """The document of `graph` with every randomly wired stage as its nodes."""
    document = document_of(resolve(graph))
    nodes: list[dict[str, Any]] = []
    for node in document["nodes"]:
        nodes += stage_of(graph, node) if node["op"] == "randwire" else [node]
    return {**document, "nodes": nodes}


def stage_of(graph: Graph, node: dict[str, Any]) -> list[dict[str, Any]]:
    own = {key: item for key, item in node.items() if key not in ("id", "op", "inputs")}
    op, (source,) = REGISTRY["randwire"], node["inputs"]
    typed = parts_of(graph.types[source], **own_attributes(op, check_attributes(op, own)))
    ids = {part.part.id: f"{node['id']}/{part.part.id}" for part in typed}
    ids[typed[-1].part.id] = node["id"]
    names: dict[Any, str] = {0: source, **ids}
    return [
        {
            "id": ids[each.part.id], "op": each.part.op,
            "inputs": [names[one] for one in each.part.inputs], **each.part.attributes,
        }
        for each in typed
    ]  # fmt: skip
