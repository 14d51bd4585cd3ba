"""What one kernel computes, and figures that all families of kernels need of it."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph.ir.graph import Node, Value
from nngraph.ir.types import FLOATS, Batch, Dim, Shape, multiply
from nngraph_kernels.record import record


@record
class Region:
    """What one kernel computes: inner nodes, what they read and what they leave."""

    id: str
    members: tuple[Node, ...]
    results: tuple[Value, ...]
    space: Shape
    inner: int

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.members if node.op.name != "constant")


def spec_dtype(values: Sequence[Value]) -> str:
    """float64 as soon as a tensor of it takes part."""
    floats = {value.type.dtype for value in values if value.type.dtype in FLOATS}
    return "float64" if "float64" in floats else "float32"


def traffic(values: Sequence[Value]) -> Dim:
    """Bytes of all operands, once each; what grows with the batch counts, what does not is left out beside it."""
    sizes = [multiply(value.type.size, value.item_size) for value in values]
    batched = sum(size.factor for size in sizes if isinstance(size, Batch))
    return Batch(batched) if batched else sum(size for size in sizes if isinstance(size, int))
