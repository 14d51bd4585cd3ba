"""A declared graph becomes an IR graph: ordered, typed, composites expanded, parameters made states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from nngraph.errors import DeclarationError
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.builder import Builder
from nngraph.ir.declaration import INPUT, Declared, attributes_of, operands_of
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY, FacetError, Op, call_facet
from nngraph.ir.order import find_cycle, topological_order
from nngraph.ir.types import BATCH, TensorType
from nngraph.lower.parameters import parameter_values


@dataclass(slots=True, eq=False)
class Lowering:
    """A declared graph on its way: what has been built, and the value of each node so far."""

    declared: Declared
    builder: Builder
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    inputs: list[Value] = field(default_factory=list[Value])


def lower(
    declared: Declared,
    *,
    training: bool = False,
    dtype: str = "float32",
    seed: int = 0,
    keep: Callable[[Op], bool] | None = None,
) -> Graph:
    """Lower a declared graph.

    Parameters
    ----------
    declared : networkx.MultiDiGraph, or plain dictionaries of that layout
        As `nngraph.ir.declaration` describes it.
    training : bool
        Whether ops that differ in training (dropout) take their training form.
    dtype : str
        What "float" is: "float32" or "float64".
    seed : int
        Half of the key of every random stream.
    keep : callable, optional
        Which composites stay one node, for who translates graphs; the parameters are among such a node's inputs.

    Returns
    -------
    Graph
        Nodes in topological order, by insertion where that leaves a choice. A node's own result has its id;
        what a composite expands into stands before it, as ``<node>/<op>``.

    Raises
    ------
    DeclarationError
        If a node cannot be lowered.
    """
    builder = Builder(training=training, dtype=dtype, seed=seed, keep=keep)
    builder.taken = dict.fromkeys(declared.nodes, 1)
    state = Lowering(declared, builder)
    for id in ordered(declared):
        attributes = declared.nodes[id]
        if attributes["op"] == INPUT:
            state.values[id] = lower_input(state, id, attributes)
        else:
            state.values[id] = lower_node(state, id, attributes)
    outputs = tuple((name, state.values[id]) for name, id in declared.graph["outputs"].items())
    states = tuple(builder.states.values())
    return Graph(declared.graph["name"], tuple(state.inputs), tuple(builder.nodes), outputs, states)


def ordered(declared: Declared) -> list[str]:
    order = topological_order(declared.nodes, declared.adj, declared.pred)
    if len(order) < len(declared.nodes):
        done = set(order)
        cycle = find_cycle([id for id in declared.nodes if id not in done], declared.pred)
        raise DeclarationError(f"node '{cycle[0]}': part of a cycle ({' -> '.join([*cycle, cycle[0]])}); use ng.unroll")
    return order


def lower_input(state: Lowering, id: str, attributes: Mapping[str, Any]) -> Value:
    dtype = state.builder.dtype if attributes["dtype"] == "float" else attributes["dtype"]
    value = Value(id, TensorType((BATCH, *attributes["shape"]), dtype))
    state.inputs.append(value)
    return value


def lower_node(state: Lowering, id: str, given: Mapping[str, Any]) -> Value:
    """The value of node `id`, whose ops are appended to what has been built."""
    op = REGISTRY[given["op"]]
    try:
        attributes = check_attributes(op, attributes_of(given))
        own = own_attributes(op, attributes)
        if own.get("dtype") == "float":
            own["dtype"] = state.builder.dtype
        inputs = operand_values(state, id)
        types = [value.type for value in inputs]
        # Before expansion, for its messages speak of what the user declared.
        result = call_facet(op, "infer", *types, **own)
        if op.parameters:
            found = call_facet(op, "parameters", *types, **own)
            inputs += parameter_values(state.builder, state.declared.nodes, id, found, types)
        if op.expand and not state.builder.keeps(op):
            return expand(state.builder, op, id, inputs, own)
        return append(state.builder, op, id, inputs, own, result)
    except ValueError as error:
        raise DeclarationError(f"node '{id}' ({op.name}): {error}") from error


def operand_values(state: Lowering, id: str) -> list[Value]:
    """The values that a node is applied to; numbers become constants of the dtype of those beside them."""
    operands = operands_of(state.declared, id)
    known = [state.values[operand] for operand in operands if isinstance(operand, str)]
    if len(known) == len(operands):
        return known
    dtypes = [value.type.dtype for value in known]
    dtype = next((dtype for dtype in dtypes if dtype != "bool"), state.builder.dtype)
    return [
        state.values[operand] if isinstance(operand, str) else state.builder.constant(operand, dtype)
        for operand in operands
    ]


def append(b: Builder, op: Op, id: str, inputs: list[Value], attributes: dict[str, Any], inferred: Any) -> Value:
    """Add a node of a core op, under the id that the user gave it."""
    types: list[TensorType] = [inferred] if isinstance(inferred, TensorType) else list(inferred)
    results = tuple(Value(f"{id}:{k}" if k else id, type) for k, type in enumerate(types))
    b.nodes.append(Node(id, op, tuple(inputs), results, attributes))
    return results[0]


def expand(b: Builder, op: Op, id: str, inputs: list[Value], attributes: dict[str, Any]) -> Value:
    """Add what a composite expands into; the node that makes its result takes the composite's own id."""
    before = len(b.nodes)
    b.prefix = id
    expanded: Any = call_facet(op, "expand", b, *inputs, **attributes)
    b.prefix = ""
    results = cast("tuple[Any, ...]", expanded) if isinstance(expanded, tuple) else (expanded,)
    result = results[0] if results else None
    if not isinstance(result, Value):
        raise FacetError(f"its expand gave {expanded!r}, a value that the builder made expected")
    return b.name_result(id, result, before)
