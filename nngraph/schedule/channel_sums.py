"""Sums over rows of channels in pieces, and what puts the pieces together, as calls of their kernels."""

from __future__ import annotations

from typing import Literal

from nngraph.ir.graph import Node
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import size_of
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu.channel_sums import ChannelSumsSpec

SUMS: dict[str, Literal["moments", "scale_shift"]] = {
    "moment_sums": "moments",
    "scale_shift_sums": "scale_shift",
}


def schedule_channel_sums(node: Node) -> list[KernelCall]:
    """Integers: rows, channels, pieces."""
    x = node.inputs[0].type
    partial = node.result.type
    spec = ChannelSumsSpec(SUMS[node.op.name], x.dtype)
    return [
        KernelCall(
            Kernel("channel_sums", spec), (Operand(node.result),), tuple(map(Operand, node.inputs)),
            (size_of(x.shape[:-1]), x.shape[-1], partial.shape[0]), (), (node.id,),
            flops=node.op.flops(x) if node.op.flops else 0, traffic=traffic(node.inputs),
        )
    ]  # fmt: skip
