"""Reverse-mode differentiation: every node's vjp once, from the loss back to the values asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from nngraph.errors import CompilationError, DeclarationError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Absent, call_facet
from nngraph.ir.types import FLOATS


def gradients(b: Builder, loss: Value, wanted: Collection[Value], scale: Value | None = None) -> dict[Value, Value]:
    """Append the nodes that compute the derivatives of `loss`, a scalar, times `scale`, with respect to `wanted`.

    Nodes that are made for node n are called ``gradient/<n>/...``; where several cotangents meet, their sum
    is called ``gradient/<value>``.

    Returns
    -------
    dict of Value to Value
        Values that the loss does not depend on (or only through ops without a derivative) are left out.
    """
    if loss not in dependents(b.nodes, wanted):
        return {}
    return pull_back(b, {loss: b.constant(1.0, loss.type.dtype) if scale is None else scale}, wanted)


def pull_back(b: Builder, given: Mapping[Value, Value], wanted: Collection[Value]) -> dict[Value, Value]:
    """Append the nodes that take cotangents of some values back to `wanted`; what is returned is as of `gradients`."""
    nodes = tuple(b.nodes)
    reached = dependents(nodes, wanted)
    cotangents = {value: dy for value, dy in given.items() if value in reached}
    kept = set(wanted)
    for node in reversed(nodes):
        if any(result in cotangents for result in node.results):
            if not reached.isdisjoint(node.inputs):
                propagate(b, node, cotangents, reached)
            for result in node.results:
                if result not in kept:
                    cotangents.pop(result, None)
    b.prefix = ""
    return {value: cotangents[value] for value in wanted if value in cotangents}


def dependents(nodes: Iterable[Node], wanted: Iterable[Value]) -> set[Value]:
    """`wanted`, and the values of float type that they reach through ops that have a derivative."""
    reached = set(wanted)
    for node in nodes:
        if isinstance(node.op.vjp, Absent) or reached.isdisjoint(node.inputs):
            continue
        reached.update(result for result in node.results if result.type.dtype in FLOATS)
    return reached


def propagate(b: Builder, node: Node, cotangents: dict[Value, Value], reached: set[Value]) -> None:
    """Add what `node` contributes to the cotangents of its inputs."""
    vjp = node.op.vjp
    if vjp is None or isinstance(vjp, Absent):
        raise CompilationError(
            f"node '{node.id}': op '{node.op.name}' has no vjp; give its record one, or an expand instead"
        )
    b.prefix = f"gradient/{node.id}"
    given = [cotangents[result] if result in cotangents else zeros(b, result) for result in node.results]
    for value, dx in zip(node.inputs, gradients_of(b, node, given), strict=True):
        if dx is None or value not in reached:
            continue
        known = cotangents.get(value)
        cotangents[value] = dx if known is None else b.add("add", known, dx, id=f"gradient/{value.name}")


def gradients_of(b: Builder, node: Node, cotangents: list[Value]) -> tuple[Value | None, ...]:
    """What the op's `vjp` gives, one for each input; DeclarationError where it fails, which its author has to mend."""
    try:
        return call_facet(node.op, "vjp", b, node, *cotangents)
    except ValueError as error:
        raise DeclarationError(f"node '{node.id}' ({node.op.name}): {error}") from error


def zeros(b: Builder, value: Value) -> Value:
    """A cotangent of zeros: of a result that nothing reads, or a parameter that no loss depends on."""
    zero = b.constant(0.0, value.type.dtype)
    return zero if value.type.shape == () else b.add("broadcast_to", zero, shape=value.type.shape)
