"""Takes batch norm's backward terms into the sum over what a value's readers send back."""

from __future__ import annotations

from collections import Counter

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import float_of, substitute, with_inputs


def mix_cotangents(graph: Graph) -> Graph:
    """Replace Σ s_j dp_j · factor + ((x − mean) slope + base) by `mixed_cotangent`, where nothing else reads the parts.

    In one pass over its readers' gradients a value gets its own: neither the sum nor its product is ever written.
    """
    makers = {node.result: node for node in graph.nodes if node.op.name in ("multiply", "scaled_sum", "scale_shift")}
    if not any(node.op.name == "scaled_sum" for node in makers.values()):
        return graph
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(graph.roots())
    once = {value: node for value, node in makers.items() if uses[value] == 1}
    parts = {node: found for node in graph.nodes if node.op.name == "add" and (found := parts_of(node, once))}
    dropped = {part for found in parts.values() for part in found}
    b = Builder(dtype=float_of(graph))
    b.reserve(graph)
    stands_for: dict[Value, Value] = {}
    for node in graph.nodes:
        if node in parts:
            stands_for[node.result] = mixed(b, node, parts[node], stands_for)
        elif node not in dropped:
            b.nodes.append(with_inputs(node, stands_for))
    return substitute(graph, b.nodes, stands_for)


def parts_of(addition: Node, once: dict[Value, Node]) -> tuple[Node, Node, Node] | None:
    """The scaled sum, its product with a factor for each channel, and the terms of x that are added to it."""
    for value, other in (addition.inputs, addition.inputs[::-1]):
        product, terms = once.get(value), once.get(other)
        if product and terms and product.op.name == "multiply" and terms.op.name == "scale_shift":
            gathered, (_, mean, _, _) = once.get(product.inputs[0]), terms.inputs
            if gathered and gathered.op.name == "scaled_sum" and product.inputs[1].type == mean.type:
                return gathered, product, terms
    return None


def mixed(b: Builder, addition: Node, parts: tuple[Node, Node, Node], stands_for: dict[Value, Value]) -> Value:
    gathered, product, terms = parts
    x, mean, slope, base = terms.inputs
    inputs = [stands_for.get(v, v) for v in (x, mean, product.inputs[1], slope, base, *gathered.inputs)]
    attributes = {"places": gathered.attributes["places"]}
    b.prefix = addition.id
    return b.append(REGISTRY["mixed_cotangent"], inputs, [addition.result.type], attributes)[0]
