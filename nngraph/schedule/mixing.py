"""Weighted sums and inner products as calls of kernels over lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nngraph.ir.graph import Node, Value
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import multiply, size_of
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu.mixing import InnerProductsSpec, MixedCotangentSpec, MixSpec


def schedule_mix(node: Node) -> list[KernelCall]:
    """Integers: elements, tensors; listed: for each tensor its weight and itself."""
    if node.op.name == "scaled_sum":
        weights, tensors, places = node.inputs[::2], node.inputs[1::2], node.attributes["places"]
    else:
        tensors = node.inputs[1:]
        weights, places = node.inputs[:1] * len(tensors), range(len(tensors))
    result, listed = node.result, weighted(weights, tensors, places)
    return [
        KernelCall(
            Kernel("mix", MixSpec(result.type.dtype)), (Operand(result),), tuple(listed),
            (result.type.size, len(tensors)), (), (node.id,),
            in_place=tuple((0, 2 * i + 1) for i in range(len(tensors))), listed=len(listed),
            flops=multiply(result.type.size, 2 * len(tensors)), traffic=traffic([result, *tensors]),
        )
    ]  # fmt: skip


def weighted(weights: Sequence[Value], tensors: Sequence[Value], places: Iterable[int]) -> list[Operand]:
    """For each tensor its weight and itself."""
    found: list[Operand] = []
    for s, x, place in zip(weights, tensors, places, strict=True):
        found += [Operand(s, fixed=place), Operand(x)]
    return found


def schedule_mixed_cotangent(node: Node) -> list[KernelCall]:
    """Integers: rows, channels, tensors; listed: for each tensor its weight and itself."""
    x, vectors, pairs, result = node.inputs[0], node.inputs[1:5], node.inputs[5:], node.result
    tensors = pairs[1::2]
    listed = weighted(pairs[::2], tensors, node.attributes["places"])
    return [
        KernelCall(
            Kernel("mixed_cotangent", MixedCotangentSpec(x.type.dtype)), (Operand(result),),
            (Operand(x), *map(Operand, vectors), *listed),
            (size_of(x.type.shape[:-1]), x.type.shape[-1], len(tensors)), (), (node.id,),
            in_place=tuple((0, 6 + 2 * i) for i in range(len(tensors))), listed=len(listed),
            flops=multiply(x.type.size, 2 * len(tensors) + 5), traffic=traffic([result, x, *tensors]),
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
