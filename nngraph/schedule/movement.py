"""Copies, gathers and scatters."""

from __future__ import annotations

from typing import Any

from nngraph.ir.graph import Node, Value
from nngraph.ir.program import FULL, UNIFORM, Kernel, KernelCall, Operand
from nngraph.ir.types import FLOATS, Dim, size_of
from nngraph.schedule.body import Body
from nngraph.schedule.region import Region, traffic
from nngraph.schedule.rows import build_call
from nngraph.schedule.strides import Strides, collapse
from nngraph_kernels.cpu.transpose import TransposeSpec


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
        call = transposition(region, source, result, walks, offsets)
        calls.append(call or build_call(region, body, [result, source], walks, offsets))
    return calls


def transposition(
    region: Region, source: Value, result: Value, walks: list[Strides], offsets: tuple[Dim, Dim]
) -> KernelCall | None:
    """The copy as a call of the transposition kernel, if all it does is to exchange two axes, perhaps in a batch."""
    sizes, (target, origin) = collapse(region.space, walks)
    if source.type.dtype not in FLOATS or len(sizes) not in (2, 3) or target[-1] != 1 or origin[-2] != 1:
        return None
    batches = sizes[0] if len(sizes) == 3 else 1
    strides = (target[0], target[1], origin[0]) if len(sizes) == 3 else (0, target[0], 0)
    columns, rows = sizes[-2:]
    return KernelCall(
        Kernel("transpose", TransposeSpec(source.type.dtype)), (Operand(result, offsets[0]),),
        (Operand(source, offsets[1]),), (batches, rows, columns, *strides, origin[-1]), (), (region.id,),
        traffic=traffic([result, source]),
    )  # fmt: skip


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
