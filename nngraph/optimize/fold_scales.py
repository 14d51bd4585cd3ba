"""Multiplies factors of a product's channels into its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import float_of, substitute
from nngraph.ir.types import Dim, without_leading_ones
from nngraph.optimize.fixed import fixed_values
from nngraph_kernels.record import record

WEIGHTED = ("matmul", "convolution", "depthwise_convolution", "mixed_depthwise")  # the weight is the second input
FACTORS = ("scale_shift", "multiply", "divide")
STEPS = (*FACTORS, "add", "subtract")
COMMUTATIVE = ("add", "multiply")


@record
class Chain:
    """A product, and the factors and shifts that follow it, each read by the next step alone.

    Attributes
    ----------
    steps : tuple of (Node, tuple of Value)
        With what they read beside the result so far: the same for every batch, one number a channel or one for all.
    """

    product: Node
    steps: tuple[tuple[Node, tuple[Value, ...]], ...]

    @property
    def last(self) -> Node:
        return self.steps[-1][0]


def fold_scales(graph: Graph) -> Graph:
    """Replace factors and shifts of x w, batch normalization in inference above all, by x (w factor) + shift.

    Whatever else reads the weight goes on to read it as it is.
    """
    chains = list(find_chains(graph))
    if not chains:
        return graph
    folded = {chain.last: chain for chain in chains}
    dropped = {chain.product for chain in chains} | {step for chain in chains for step, _ in chain.steps}
    b = Builder(dtype=float_of(graph))
    b.reserve(graph)
    for node in graph.nodes:
        if node in folded:
            fold(b, folded[node])
        elif node not in dropped:
            b.nodes.append(node)
            b.remember(node)
    return substitute(graph, b.nodes, {})


def find_chains(graph: Graph) -> Iterator[Chain]:
    """All products of fixed weights with at least one factor behind them."""
    fixed = fixed_values(graph)
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(graph.roots())
    readers = {value: node for node in graph.nodes for value in node.inputs if uses[value] == 1}
    for node in graph.nodes:
        if node.op.name in WEIGHTED and node.inputs[1] in fixed and node.result not in fixed:
            steps = tuple(steps_after(node.result, readers, fixed))
            if any(step.op.name in FACTORS for step, _ in steps):
                yield Chain(node, steps)


def steps_after(
    value: Value, readers: dict[Value, Node], fixed: set[Value]
) -> Iterator[tuple[Node, tuple[Value, ...]]]:
    """The factors and shifts of `value`, one after the other."""
    while (step := readers.get(value)) is not None and step.op.name in STEPS and step.result.type == value.type:
        if step.inputs[0] is not value and step.op.name not in COMMUTATIVE:
            return
        others = tuple(other for other in step.inputs if other is not value)
        if not all(other in fixed and along_channels(other, value) for other in others):
            return
        yield step, others
        value = step.result


def along_channels(other: Value, value: Value) -> bool:
    """Whether it is one number for each channel of `value`, or one for all."""
    shape = without_leading_ones(other.type.shape)
    return other.type.dtype == value.type.dtype and shape in ((), value.type.shape[-1:])


def fold(b: Builder, chain: Chain) -> None:
    """The product with other weights, and one shift, in the places of the first and the last of the chain."""
    product, last = chain.product, chain.last
    b.prefix = last.id
    factor: Value | None = None
    shift: Value | None = None
    for step, others in chain.steps:
        factor, shift = after(b, step.op.name, list(others), factor, shift)
    x, weight, *others = product.inputs
    assert factor
    inputs = (x, b.add("multiply", weight, spread(b, product, factor)), *others)
    results = (last if shift is None else product).results
    b.nodes.append(Node(product.id, product.op, inputs, results, product.attributes))
    if shift:
        b.nodes.append(Node(last.id, REGISTRY["add"], (product.result, shift), last.results))


def after(
    b: Builder, name: str, others: list[Value], factor: Value | None, shift: Value | None
) -> tuple[Value | None, Value | None]:
    """Factor and shift of y factor + shift once a step is taken; None: there is none so far."""
    if name == "scale_shift":
        mean, scale, offset = others
        centered = b.add("negate", mean) if shift is None else b.add("subtract", shift, mean)
        return times(b, factor, row(b, scale)), b.add("add", b.add("multiply", centered, scale), offset)
    (other,) = others
    if name in ("add", "subtract"):
        if shift is None:
            return factor, other if name == "add" else b.add("negate", other)
        return factor, b.add(name, shift, other)
    if name == "divide":
        other = b.add("divide", 1.0, other)
    return times(b, factor, row(b, other)), None if shift is None else b.add("multiply", shift, other)


def times(b: Builder, factor: Value | None, other: Value) -> Value:
    return other if factor is None else b.add("multiply", factor, other)


def row(b: Builder, value: Value) -> Value:
    """A factor without axes of size 1 in front of that of the channels, which a transposed weight does not have."""
    shape = value.type.shape[-1:]
    return value if value.type.shape == shape else b.add("view", value, shape=shape)


def spread(b: Builder, product: Node, factor: Value) -> Value:
    """`factor` as it is multiplied with the weight, whose last axis is that of the channels unless it is transposed."""
    if not product.attributes.get("transpose_b") or factor.type.shape == ():
        return factor
    shape: tuple[Dim, ...] = (*factor.type.shape, 1)
    return b.add("view", factor, shape=shape)
