"""Takes normalization, weighted sum and ReLU into the depthwise convolution that reads them, there and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import float_of, substitute, with_inputs
from nngraph.ir.types import TensorType
from nngraph.ops.mixed_depthwise import EACH

FORWARD, DATA, WEIGHT = (
    "depthwise_convolution",
    "depthwise_convolution_backward_data",
    "depthwise_convolution_backward_weight",
)
WINDOW = ("stride", "padding", "dilation")


@dataclass(slots=True, eq=False)
class Match:
    """A depthwise convolution of relu(Σ s_i z_i), and the nodes that differentiate it.

    Attributes
    ----------
    convolution : Node
    weights : Value or None
        s; None where one value enters as it is.
    values : tuple of Value
        z_i.
    data, mask, weight, products : Node or None
        In the backward pass: the convolution's with respect to its data, the ReLU's, the convolution's with respect
        to its weight, and ds. Without `mask` there is no backward pass.
    normalized : list of Value
        For each z_i = (x − mean) factor + offset these four.
    scale : Value
        s as it enters the mixed convolution.
    sums : tuple of Value
        Σ dp, and Σ dp (x_i − mean_i).
    """

    convolution: Node
    weights: Value | None
    values: tuple[Value, ...]
    data: Node | None = None
    mask: Node | None = None
    weight: Node | None = None
    products: Node | None = None
    normalized: list[Value] = field(default_factory=list[Value])
    scale: Value | None = None
    sums: tuple[Value, ...] = ()


def mix_into_depthwise(graph: Graph) -> Graph:
    """Replace each such group of nodes by `mixed_depthwise`, and its backward pass by `mixed_depthwise_backward`.

    Nothing normalized, mixed or rectified is kept between the passes: both recompute it from the values that were
    normalized. The channel sums that the backward kernel leaves beside dp give the gradients of the mixing weights.
    """
    if not any(node.op.name == FORWARD for node in graph.nodes):
        return graph
    rewriter = Rewriter(graph)
    for node in graph.nodes:
        rewriter.visit(node)
    return substitute(graph, rewriter.b.nodes, rewriter.stands_for)


class Rewriter:
    """One run of the pass."""

    def __init__(self, graph: Graph) -> None:
        self.makers = {value: node for node in graph.nodes for value in node.results}
        self.readers: dict[Value, list[Node]] = {}
        for node in graph.nodes:
            for value in dict.fromkeys(node.inputs):
                self.readers.setdefault(value, []).append(node)
        self.roots = set(graph.roots())
        self.matches: dict[Node, Match] = {}
        for node in graph.nodes:
            if node.op.name == FORWARD and (match := self.match(node)):
                parts = (match.convolution, match.data, match.mask, match.weight, match.products)
                self.matches.update((part, match) for part in parts if part)
        self.b = Builder(dtype=float_of(graph))
        self.b.reserve(graph)
        self.stands_for: dict[Value, Value] = {}
        self.constants: dict[tuple[float, TensorType], Value] = {}

    def match(self, convolution: Node) -> Match | None:
        """What is around `convolution`, if all of it fits."""
        rectified = convolution.inputs[0]
        relu = self.makers.get(rectified)
        if relu is None or relu.op.name != "relu" or rectified in self.roots:
            return None
        summed = relu.inputs[0]
        mix = self.makers.get(summed)
        if mix is not None and mix.op.name == "mix" and self.readers[summed] == [relu] and summed not in self.roots:
            match = Match(convolution, mix.inputs[0], mix.inputs[1:])
        else:
            match = Match(convolution, None, (summed,))
        return match if self.match_backward(match, rectified) else None

    def match_backward(self, match: Match, rectified: Value) -> bool:
        """Find the backward pass; False where the rectified values are read by anything else."""
        others = [node for node in self.readers[rectified] if node is not match.convolution]
        if not others:
            return True
        positive = next((node for node in others if node.op.name == "greater"), None)
        match.weight = next((node for node in others if node.op.name == WEIGHT), None)
        if positive is None or len(others) != (2 if match.weight else 1) or not self.is_zero(positive.inputs[1]):
            return False
        masks = self.readers.get(positive.result, [])
        if len(masks) != 1 or masks[0].op.name != "where" or not self.is_zero(masks[0].inputs[2]):
            return False
        (match.mask,) = masks
        match.data = self.makers.get(match.mask.inputs[1])
        if match.data is None or not self.is_backward_of(match):
            return False
        match.products = next(
            (
                node
                for node in self.readers.get(match.mask.result, [])
                if node.op.name == "inner_products" and node.inputs == (match.mask.result, *match.values)
            ),
            None,
        )
        return True

    def is_backward_of(self, match: Match) -> bool:
        """Whether the nodes found differentiate this convolution, and their result goes through the mask alone."""
        data, weight, convolution = match.data, match.weight, match.convolution
        assert data
        if data.op.name != DATA or data.inputs[1] is not convolution.inputs[1]:
            return False
        if self.readers[data.result] != [match.mask] or data.result in self.roots:
            return False
        if weight and weight.inputs[1] is not data.inputs[0]:
            return False
        same = all(data.attributes[name] == convolution.attributes[name] for name in WINDOW)
        return same and (not weight or all(weight.attributes[n] == convolution.attributes[n] for n in WINDOW))

    def is_zero(self, value: Value) -> bool:
        maker = self.makers.get(value)
        return maker is not None and maker.op.name == "constant" and not np.any(maker.attributes["value"])

    def visit(self, node: Node) -> None:
        """Append `node`, or what stands for it."""
        match = self.matches.get(node)
        self.b.prefix = node.id
        if match is None:
            self.b.nodes.append(with_inputs(node, self.stands_for))
        elif node is match.convolution:
            self.forward(match)
        elif node is match.products:
            self.products(match)
        elif not match.sums:  # the first node of the backward pass
            self.backward(match)

    def now(self, value: Value) -> Value:
        return self.stands_for.get(value, value)

    def forward(self, match: Match) -> None:
        node = match.convolution
        match.normalized = [part for value in match.values for part in self.parts(value)]
        one = TensorType((1,), node.result.type.dtype)
        match.scale = self.now(match.weights) if match.weights else self.constant(1.0, one)
        window = {name: node.attributes[name] for name in WINDOW}
        inputs = [match.scale, self.now(node.inputs[1]), *match.normalized]
        (result,) = self.b.append(REGISTRY["mixed_depthwise"], inputs, [node.result.type], window, f"{node.id}/mixed")
        self.stands_for[node.result] = result

    def parts(self, value: Value) -> Sequence[Value]:
        """x, mean, factor and offset of z = (x − mean) factor + offset."""
        maker = self.makers.get(value)
        if maker is not None and maker.op.name == "scale_shift":
            return [self.now(part) for part in maker.inputs]
        type = TensorType(value.type.shape[-1:], value.type.dtype)
        zeros, ones = self.constant(0.0, type), self.constant(1.0, type)
        return self.now(value), zeros, ones, zeros

    def constant(self, value: float, type: TensorType) -> Value:
        """An array of one number."""
        if (value, type) not in self.constants:
            array = np.full(type.numpy_shape(1), value, type.dtype)
            attributes = {"value": array, "dtype": type.dtype}
            (self.constants[value, type],) = self.b.append(REGISTRY["constant"], (), [type], attributes)
        return self.constants[value, type]

    def backward(self, match: Match) -> None:
        """dp, and the sums, at the place of the first node that made one of them."""
        assert match.data
        assert match.mask
        assert match.scale
        op = REGISTRY["mixed_depthwise_backward"]
        dd, weight = (self.now(value) for value in match.data.inputs)
        window = {name: match.data.attributes[name] for name in WINDOW}
        inputs = [dd, match.scale, weight, *match.normalized]
        types = op.result_types([value.type for value in inputs], window)
        dp, dweight, *sums = self.b.append(op, inputs, types, window)
        match.sums = tuple(self.b.add("sum", value, axis=(0,)) for value in sums)
        # What enters as it is, is given back like what was mixed: through a scaled sum, which can be gathered.
        dx = dp if match.weights else self.b.add("scaled_sum", match.scale, dp, places=(0,))
        self.stands_for[match.mask.result] = dx
        if match.weight:
            pieces = self.b.add("view", dweight, shape=(dweight.type.shape[0], *weight.type.shape))
            self.stands_for[match.weight.result] = self.b.add("sum", pieces, axis=(0,))

    def products(self, match: Match) -> None:
        """ds from the channel sums."""
        assert match.products
        factors = [part for k, part in enumerate(match.normalized) if k % EACH >= 2]
        ds = self.b.add("mixed_weights_gradient", *match.sums, *factors)
        self.stands_for[match.products.result] = ds
