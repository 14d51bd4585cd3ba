"""networkx's node-link JSON, read and written without networkx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nngraph.declare.assemble import assemble
from nngraph.declare.check import is_list, is_object, shown
from nngraph.declare.graph import Graph
from nngraph.declare.links import Link, specs_of
from nngraph.declare.names import bad_title
from nngraph.declare.networkx_graph import named


def graph_of(document: Mapping[str, Any], where: str = "") -> Graph:
    """The graph that a node-link document describes; `Errors` with all that is wrong with it."""
    problems: list[str] = []
    if not document.get("directed", False):
        problems.append('graph: "directed": true expected; the edges of a network have a direction')
    nodes = list(nodes_of(document, problems))
    links = list(links_of(document, problems))
    attributes = document.get("graph", {})
    if not is_object(attributes):
        problems.append(f"graph: {shown(attributes)} given, an object expected")
        attributes = {}
    specs = specs_of(nodes, links, problems, strict=True)
    outputs = outputs_of(attributes, nodes, links, problems)
    name = attributes.get("name") or "graph"
    if wrong := bad_title(name):
        problems.append(f"graph: {wrong}")
        name = "graph"
    graph = assemble(name, specs, outputs, problems=problems, where=where)
    if training := attributes.get("training"):
        graph.training = training
    return graph


def nodes_of(document: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    given = document.get("nodes")
    for place, entry in enumerate(given if is_list(given) else ()):
        if is_object(entry) and isinstance(entry.get("id"), (str, int)):
            yield entry["id"], {key: item for key, item in entry.items() if key != "id"}
        else:
            problems.append(f"node number {place + 1}: {shown(entry)} given, an object with an 'id' expected")


def links_of(document: Mapping[str, Any], problems: list[str]) -> Iterator[Link]:
    """The edges, which networkx called "links" before version 3.4."""
    name = "edges" if "edges" in document else "links"
    given = document.get(name, [])
    for place, entry in enumerate(given if is_list(given) else ()):
        if is_object(entry) and "source" in entry and "target" in entry:
            yield Link(str(entry["source"]), str(entry["target"]), entry.get("key"), entry.get("operand"))
        else:
            problems.append(f"edge number {place + 1}: {shown(entry)} given, a 'source' and a 'target' expected")


def outputs_of(
    attributes: Mapping[str, Any],
    nodes: list[tuple[Any, dict[str, Any]]],
    links: list[Link],
    problems: list[str],
) -> dict[str, str]:
    outputs = attributes.get("outputs")
    if is_list(outputs) or is_object(outputs):
        return named(outputs)
    if outputs is not None:
        problems.append(f"graph: outputs {shown(outputs)} given, an object or a list of node ids expected")
    leading = {link.source for link in links}
    return named([id for id, _ in nodes if str(id) not in leading])


def document_of(graph: Graph) -> dict[str, Any]:
    """What `networkx.node_link_data(graph.nx, edges="edges")` gives."""
    wiring = graph.wiring
    return {
        "directed": True,
        "multigraph": True,
        "graph": wiring.graph,
        "nodes": [{**attributes, "id": id} for id, attributes in wiring.nodes.items()],
        "edges": [
            {"source": source, "target": target, "key": key}
            for source, targets in wiring.adj.items()
            for target, keys in targets.items()
            for key in keys
        ],
    }
