"""The picture of a declared graph: its nodes as they were written, and inside of them what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nngraph.draw.families import sort_of_op
from nngraph.draw.notes import attribute_texts, note_of
from nngraph.draw.picture import TOP, Facts, Picture
from nngraph.draw.program import Program
from nngraph.draw.sketch import Sketch
from nngraph.draw.stages import Stage, is_number, names_of
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.declaration import Declared, attributes_of, operands_of
from nngraph.ir.graph import Graph, Node
from nngraph.ir.op import REGISTRY
from nngraph.ir.order import topological_order
from nngraph.ir.types import Batch, TensorType
from nngraph.ops.parts import Typed, TypedPart
from nngraph.ops.randwire import parts_of
from nngraph.report.nodes import owner_of
from nngraph_kernels.record import record

COMPOSED: Mapping[str, Callable[..., Typed]] = {"randwire": parts_of}  # ops made of ops that could be declared


@record
class Declaration:
    """A node as it was declared, or a part of one.

    Attributes
    ----------
    inputs : tuple of str
        Ids of what it reads; that of the composite where it reads the composite's own input.
    parts : bool
        Whether it is made of such nodes itself.
    """

    id: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    type: str
    parts: bool = False


def declarations(declared: Declared) -> Iterator[Declaration]:
    """All nodes in topological order, the parts of a composite behind it."""
    for id in topological_order(declared.nodes, declared.adj, declared.pred):
        given = declared.nodes[id]
        op = given["op"]
        sources = tuple(operand for operand in operands_of(declared, id) if isinstance(operand, str))
        attributes = attributes_of(given)
        made_of_parts = op in COMPOSED
        yield Declaration(id, op, sources, attributes, given.get("type", ""), made_of_parts)
        if made_of_parts:
            checked = own_attributes(REGISTRY[op], check_attributes(REGISTRY[op], attributes))
            for part in COMPOSED[op](*(type_from(declared.nodes[source]["type"]) for source in sources), **checked):
                yield part_of(id, part)


def part_of(id: str, typed: TypedPart) -> Declaration:
    part = typed.part
    inputs = tuple(id if isinstance(source, int) else f"{id}/{source}" for source in part.inputs)
    return Declaration(f"{id}/{part.id}", part.op, inputs, part.attributes, str(typed.result))


def type_from(text: str) -> TensorType:
    """The type that was declared, from its text."""
    dtype, _, rest = text.partition("[")
    dims = [dim for dim in rest.rstrip("]").split(", ") if dim]
    shape = [Batch(int(dim.partition("*")[0]) if "*" in dim else 1) if "batch" in dim else int(dim) for dim in dims]
    return TensorType(tuple(shape), "float32" if dtype == "float" else dtype)


def describing(declared: Declared) -> dict[str, dict[str, Any]]:
    """What a group is called that stands for a declared node, by its id: op, sort, attributes."""
    return {each.id: described(each) for each in declarations(declared)}


def described(each: Declaration) -> dict[str, Any]:
    op = REGISTRY.get(each.op)
    return {
        "op": each.op, "sort": sort_of_op(each.op, op.family if op else ""), "note": note_of(op, each.attributes),
        "type": each.type, "facts": Facts(attribute_texts(each.attributes)),
    } | ({"group": "wiring"} if each.op == "randwire" else {})  # fmt: skip


class Declaring:
    """Draws declared nodes; what they are lowered into stands inside of them."""

    def __init__(self, declared: Declared, lowered: Graph, program: Program, nodes: list[Declaration]) -> None:
        self.declared, self.program = declared, program
        self.known = {each.id: each for each in nodes}
        self.whole = [each for each in nodes if each.parts]
        self.sketch = Sketch([each.id for each in nodes], self.about)
        self.stage = Stage(self.sketch, lowered, self.inform)
        self.inside: dict[str, list[Node]] = {}
        for node in lowered.nodes:
            if is_number(node):
                self.stage.node(node)
            elif owner := owner_of(node.id, self.known):
                self.inside.setdefault(owner, []).append(node)
        self.keys: dict[str, int] = {}

    def inform(self, node: Node) -> Facts:
        return self.program.facts(node.id, attribute_texts(node.attributes), names_of(node))

    def about(self, path: str) -> dict[str, Any]:
        if path not in self.known:
            return {"facts": self.program.facts(path, {})}
        each = self.known[path]
        attributes = attribute_texts(each.attributes)
        return described(each) | {"facts": self.program.facts(path, attributes, [path])}

    def draw(self, each: Declaration) -> None:
        """Draw one node, and the arrows that lead to it."""
        if each.parts:
            key = self.sketch.group_around(each.id, itself=True)
        else:
            key = self.sketch.node(each.id, **self.about(each.id))
            self.open(each, key)
        self.keys[each.id] = key
        for source in each.inputs:
            made = self.known[source]
            if made.parts and each.id.startswith(f"{source}/"):  # a part, which reads what its composite does
                made = self.known[made.inputs[0]]
            self.sketch.link(self.keys[source], key, made.id, made.type)

    def open(self, each: Declaration, key: int) -> None:
        """Draw what a node is lowered into inside of it."""
        nodes = self.inside.get(each.id, [])
        if len(nodes) < 2:
            if nodes:
                self.count(key, nodes[0])
            return
        self.sketch.change(key, group="group")
        own = {value for node in nodes for value in node.results}
        for node in nodes:
            drawn = self.stage.node(node, key)
            assert drawn is not None
            for value in node.inputs:
                if value not in own and value not in self.stage.states and value not in self.stage.numbers:
                    read = value.name if value.name in each.inputs else each.inputs[0]
                    self.sketch.link(key, drawn, read, str(value.type))
        self.sketch.link(self.stage.made[nodes[-1].results[0]], key, each.id, each.type)
        for value in own:
            del self.stage.made[value]

    def count(self, key: int, node: Node) -> None:
        known = self.stage.known(node)
        self.sketch.change(key, parameters=known["parameters"], multiply_adds=known["multiply_adds"])


def declared_picture(declared: Declared, lowered: Graph, program: Program, subtitle: str) -> Picture:
    """The picture of a declared graph.

    Parameters
    ----------
    declared : Declared
    lowered : Graph
        What `lower` makes of it for prediction: what stands inside of composite nodes.
    program : Program
        Any program of it: which kernels compute a node, and where its value lies.
    subtitle : str
    """
    nodes = list(declarations(declared))
    drawing = Declaring(declared, lowered, program, nodes)
    for each in nodes:
        drawing.draw(each)
    for whole in drawing.whole:
        last = f"{whole.id}/output"
        drawing.sketch.link(drawing.keys[last], drawing.keys[whole.id], whole.id, whole.type)
    for name, id in declared.graph["outputs"].items():
        key = drawing.sketch.add(TOP, name, op="output", sort="data", type=drawing.known[id].type)
        drawing.sketch.link(drawing.keys[id], key, id, drawing.known[id].type)
    drawing.sketch.totals()
    return Picture(declared.graph["name"], subtitle, tuple(drawing.sketch.items), tuple(drawing.sketch.links))
