"""Keeps in 16 bits what kernels leave for other kernels: activations and their cotangents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.program import PRODUCTS, REDUCTIONS
from nngraph.ir.types import Batch

# Ops that are kernels of their own and read and write numbers of 16 bits. What is left out puts pieces of sums
# together, or works on a few numbers for each channel: those stay as they are.
KERNELS = {
    "fused", "copy", "gather", "scatter_add", "channel_sums", "convolution_weight", "mix", "mixed_cotangent",
    "inner_products", "depthwise", "depthwise_data", "depthwise_weight", "mixed_depthwise", "mixed_depthwise_backward",
    "max_pool", "max_pool_backward", "average_pool", "average_pool_backward",
}  # fmt: skip
# Where a kernel goes over a list of tensors: these of an op's inputs. They are all of one kind.
LISTS = {
    "mix": slice(1, None), "scaled_sum": slice(1, None, 2), "mixed_cotangent": slice(6, None, 2),
    "inner_product_pieces": slice(1, None), "mixed_depthwise": slice(2, None, 4),
    "mixed_depthwise_backward": slice(3, None, 4),
}  # fmt: skip


def narrow(graph: Graph, storage: str) -> Graph:
    """Have values rounded to 16 bits as soon as they are made, and kept so.

    Of those in float32 that have a number of elements for each example. States, what they become, inputs, outputs,
    what is one number an example or a row, and results of reductions stay in float32, as does all arithmetic.

    Parameters
    ----------
    graph : Graph
        After fusion.
    storage : {"bfloat16", "float16"}
    """
    chosen = chosen_values(graph)
    return renewed(graph, {value: Value(value.name, value.type, storage) for value in chosen}) if chosen else graph


def chosen_values(graph: Graph) -> set[Value]:
    """Results that are kept in 16 bits, views of them included."""
    roots = views_of(graph)
    kept = {roots.get(value, value) for value in (*graph.inputs, *graph.roots(), *(s.old for s in graph.states))}
    kept |= {roots.get(value, value) for value in unsuited(graph)}
    chosen = {value for node in graph.nodes for value in node.results if is_tensor(value)} - kept - roots.keys()
    while alone := mixed_lists(graph, roots, chosen):
        chosen -= alone
    return chosen | {view for view, root in roots.items() if root in chosen}


def renewed(graph: Graph, stands_for: Mapping[Value, Value]) -> Graph:
    """The graph with nodes about the values that stand for others."""
    return replace(graph, nodes=tuple(renewed_node(node, stands_for) for node in graph.nodes))


def views_of(graph: Graph) -> dict[Value, Value]:
    """The value whose memory each view is."""
    roots: dict[Value, Value] = {}
    for node in graph.nodes:
        if node.op.view:
            roots[node.result] = roots.get(node.inputs[0], node.inputs[0])
    return roots


def is_tensor(value: Value) -> bool:
    """Whether it has several numbers, along its last axis too, for each example."""
    shape = value.type.shape
    batched = any(isinstance(dim, Batch) for dim in shape)
    return value.type.dtype == "float32" and batched and len(shape) > 1 and shape[-1] != 1


def unsuited(graph: Graph) -> Iterator[Value]:
    """What kernels without 16 bits read or make, and results of reductions."""
    for node in graph.nodes:
        if node.op.view:
            continue
        if not (node.op.expr or node.op.name in (*REDUCTIONS, *PRODUCTS) or node.op.kernel in KERNELS):
            yield from (*node.inputs, *node.results)
        inner = node.attributes.get("graph")
        for member in inner.nodes if inner else (node,):
            if member.op.name in REDUCTIONS:
                yield from member.results


def mixed_lists(graph: Graph, roots: dict[Value, Value], chosen: set[Value]) -> set[Value]:
    """Of lists that hold both kinds what is narrow."""
    found: set[Value] = set()
    for node in graph.nodes:
        if node.op.name in LISTS:
            tensors = {roots.get(value, value) for value in node.inputs[LISTS[node.op.name]]}
            if not tensors <= chosen:
                found |= tensors & chosen
    return found


def renewed_node(node: Node, stands_for: Mapping[Value, Value]) -> Node:
    """The node, and what is fused in it, about the values that stand for others."""

    def about(values: Iterable[Value]) -> tuple[Value, ...]:
        return tuple(stands_for.get(value, value) for value in values)

    attributes, inner = node.attributes, node.attributes.get("graph")
    if inner:
        nodes = tuple(renewed_node(member, stands_for) for member in inner.nodes)
        outputs = tuple((name, stands_for.get(value, value)) for name, value in inner.outputs)
        attributes = {**attributes, "graph": replace(inner, inputs=about(inner.inputs), nodes=nodes, outputs=outputs)}
    return Node(node.id, node.op, about(node.inputs), about(node.results), attributes)
