"""Copies, gathers and scatters."""

from __future__ import annotations

from typing import Any

from nngraph.ir.graph import Node
from nngraph.ir.program import FULL, UNIFORM, Kernel, KernelCall, Operand
from nngraph.ir.types import size_of
from nngraph.schedule.body import Body
from nngraph.schedule.region import Region, traffic
from nngraph.schedule.rows import build_call


def schedule_copy(node: Node) -> list[KernelCall]:
    """One call of a row kernel for each strided copy; one before them where the rest is filled."""
    assert node.op.copies is not None
    movement: Any = node.op.copies(*(value.type for value in node.inputs), **node.attributes)
    result = node.result
    calls: list[KernelCall] = []
    if movement.fill is not None:
        calls.append(fill(node, movement.fill))
    for copy in movement.copies:
        source = node.inputs[int(copy.operand)]
        level = UNIFORM if all(dim == 1 for dim in copy.shape) else FULL
        body = Body(lambda value, level=level: level)
        body.load(source)
        body.position[result] = 0
        region = Region(node.id, (node,), (result,), copy.shape, 0)
        walks = [copy.target_strides, copy.source_strides]
        offsets = (copy.target_offset, copy.source_offset)
        calls.append(build_call(region, body, [result, source], walks, offsets))
    return calls


def fill(node: Node, value: float) -> KernelCall:
    result = node.result
    return KernelCall(
        Kernel("memory", ("fill", result.type.dtype)), (Operand(result),), (), (result.type.size,), (float(value),),
        (node.id,), traffic=traffic([result]),
    )  # fmt: skip


def schedule_gather(node: Node) -> list[KernelCall]:
    """Integers: rows moved, elements of a row, rows of the table."""
    table, index = node.inputs
    vocabulary, *row = table.type.shape
    return [
        KernelCall(
            Kernel("memory", ("gather", table.type.dtype)), (Operand(node.result),), (Operand(table), Operand(index)),
            (index.type.size, size_of(tuple(row)), vocabulary), (), (node.id,),
            traffic=traffic([node.result, node.result]), reports=True,
        )
    ]  # fmt: skip


def schedule_scatter_add(node: Node) -> list[KernelCall]:
    """Integers: rows moved, elements of a row, rows of the result."""
    index, update = node.inputs
    vocabulary, *row = node.result.type.shape
    return [
        KernelCall(
            Kernel("memory", ("scatter_add", update.type.dtype)), (Operand(node.result),),
            (Operand(update), Operand(index)), (index.type.size, size_of(tuple(row)), vocabulary), (), (node.id,),
            traffic=traffic([update, node.result]),
        )
    ]  # fmt: skip
