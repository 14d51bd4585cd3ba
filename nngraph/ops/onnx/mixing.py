"""Weighted sums in ONNX: what meets at a node of a wiring."""

from __future__ import annotations

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Pattern, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ops.onnx.direct import recognized


def write_mix(w: Writer, node: Node) -> None:
    """Σ s_i x_i, for a value s."""
    weights, *_ = node.inputs
    write_products(w, node, node.inputs[1:], w.plain(weights))


def write_weighted_sum(w: Writer, node: Node) -> None:
    *tensors, weight = node.inputs
    write_products(w, node, tuple(tensors), w.add("Sigmoid", w.parameter(weight)))


def write_products(w: Writer, node: Node, values: tuple[object, ...], weights: str) -> None:
    tensors, give = w.alike(values, node.result)  # type: ignore[arg-type]
    terms = [
        w.add("Mul", tensor, w.add("Gather", weights, w.constant(np.array(i)), axis=0))
        for i, tensor in enumerate(tensors)
    ]
    give(w.add("Sum", *terms))


def match_weighted_sum(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """Products of a tensor with an element, each the next, of the sigmoid of a constant vector."""
    tensors: list[str] = []
    vector = ""
    for place, term in enumerate(n.inputs):
        product = p.producer(term, "Mul")
        element = None if product is None else p.maker(product.inputs[1], "Gather")
        share = None if element is None else p.maker(element.inputs[0], "Sigmoid")
        if product is None or element is None or share is None or (vector and share.inputs[0] != vector):
            return None
        index = p.array(element.inputs[1])
        if index is None or index.shape != () or int(index) != place:
            return None
        tensors.append(product.inputs[0])
        vector = share.inputs[0]
    weight = p.array(vector) if vector else None
    if weight is None or weight.shape != (len(tensors),):
        return None
    return OnnxNode(n.name, "nngraph:weighted_sum", 0, (*tensors, vector), n.outputs)


def read_weighted_sum(r: Reader, n: OnnxNode) -> None:
    *tensors, weight = n.inputs
    values, axes = r.common(tensors)
    r.give(n.outputs[0], r.with_parameters("weighted_sum", values, {"weight": (weight, None)}), axes)


def write_average(w: Writer, node: Node) -> None:
    tensors, give = w.alike(node.inputs, node.result)
    give(w.add("Mean", *tensors))


def read_mean(r: Reader, n: OnnxNode) -> None:
    values, axes = r.common(n.inputs)
    types = [r.type(value) if not isinstance(value, int | float) else None for value in values]
    if all(type is not None and type == types[0] for type in types):
        r.give(n.outputs[0], r.make("average", *values), axes)
        return
    total = values[0]
    for value in values[1:]:
        total = r.help("add", total, value)
    r.give(n.outputs[0], r.make("multiply", total, 1 / len(values)), axes)


MIX = Onnx(write_mix)
WEIGHTED_SUM = Onnx(write_weighted_sum, recognized(read_weighted_sum, "weighted_sum"), {"Sum": match_weighted_sum})
AVERAGE = Onnx(write_average, {"Mean": Reading(read_mean, 1, 13)})
