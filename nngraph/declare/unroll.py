"""Graphs with cycles, unrolled in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nngraph.declare.assemble import Spec, assemble
from nngraph.declare.check import FLOAT, Problems, as_number, check_input, check_operands, find_op, input_type
from nngraph.declare.graph import Graph
from nngraph.declare.links import Link, Past, specs_of
from nngraph.declare.networkx_graph import links_of, named
from nngraph.declare.parameters import check_node
from nngraph.errors import DeclarationError, Errors
from nngraph.ir.declaration import INPUT, Number
from nngraph.ir.order import topological_order
from nngraph.ir.types import TensorType

if TYPE_CHECKING:
    import networkx


@dataclass(slots=True)
class Cyclic:
    """A graph with cycles: its nodes, an order without the recurrent edges, and the types of its values."""

    specs: dict[str, Spec]
    order: list[str]
    types: dict[str, TensorType] = field(default_factory=dict[str, TensorType])


def unroll(
    graph: networkx.DiGraph[Any] | networkx.MultiDiGraph[Any] | Graph,
    steps: int,
    *,
    sequence: Sequence[str] = (),
    every_step: bool = False,
) -> Graph:
    """Unroll a graph with cycles in time: a copy of its nodes for every step, with shared parameters.

    A recurrent edge brings the value that its source had one step before, zeros in the first step. Node ``h``
    of step 2 is ``h/t2``.

    Parameters
    ----------
    graph : networkx graph, as for `from_networkx`
        Recurrent edges have the attribute ``recurrent=True``. Where a cycle has none, those of its edges are
        recurrent that lead to a node inserted no later than their source.
    steps : int
        Number of copies.
    sequence : sequence of str
        Inputs that have another value in every step (``x/t1``, ``x/t2``, ...). The others are held.
    every_step : bool
        Make outputs of every step (``y/t1``, ...), not only of the last (``y``).

    Returns
    -------
    Graph

    Raises
    ------
    Errors
        With one line for everything that is wrong.
    """
    try:
        found: Any = graph.nx if isinstance(graph, Graph) else graph
        return unrolled(found, steps, tuple(sequence), every_step)
    except DeclarationError as error:
        raise error.with_traceback(None) from error.__cause__


def unrolled(graph: Any, steps: Any, sequence: tuple[str, ...], every_step: bool) -> Graph:
    if type(steps) is not int or steps < 1:
        raise DeclarationError(f"unroll: steps {steps!r} given, an integer of at least 1 expected")
    cyclic = read(graph)
    for name in sequence:
        if name not in cyclic.specs or cyclic.specs[name].op != INPUT:
            raise DeclarationError(f"unroll: sequence names '{name}', which is no input of the graph")
    outputs = named(graph.graph.get("outputs") or ends(cyclic))
    last = {
        (f"{name}/t{t}" if every_step else name): at(cyclic, id, t, sequence)
        for t in range(1 if every_step else steps, steps + 1)
        for name, id in outputs.items()
        if id in cyclic.specs
    }
    specs = [*held(cyclic, sequence), *zeros(cyclic, sequence), *copies(cyclic, steps, sequence)]
    return assemble(graph.graph.get("name") or "graph", specs, last)


def ends(cyclic: Cyclic) -> list[str]:
    """The nodes that lead nowhere, or else those that lead to later steps only."""
    inputs = [source for spec in cyclic.specs.values() for source in spec.inputs]
    now = {source for source in inputs if isinstance(source, str)}
    later = {source.id for source in inputs if isinstance(source, Past)}
    nowhere = [id for id in cyclic.specs if id not in now and id not in later]
    return nowhere or [id for id in cyclic.specs if id not in now]


def read(graph: Any) -> Cyclic:
    """The nodes, with `Past` inputs where an edge is recurrent, and their types."""
    problems: list[str] = []
    links = list(links_of(graph))
    mark(graph, links)
    specs = specs_of(graph.nodes(data=True), links, problems, strict=False)
    if problems:
        raise Errors(problems)
    known = {spec.id: spec for spec in specs}
    before = {spec.id: dict.fromkeys(x for x in spec.inputs if isinstance(x, str)) for spec in specs}
    after: dict[str, list[str]] = {id: [] for id in known}
    for id, sources in before.items():
        for source in sources:
            after[source].append(id)
    cyclic = Cyclic(known, topological_order(known, after, before))
    find_types(cyclic)
    return cyclic


def mark(graph: Any, links: Sequence[Link]) -> None:
    """Find the recurrent edges: those that say so, and in what cycles are left those that lead back."""
    import networkx

    place = {str(id): position for position, id in enumerate(graph.nodes)}
    pending = iter(links)
    for data in attributes_of_edges(graph):
        next(pending).recurrent = bool(data.get("recurrent"))
    rest: Any = networkx.DiGraph()  # pyright: ignore[reportUnknownVariableType]
    rest.add_nodes_from(place)
    rest.add_edges_from((link.source, link.target) for link in links if not link.recurrent)
    components: Any = networkx.strongly_connected_components(rest)  # pyright: ignore[reportUnknownMemberType]
    member = {id: number for number, component in enumerate(components) for id in component}
    for link in links:
        if member[link.source] == member[link.target] and place[link.source] >= place[link.target]:
            link.recurrent = True


def attributes_of_edges(graph: Any) -> Iterator[Mapping[str, Any]]:
    """In the order of `links_of`."""
    for sources in graph.pred.values():
        for edges in sources.values():
            yield from edges.values() if graph.is_multigraph() else (edges,)


def find_types(cyclic: Cyclic) -> None:
    """Infer the types round the cycles: what arithmetic gives is known from one of its operands."""
    count, problems = -1, dict[str, str]()
    while count < len(cyclic.types):
        count = len(cyclic.types)
        problems.clear()
        for id in cyclic.order:
            spec = cyclic.specs[id]
            try:
                if (type := type_of(cyclic, spec)) is not None:
                    cyclic.types[id] = type
            except Problems as problem:
                problems[id] = f"{spec.title}: {problem.text}"
    if problems:
        raise Errors(list(problems.values()))
    for spec in cyclic.specs.values():
        for source in spec.inputs:
            if isinstance(source, Past) and source.id not in cyclic.types:
                raise DeclarationError(
                    f"{spec.title}: the shape of '{source.id}' one step before is not known; "
                    "let that node also depend on an input, by arithmetic"
                )


def type_of(cyclic: Cyclic, spec: Spec) -> TensorType | None:
    """The type of a node's value, or None where it depends on what is not known yet."""
    if spec.op == INPUT:
        return input_type(*check_input(spec.attributes.get("shape"), spec.attributes.get("dtype", "float")))
    op = find_op(spec.op)
    types = [operand_type(cyclic, x) for x in spec.inputs]
    if None in types:
        known = next((x for x in types if isinstance(x, TensorType)), None)
        if not op.expr or known is None:
            return None
        types = [known if x is None else x for x in types]
    check_operands(op, types)
    return check_node(op, [x for x in types if x is not None], spec.attributes)[0]


