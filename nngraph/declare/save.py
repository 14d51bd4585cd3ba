"""Writing graphs as JSON."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nngraph.errors import DeclarationError
from nngraph.ir.declaration import INPUT, NOTES, attributes_of, operands_of
from nngraph.ir.op import REGISTRY

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph

FORMATS = ("model", "node-link")


def document_of(graph: Graph) -> dict[str, Any]:
    """The model file's document."""
    wiring = graph.wiring
    inputs: dict[str, Any] = {}
    nodes: list[dict[str, Any]] = []
    for id, attributes in wiring.nodes.items():
        own = attributes_of(attributes)
        if attributes["op"] == INPUT:
            inputs[id] = own
        else:
            nodes.append({"id": id, "op": attributes["op"], "inputs": operands_of(wiring, id), **own})
    outputs = [name if name == id else {"name": name, "node": id} for name, id in wiring.graph["outputs"].items()]
    document = {
        "format": "nngraph-model", "version": 1, "name": graph.name, "inputs": inputs, "nodes": nodes,
        "outputs": outputs,
    }  # fmt: skip
    return document | ({"training": graph.training} if graph.training else {})


def resolve(graph: Graph) -> Graph:
    """`graph`, or where something of it would be drawn at random, a copy, to be read only, in which that is fixed."""
    from nngraph.declare.graph import Graph

    nodes = {
        id: {**notes_of(attributes), **rule(**attributes_of(attributes))}
        for id, attributes in graph.wiring.nodes.items()
        if attributes["op"] != INPUT and (rule := REGISTRY[attributes["op"]].resolve)
    }
    if not nodes:
        return graph
    copy = Graph(graph.name)
    copy.types = graph.types
    for name in ("graph", "adj", "pred"):
        setattr(copy.wiring, name, getattr(graph.wiring, name))
    copy.wiring.nodes = {**graph.wiring.nodes, **nodes}
    return copy


def notes_of(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in NOTES if name in attributes}


def to_json(graph: Graph, format: str = "model", *, resolved: bool = False) -> str:
    """The graph as JSON, one line for each node."""
    graph = resolve(graph) if resolved else graph
    if format == "model":
        return layout(document_of(graph))
    if format == "node-link":
        from nngraph.declare import node_link

        return layout(node_link.document_of(graph))
    raise DeclarationError(f"graph '{graph.name}': format {format!r} given, one of {', '.join(FORMATS)} expected")


def layout(document: dict[str, Any]) -> str:
    """JSON with a line for each member, and for each item of the members that hold nodes and edges."""
    members = [f"  {text(name)}: {member(name, item)}" for name, item in document.items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


def member(name: str, item: Any) -> str:
    if name in ("nodes", "edges") and item:
        return "[\n" + ",\n".join(f"    {text(entry)}" for entry in item) + "\n  ]"
    if name in ("inputs", "training") and item:
        return "{\n" + ",\n".join(f"    {text(key)}: {text(entry)}" for key, entry in item.items()) + "\n  }"
    return text(item)


def text(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False, allow_nan=False, default=plain)


def plain(item: Any) -> Any:
    """An array or a NumPy number as JSON's own."""
    if hasattr(item, "tolist"):
        return item.tolist()
    raise TypeError(f"{item!r} cannot be written as JSON")


def save(graph: Graph, path: str | PathLike[str], format: str = "model", *, resolved: bool = True) -> None:
    """Write the graph to a file, which is there entirely or not at all."""
    content = to_json(graph, format, resolved=resolved)
    target = Path(path)
    try:
        write(target, content)
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be written ({error.strerror}); check the folder") from None


def write(target: Path, content: str | bytes) -> None:
    """Write a file, which is there entirely or not at all."""
    import tempfile  # takes longer to import than most of what a first step needs

    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
