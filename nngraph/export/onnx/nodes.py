"""An ONNX graph in our own records: constants as arrays, nodes with the version of their operator, patterns found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.errors import DeclarationError, Errors
from nngraph.export.onnx.open import array_of
from nngraph.export.onnx.protocol import onnx_package
from nngraph.ir.exchange import Match, OnnxNode, Reading, onnx_of
from nngraph.ir.op import REGISTRY

DOMAINS = ("", "ai.onnx")


@dataclass(slots=True, eq=False)
class Nodes:
    """What a graph is read from.

    Attributes
    ----------
    inputs, outputs : list of value infos
    constants : dict of str to ndarray
    nodes : list of OnnxNode
        In topological order.
    properties : mapping of str to str
        The file's metadata.
    """

    name: str
    inputs: list[Any]
    outputs: list[Any]
    constants: dict[str, np.ndarray]
    nodes: list[OnnxNode]
    properties: Mapping[str, str]
    opset: int
    makers: dict[str, OnnxNode] = field(default_factory=dict[str, OnnxNode])
    readers: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.index()

    def index(self) -> None:
        self.makers = {name: node for node in self.nodes for name in node.outputs if name}
        self.readers = Counter(name for node in self.nodes for name in node.inputs)
        self.readers.update(output.name for output in self.outputs)

    def producer(self, tensor: str, *operators: str) -> OnnxNode | None:
        return self.maker(tensor, *operators) if self.readers[tensor] == 1 else None

    def maker(self, tensor: str, *operators: str) -> OnnxNode | None:
        node = self.makers.get(tensor)
        return node if node is not None and node.operator in operators else None

    def array(self, tensor: str) -> np.ndarray | None:
        return self.constants.get(tensor)


def nodes_of(model: Any) -> Nodes:
    """The graph of a checked model.

    Raises
    ------
    Errors
        With a line for each node whose operator is not one of ONNX's own.
    """
    graph = model.graph
    opset = next((each.version for each in model.opset_import if each.domain in DOMAINS), 1)
    newest = onnx_package("defs").onnx_opset_version()
    if opset > newest:
        raise DeclarationError(f"model: opset {opset} given, at most {newest} expected; update onnx")
    constants = {tensor.name: array_of(tensor) for tensor in graph.initializer}
    nodes: list[OnnxNode] = []
    problems: list[str] = []
    for place, proto in enumerate(graph.node):
        node = node_of(proto, opset, problems, place)
        if node is not None and node.operator == "Constant":
            constants[node.outputs[0]] = constant_of(node)
        elif node is not None:
            nodes.append(node)
    if problems:
        raise Errors(problems)
    inputs = [each for each in graph.input if each.name not in constants]
    properties = {each.key: each.value for each in model.metadata_props}
    return Nodes(graph.name or "graph", inputs, list(graph.output), constants, nodes, properties, opset)


def node_of(proto: Any, opset: int, problems: list[str], place: int) -> OnnxNode | None:
    """A node with the version of its operator; what is wrong with it goes to `problems`."""
    title = title_of(proto.name or (proto.output[0] if proto.output else str(place)))
    if proto.domain not in DOMAINS:
        problems.append(
            f"{title}: operator '{proto.domain}:{proto.op_type}' is not one of ONNX's own; export without it"
        )
        return None
    defs = onnx_package("defs")
    try:
        version = defs.get_schema(proto.op_type, opset, "").since_version
    except defs.SchemaError:
        problems.append(f"{title}: operator '{proto.op_type}' is unknown in opset {opset}")
        return None
    attributes = {each.name: value_of(each) for each in proto.attribute}
    return OnnxNode(proto.name, proto.op_type, version, tuple(proto.input), tuple(proto.output), attributes)


def title_of(name: str) -> str:
    return f"node '{name}'"


def value_of(attribute: Any) -> Any:
    """An attribute as Python has it: numbers, texts, lists of them, arrays; a graph as it is."""
    found = onnx_package("helper").get_attribute_value(attribute)
    if attribute.HasField("t"):
        return array_of(found)
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    if attribute.strings:
        return [text.decode("utf-8", "replace") for text in found]
    if attribute.floats:
        return [shortest(number) for number in found]
    return list(found) if attribute.ints else shortest(found) if isinstance(found, float) else found


def shortest(number: float) -> float:
    """A number that has been through 32 bits as people write it: 0.9 for 0.8999999761581421."""
    return float(str(np.float32(number)))


def constant_of(node: OnnxNode) -> np.ndarray:
    """The values of a node Constant, in whichever attribute they are."""
    if "value" in node.attributes:
        return node.attributes["value"]
    name, given = next(iter(node.attributes.items()))
    return np.array(given, np.float32 if "float" in name else np.int64)


def readings() -> dict[str, tuple[str, Reading]]:
    """For each ONNX operator the op in whose record it stands, and how it is read there."""
    return {
        operator: (op.name, reading)
        for op in REGISTRY.values()
        if (mapping := onnx_of(op.onnx)) is not None
        for operator, reading in mapping.read.items()
    }


def recognitions() -> dict[str, list[Match]]:
    """For each ONNX operator the patterns that end with it."""
    found: dict[str, list[Match]] = {}
    for op in REGISTRY.values():
        mapping = onnx_of(op.onnx)
        for operator, match in mapping.patterns.items() if mapping is not None else ():
            found.setdefault(operator, []).append(match)
    return found


def recognize(nodes: Nodes) -> None:
    """Put one node in place of several that say the same as one of ours, and drop what nothing reads any more."""
    patterns = recognitions()
    for place in range(len(nodes.nodes) - 1, -1, -1):
        node = nodes.nodes[place]
        if len(node.outputs) != 1 or nodes.makers.get(node.outputs[0]) is not node:
            continue
        for match in patterns.get(node.operator, ()):
            found = match(nodes, node)
            if found is not None:
                nodes.nodes[place] = found
                drop_unread(nodes, place)
                break
    nodes.nodes = [node for node in nodes.nodes if node.operator]


def drop_unread(nodes: Nodes, last: int) -> None:
    """Take out what only the nodes before that one read; places stay as they are."""
    nodes.index()
    for place in range(last - 1, -1, -1):
        node = nodes.nodes[place]
        if node.operator and not any(nodes.readers[name] for name in node.outputs if name):
            nodes.nodes[place] = OnnxNode(node.name, "", 0, (), ())
            nodes.readers.subtract(node.inputs)
    nodes.index()
