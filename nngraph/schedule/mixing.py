"""Weighted sums and inner products as calls of kernels over lists."""

from __future__ import annotations

from nngraph.ir.graph import Node
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import multiply
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu.mixing import InnerProductsSpec, MixSpec


def schedule_mix(node: Node) -> list[KernelCall]:
    """Integers: elements, tensors; listed: for each tensor its weight and itself."""
    if node.op.name == "scaled_sum":
        weights, tensors, places = node.inputs[::2], node.inputs[1::2], node.attributes["places"]
    else:
        tensors = node.inputs[1:]
        weights, places = node.inputs[:1] * len(tensors), range(len(tensors))
    listed: list[Operand] = []
    for s, place, x in zip(weights, places, tensors, strict=True):
        listed += [Operand(s, fixed=place), Operand(x)]
    result = node.result
    return [
        KernelCall(
            Kernel("mix", MixSpec(result.type.dtype)), (Operand(result),), tuple(listed),
            (result.type.size, len(tensors)), (), (node.id,),
            in_place=tuple((0, 2 * i + 1) for i in range(len(tensors))), listed=len(listed),
            flops=multiply(result.type.size, 2 * len(tensors)), traffic=traffic([result, *tensors]),
        )
    ]  # fmt: skip


def schedule_inner_products(node: Node) -> list[KernelCall]:
    """Integers: elements, tensors; listed: the tensors."""
    dy, *tensors = node.inputs
    return [
        KernelCall(
            Kernel("inner_products", InnerProductsSpec(dy.type.dtype)), (Operand(node.result),),
            tuple(map(Operand, node.inputs)), (dy.type.size, len(tensors)), (), (node.id,), listed=len(tensors),
            flops=multiply(dy.type.size, 2 * len(tensors)), traffic=traffic(node.inputs),
        )
    ]  # fmt: skip
