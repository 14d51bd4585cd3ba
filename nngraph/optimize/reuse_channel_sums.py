"""Finds the sums of a normalization's backward pass among those that the kernels before have made on their way."""

from __future__ import annotations

from collections.abc import Mapping

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.rewrite import rewrite
from nngraph.ops.mixed_depthwise import EACH

BACKWARD = "mixed_depthwise_backward"


def reuse_channel_sums(graph: Graph) -> Graph:
    """Replace `scale_shift_backward` by `mixed_sums` where mixed convolutions alone have read the normalized value.

    Their backward kernels leave Σ dp and Σ dp (x − mean) for each value that they mix; the cotangent dz being a
    weighted sum of such dp, Σ dz and Σ dz (x − mean) are the same weighted sums of those.
    """
    makers = {node.results[0]: node for node in graph.nodes if node.op.name in ("scaled_sum", BACKWARD)}
    totals = {n.inputs[0]: n.result for n in graph.nodes if n.op.name == "sum" and n.attributes["axis"] == (0,)}

    def rule(b: Builder, node: Node) -> tuple[Value, ...] | None:
        gathered = makers.get(node.inputs[0])
        if gathered is None or gathered.op.name != "scaled_sum":
            return None
        triples = [value for pair in pairs_of(gathered) for value in triple(*pair, node.inputs[1:], makers, totals)]
        if len(triples) < 3 * len(gathered.attributes["places"]):
            return None
        types = [result.type for result in node.results]
        return b.append(REGISTRY["mixed_sums"], triples, types, {"places": gathered.attributes["places"]})

    return rewrite(graph, {"scale_shift_backward": rule})


def pairs_of(gathered: Node) -> list[tuple[Value, Value, int]]:
    """Weights, tensor and place of each term of a scaled sum."""
    return list(zip(gathered.inputs[::2], gathered.inputs[1::2], gathered.attributes["places"], strict=True))


def triple(
    weights: Value, dp: Value, place: int, normalized: tuple[Value, ...], makers: Mapping[Value, Node],
    totals: Mapping[Value, Value],
) -> tuple[Value, ...]:  # fmt: skip
    """The weights and sums of the convolution that gave `dp`, if it has read this value in this place, else nothing."""
    backward = makers.get(dp)
    if backward is None or backward.op.name != BACKWARD or backward.inputs[1] is not weights:
        return ()
    start = 3 + EACH * place
    if backward.inputs[start : start + 2] != normalized:
        return ()
    return weights, *(totals[partial] for partial in backward.results[2:])
