"""Many nodes become a graph at once, in any order, all that is wrong with them reported together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nngraph.declare.check import (
    Problems,
    as_number,
    check_input,
    check_operands,
    find_op,
    input_type,
    shown,
    type_text,
)
from nngraph.declare.graph import Graph
from nngraph.declare.names import bad_id
from nngraph.declare.parameters import check_node, check_owner
from nngraph.errors import Errors, did_you_mean
from nngraph.ir.declaration import INPUT, Number
from nngraph.ir.op import Op
from nngraph.ir.order import find_cycle, topological_order
from nngraph.ir.types import TensorType


@dataclass(slots=True)
class Spec:
    """A node as a file or another graph says it, unchecked; `broken` if something wrong was found before."""

    id: str
    op: Any
    inputs: list[Any] = field(default_factory=list[Any])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    broken: bool = False

    @property
    def title(self) -> str:
        return f"input {shown(self.id)}" if self.op == INPUT else f"node {shown(self.id)} ({self.op})"


@dataclass(slots=True)
class Assembly:
    """What has been found out so far.

    Attributes
    ----------
    ops : dict
        Of the nodes whose id and op are right; None for an input.
    sources : dict
        Of the nodes whose inputs exist.
    found : list of (int, str)
        What is wrong, with the place of the node in the file.
    cause : BaseException or None
        What the record of an op of the user's own raised.
    """

    graph: Graph
    specs: dict[str, Spec] = field(default_factory=dict[str, Spec])
    places: dict[str, int] = field(default_factory=dict[str, int])
    ops: dict[str, Op | None] = field(default_factory=dict[str, "Op | None"])
    sources: dict[str, list[str | Number]] = field(default_factory=dict[str, "list[str | Number]"])
    found: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    cause: BaseException | None = None

    def report(self, spec: Spec, *messages: str) -> None:
        place = self.places.get(spec.id, len(self.places))
        self.found += [(place, f"{spec.title}: {message}") for message in messages]


def assemble(
    name: str,
    specs: Iterable[Spec],
    outputs: Mapping[str, str],
    *,
    problems: Sequence[str] = (),
    where: str = "",
) -> Graph:
    """Make a graph of nodes that may stand in any order.

    Parameters
    ----------
    name : str
    specs : iterable of Spec
    outputs : mapping of str to str
        Output name to node id.
    problems : sequence of str
        What was found to be wrong before.
    where : str
        The file, to begin every message with.

    Raises
    ------
    Errors
        With a line for everything that is wrong. Nodes that depend on a wrong one are not reported.
    """
    assembly = Assembly(Graph(name))
    for spec in specs:
        register(assembly, spec)
    for spec in assembly.specs.values():
        resolve_sources(assembly, spec)
    for id in ordered(assembly):
        build(assembly, id)
    check_owners(assembly)
    bind_outputs(assembly, outputs)
    messages = [*problems, *(message for _, message in sorted(assembly.found, key=lambda pair: pair[0]))]
    if messages:
        raise Errors([f"{where}{message}" for message in messages]) from assembly.cause
    return assembly.graph


def register(a: Assembly, spec: Spec) -> None:
    """Take the node up under its id, if that is a good one and free."""
    if wrong := bad_id(spec.id):
        a.report(spec, wrong)
    elif spec.id in a.specs:
        a.report(spec, f"its id is taken by another node, of op '{a.specs[spec.id].op}'; rename one of them")
    else:
        a.places[spec.id] = len(a.places)
        a.specs[spec.id] = spec
        a.graph.wiring.add(spec.id, {})
        if spec.broken:
            return
        try:
            a.ops[spec.id] = None if spec.op == INPUT else find_op(spec.op)
        except Problems as problem:
            a.report(spec, *problem.messages)


def resolve_sources(a: Assembly, spec: Spec) -> None:
    """Turn a node's inputs into ids of nodes and numbers."""
    if spec.broken:
        return
    sources: list[str | Number] = []
    wrong: list[str] = []
    for given in spec.inputs:
        try:
            sources.append(resolve(a, given))
        except Problems as problem:
            wrong += problem.messages
    a.report(spec, *wrong)
    if not wrong:
        a.sources[spec.id] = sources


def resolve(a: Assembly, given: Any) -> str | Number:
    if isinstance(given, str):
        if given in a.specs:
            return given
        near = did_you_mean(given, a.specs, "; add that node or name another")
        raise Problems(f"input '{given}' given, which is no node or input of the graph{near}")
    number = as_number(given)
    if number is None:
        raise Problems(f"{shown(given)} given as an input, the id of a node expected")
    return number


