"""Pooling and its backward as calls of their kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from nngraph.ir.graph import Node
from nngraph.ir.program import Kernel, KernelCall, Operand
from nngraph.ir.types import TensorType
from nngraph.ops.pooling import image_of, window_at
from nngraph.schedule.region import traffic
from nngraph_kernels.cpu.pooling import PoolingSpec

Kind = Literal["max", "average"]


def schedule_pooling(family: str, kind: Kind) -> Callable[[Node], list[KernelCall]]:
    """A function that makes the call for a node; its integers are `GEOMETRY` of the template."""

    def make(node: Node) -> list[KernelCall]:
        given: dict[str, Any] = dict(node.attributes)
        counted = int(given.pop("include_padding", False))
        image = given.pop("image", None)
        x = node.inputs[0].type if image is None else image_of(node.inputs[0].type, image)
        values = (*node.results, *node.inputs)
        return [
            KernelCall(
                Kernel(family, PoolingSpec(kind, x.dtype)), (Operand(node.result),), tuple(map(Operand, node.inputs)),
                (*geometry(x, **given), counted), (), (node.id,), traffic=traffic(values),
                flops=node.op.flops(*(v.type for v in node.inputs), **node.attributes) if node.op.flops else 0,
            )
        ]  # fmt: skip

    return make


def geometry(x: TensorType, **given: Any) -> tuple[Any, ...]:
    window = window_at(x, **given)
    (top, _), (left, _) = window.padding
    return (*x.shape, *window.result, *window.size, *window.stride, top, left)


CALLS = {
    "max_pool": schedule_pooling("pooling", "max"),
    "average_pool": schedule_pooling("pooling", "average"),
    "max_pool_backward": schedule_pooling("pooling_backward", "max"),
    "average_pool_backward": schedule_pooling("pooling_backward", "average"),
}
