"""Sums over rows of channels in pieces, and what puts the pieces together, as calls of their kernels."""

from __future__ import annotations

from typing import Literal

from nngraph.ir.graph import Node
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import size_of
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu.channel_sums import ChannelSumsSpec

TOTALS = {"finish_sums": "sums", "finish_moments": "moments"}
SUMS: dict[str, Literal["moments", "scale_shift"]] = {
    "moment_sums": "moments",
    "scale_shift_sums": "scale_shift",
}


def schedule_channel_sums(node: Node) -> list[KernelCall]:
    """Integers: rows, channels, pieces."""
    types = [value.type for value in node.inputs]
    x = types[0]
    partial = node.result.type
    spec = ChannelSumsSpec(SUMS[node.op.name], x.dtype)
    return [
        KernelCall(
            Kernel("channel_sums", spec), (Operand(node.result),), tuple(map(Operand, node.inputs)),
            (size_of(x.shape[:-1]), x.shape[-1], partial.shape[0]), (), (node.id,),
            flops=node.op.flops(*types) if node.op.flops else 0, traffic=traffic(node.inputs),
        )
    ]  # fmt: skip


def schedule_channel_totals(node: Node) -> list[KernelCall]:
    """Integers: pieces, channels."""
    (partial,) = node.inputs
    pieces, _, channels = partial.type.shape
    return [
        KernelCall(
            Kernel("channel_totals", (TOTALS[node.op.name], partial.type.dtype)), tuple(map(Operand, node.results)),
            (Operand(partial),), (pieces, channels), (), (node.id,),
            flops=node.op.flops(partial.type) if node.op.flops else 0, traffic=traffic(node.inputs),
        )
    ]  # fmt: skip