def operand_type(cyclic: Cyclic, given: Any) -> TensorType | Number | None:
    """The type of an operand, or the number that stands there; None while it is not known."""
    if isinstance(given, (str, Past)):
        return cyclic.types.get(given.id if isinstance(given, Past) else given)
    return as_number(given)


def at(cyclic: Cyclic, id: str, t: int, sequence: tuple[str, ...]) -> str:
    """The node that is `id` in step `t`."""
    return id if cyclic.specs[id].op == INPUT and id not in sequence else f"{id}/t{t}"


def held(cyclic: Cyclic, sequence: tuple[str, ...]) -> Iterator[Spec]:
    for id, spec in cyclic.specs.items():
        if spec.op == INPUT and id not in sequence:
            yield spec


def copies(cyclic: Cyclic, steps: int, sequence: tuple[str, ...]) -> Iterator[Spec]:
    for t in range(1, steps + 1):
        for id in cyclic.order:
            spec = cyclic.specs[id]
            if at(cyclic, id, t, sequence) != id:
                yield copy(cyclic, spec, t, sequence)


def copy(cyclic: Cyclic, spec: Spec, t: int, sequence: tuple[str, ...]) -> Spec:
    """A node in step `t`; what it has parameters for, it shares with its copy of the first step."""
    inputs = [
        at(cyclic, x.id, t - 1, sequence) if isinstance(x, Past)
        else at(cyclic, x, t, sequence) if isinstance(x, str) else x
        for x in spec.inputs
    ]  # fmt: skip
    attributes = dict(spec.attributes)
    owner = attributes.get("shared_with")
    if owner in cyclic.specs:
        attributes["shared_with"] = f"{owner}/t1"
    elif t > 1 and spec.op != INPUT and find_op(spec.op).parameters:
        attributes = {name: item for name, item in attributes.items() if name not in OWNED}
        attributes["shared_with"] = f"{spec.id}/t1"
    return Spec(f"{spec.id}/t{t}", spec.op, inputs, attributes)


OWNED = ("trainable", "initializer", "regularizer")


def zeros(cyclic: Cyclic, sequence: tuple[str, ...]) -> Iterator[Spec]:
    """What recurrent edges bring in the first step, with a batch as large as that of an input."""
    past = {x.id for spec in cyclic.specs.values() for x in spec.inputs if isinstance(x, Past)}
    batch = next((spec for spec in cyclic.specs.values() if spec.op == INPUT), None)
    if not past or batch is None:
        return
    size, axes = "zero/batch", range(1, cyclic.types[batch.id].rank)
    yield Spec(size, "sum", [at(cyclic, batch.id, 1, sequence)], {"axis": list(axes)})
    yield Spec("zero/none", "less", [size, size])
    for id in cyclic.order:
        if id in past:
            type = cyclic.types[id]
            dtype = "float" if type.dtype == FLOAT else type.dtype
            yield Spec(f"zero/{id}", "cast", ["zero/none"], {"dtype": dtype})
            yield Spec(f"{id}/t0", "broadcast", [f"zero/{id}"], {"shape": list(type.shape[1:])})