def ordered(a: Assembly) -> list[str]:
    """The nodes in an order in which their types can be inferred, without those on or behind a cycle."""
    before = {id: [x for x in a.sources.get(id, ()) if isinstance(x, str)] for id in a.specs}
    predecessors = {id: dict.fromkeys(sources) for id, sources in before.items()}
    successors: dict[str, list[str]] = {id: [] for id in a.specs}
    for id, sources in predecessors.items():
        for source in sources:
            successors[source].append(id)
    order = topological_order(a.specs, successors, predecessors)
    if len(order) < len(a.specs):
        done = set(order)
        cycle = find_cycle([id for id in a.specs if id not in done], predecessors)
        first = min(range(len(cycle)), key=lambda k: a.places[cycle[k]])
        cycle = cycle[first:] + cycle[:first]
        path = " -> ".join([*cycle, cycle[0]])
        a.report(
            a.specs[cycle[0]],
            f"a cycle leads back to it ({path}); cut it, or unroll it in time with ng.unroll",
        )
    return order


def build(a: Assembly, id: str) -> None:
    """Infer the type of a node, unless something before it is wrong already."""
    spec, types = a.specs[id], a.graph.types
    if id not in a.ops or id not in a.sources:
        return
    sources = a.sources[id]
    if not all(source in types for source in sources if isinstance(source, str)):
        return
    try:
        types[id], attributes = checked(spec, a.ops[id], [types[x] if isinstance(x, str) else x for x in sources])
    except Problems as problem:
        a.report(spec, *problem.messages)
        a.cause = a.cause or problem.__cause__
        return
    a.graph.wiring.nodes[id].update({"op": spec.op, **attributes, "type": type_text(types[id])})
    a.graph.wiring.connect(id, sources)


def checked(spec: Spec, op: Op | None, types: Sequence[TensorType | Number]) -> tuple[TensorType, dict[str, Any]]:
    if op:
        check_operands(op, types)
        return check_node(op, types, spec.attributes)
    given = dict(spec.attributes)
    shape, dtype = check_input(given.pop("shape", None), given.pop("dtype", "float"))
    if types or given:
        what = f"attribute '{next(iter(given))}'" if given else "an edge into it"
        raise Problems(f"{what} given, but an input has only a shape and a dtype")
    return input_type(shape, dtype), {"shape": shape, "dtype": dtype}


def check_owners(a: Assembly) -> None:
    """Check the nodes that share another's parameters, unless something else is wrong with either."""
    wiring, types = a.graph.wiring, a.graph.types
    owners: dict[str, str | None] = {}
    for id, node in wiring.nodes.items():
        op, owner = a.ops.get(id), node.get("shared_with")
        if not op or owner is None or (owner in a.specs and owner not in types):
            continue
        given = {name: item for name, item in node.items() if name in ("shared_with", *op.attributes)}
        operands = [types[x] if isinstance(x, str) else x for x in a.sources[id]]
        try:
            check_owner(wiring, types, op, operands, given)
            if find_owner(wiring.nodes, id, owners) is None:
                raise Problems("shared_with leads round in a circle; leave it out at one of its nodes")
        except Problems as problem:
            a.report(a.specs[id], *problem.messages)
    for id, owner in owners.items():
        if owner != id:
            wiring.nodes[id]["shared_with"] = owner


def find_owner(nodes: Mapping[str, Mapping[str, Any]], id: str, owners: dict[str, str | None]) -> str | None:
    """The node whose own parameters `id` uses in the end; None where sharing leads round in a circle.

    What is found is kept in `owners`, so that long chains are walked once.
    """
    path: list[str] = []
    current = id
    while current not in owners:
        owners[current] = None  # stays so if the walk comes back here
        path.append(current)
        following = nodes[current].get("shared_with") if current in nodes else None
        if following is None:
            owners[current] = current
        else:
            current = following
    found = owners[current]
    owners.update(dict.fromkeys(path, found))
    return found


def bind_outputs(a: Assembly, outputs: Mapping[str, str]) -> None:
    for name, id in outputs.items():
        if wrong := bad_id(name):
            a.found.append((len(a.places), f"output '{name}': {wrong}"))
        elif id not in a.specs:
            near = did_you_mean(str(id), a.specs)
            a.found.append((len(a.places), f"output '{name}': '{id}' given, which is no node of the graph{near}"))
        else:
            a.graph.wiring.graph["outputs"][name] = id
