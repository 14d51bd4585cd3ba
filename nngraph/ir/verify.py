"""The rules of the IR, checked after every pass in tests and under `--verify`."""

from __future__ import annotations

from nngraph.errors import VerificationError
from nngraph.ir.graph import Graph, Node, Value
from nngraph_kernels.storage_reference import STORAGE


def verify(graph: Graph) -> None:
    """Check that `graph` is well formed.

    Raises
    ------
    VerificationError
        If a value is used before it is made, made twice or named twice, an id stands twice, a result's type
        is not what its op infers, what is narrow is not float32, a state changes its type, or none of the kind
        "prepared" is made.
    """
    known: set[Value] = set()
    names: set[str] = set()

    def define(value: Value, where: str) -> None:
        if value in known:
            raise VerificationError(f"{where}: value '{value.name}' is defined twice")
        if value.name in names:
            raise VerificationError(f"{where}: two values are named '{value.name}'")
        if value.narrow and (value.type.dtype != "float32" or value.narrow not in STORAGE):
            raise VerificationError(f"{where}: {value}; float32 as one of {', '.join(STORAGE)} expected")
        known.add(value)
        names.add(value.name)

    for value in graph.inputs:
        define(value, "inputs")
    for state in graph.states:
        define(state.old, f"state '{state.name}'")
    ids: set[str] = set()
    for node in graph.nodes:
        if node.id in ids:
            raise VerificationError(f"node '{node.id}': its id stands twice")
        ids.add(node.id)
        verify_node(node, known)
        for value in node.results:
            define(value, f"node '{node.id}'")
    verify_roots(graph, known)
    verify_preparation(graph)


def verify_preparation(graph: Graph) -> None:
    """What a graph takes as prepared is made before it."""
    before = graph.preparation
    if before:
        verify(before)
    made = {state.name: state.new.type for state in before.states if state.new is not state.old} if before else {}
    for state in graph.states:
        given = state.kind == "prepared" and state.new is state.old
        if given and made.get(state.name) != state.old.type:
            raise VerificationError(f"state '{state.name}': {state.old.type} expected, no preparation makes it")


def verify_node(node: Node, known: set[Value]) -> None:
    """A node reads what is made before it, and holds the types that its op infers."""
    for value in node.inputs:
        if value not in known:
            raise VerificationError(f"node '{node.id}': reads '{value.name}', which nothing before it makes")
    if inner := node.attributes.get("graph"):
        verify_inner(node.id, inner, node.inputs, node.results)
    else:
        verify_types(node)


def verify_roots(graph: Graph, known: set[Value]) -> None:
    """What a graph gives is made, and a state keeps its type."""
    for root in graph.roots():
        if root not in known:
            raise VerificationError(f"graph '{graph.name}': root '{root.name}' is made by no node")
    for state in graph.states:
        if state.new.type != state.old.type:
            raise VerificationError(
                f"state '{state.name}': holds {state.old.type}, but its new value is {state.new.type}"
            )


def verify_types(node: Node) -> None:
    try:
        types = node.op.result_types([value.type for value in node.inputs], node.attributes)
    except ValueError as error:
        raise VerificationError(f"node '{node.id}' ({node.op.name}): {error}") from error
    if types != tuple(value.type for value in node.results):
        found, right = ", ".join(str(value.type) for value in node.results), ", ".join(map(str, types))
        raise VerificationError(f"node '{node.id}': holds {found}, but '{node.op.name}' infers {right}")


def verify_inner(id: str, inner: Graph, inputs: tuple[Value, ...], results: tuple[Value, ...]) -> None:
    """A fused node's inner graph takes and gives the types that the node does."""
    verify(inner)
    outer = [value.type for value in (*inputs, *results)]
    if outer != [value.type for value in (*inner.inputs, *(value for _, value in inner.outputs))]:
        raise VerificationError(f"node '{id}': its inner graph has other input or output types than the node")
