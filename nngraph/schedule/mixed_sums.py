"""The small calls after a mixed depthwise convolution's backward pass."""

from __future__ import annotations

from nngraph.ir.graph import Node
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.schedule.region import traffic


def schedule_weights_gradient(node: Node) -> list[KernelCall]:
    """Integers: values, channels; listed: factor and offset of each value."""
    total, centered, *normalized = node.inputs
    return [
        KernelCall(
            Kernel("mixed_sums", ("weights_gradient", total.type.dtype)), (Operand(node.result),),
            tuple(map(Operand, node.inputs)), centered.type.shape, (), (node.id,), parallel=False,
            traffic=traffic(node.inputs), listed=len(normalized),
        )
    ]  # fmt: skip


def schedule_sums(node: Node) -> list[KernelCall]:
    """Integers: triples, channels; listed: of each triple the weight, the sums, and the row of the centered sums."""
    places: tuple[int, ...] = node.attributes["places"]
    (channels,) = node.results[0].type.shape
    listed: list[Operand] = []
    for j, place in enumerate(places):
        weights, total, centered = node.inputs[3 * j : 3 * j + 3]
        row = centered.type.shape[1]
        assert isinstance(row, int)
        listed += [Operand(weights, fixed=place), Operand(total), Operand(centered, fixed=place * row)]
    return [
        KernelCall(
            Kernel("mixed_sums", ("sums", node.results[0].type.dtype)), tuple(map(Operand, node.results)),
            tuple(listed), (len(places), channels), (), (node.id,), parallel=False, traffic=traffic(node.inputs),
            listed=len(listed),
        )
    ]  # fmt: skip
