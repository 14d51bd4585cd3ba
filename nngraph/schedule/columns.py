"""Reductions over other axes than the last as calls of column kernels."""

from __future__ import annotations

from nngraph.ir.graph import Value
from nngraph.ir.program import FULL, REDUCTIONS, ROW, UNIFORM, Access, ColumnsSpec, Kernel, KernelCall, Operand
from nngraph.ir.types import Dim, Shape, multiply, size_of
from nngraph.schedule.body import Body
from nngraph.schedule.region import Region, spec_dtype, traffic
from nngraph.schedule.strides import broadcast_strides, collapse, walked_alike
from nngraph_kernels.target import lanes

SHORT = 4  # vectors, below which there is one kernel for all numbers of columns, numbers of edges among them


def schedule_columns(region: Region) -> KernelCall:
    """One call of a column kernel.

    Its integers: the sizes of the space (outside, reduced, columns); then for each operand that is not uniform
    its strides over the outside and, if it is read before the reduction, over the reduced axis.
    """
    body = column_body(region)
    values = [*region.results, *body.operands]
    segments = bounds(region)
    walks = [three_strides(value.type.shape, region.space, segments) for value in values]
    count = len(region.results)
    levels = [ROW] * count + [statement.level for statement in body.statements if statement.kind == "load"]
    accesses = tuple(access(v, w, level) for v, w, level in zip(values, walks, levels, strict=True))
    sizes = [size_of(region.space[a:b]) for a, b in segments]
    spec = ColumnsSpec(
        accesses, count, tuple(body.statements), tuple(body.position[value] for value in region.results),
        chunk_of(sizes[2], region.space[-1], spec_dtype(values)), spec_dtype(values), len(body.numbers),
    )  # fmt: skip
    operands = [Operand(value) for value in values]
    return KernelCall(
        Kernel("columns", spec), tuple(operands[:count]), tuple(operands[count:]),
        (*sizes, *stride_integers(accesses, walks)), tuple(body.numbers), region.ids,
        in_place=walked_alike(accesses, walks, count), flops=multiply(size_of(region.space), body.flops),
        traffic=traffic(values), origins=tuple(body.origins),
    )  # fmt: skip


def column_body(region: Region) -> Body:
    """The statements: FULL up to the reduction, ROW from there on."""
    reduced = False

    def load_level(value: Value) -> int:
        if all(dim == 1 for dim in value.type.shape):
            return UNIFORM
        return ROW if reduced else FULL

    body = Body(load_level)
    for node in region.members:
        body.add(node)
        if node.op.name in REDUCTIONS:
            reduced = True
            body.forget_loads()
    return body


def bounds(region: Region) -> list[tuple[int, int]]:
    """Where the outside, reduced and column axes of the space begin and end."""
    node = next(node for node in region.members if node.op.name in REDUCTIONS)
    axes = node.attributes["axis"]
    return [(0, axes[0]), (axes[0], axes[-1] + 1), (axes[-1] + 1, len(region.space))]


def three_strides(shape: Shape, space: Shape, segments: list[tuple[int, int]]) -> list[Dim]:
    """The strides of an operand over the three collapsed axes."""
    walk = broadcast_strides(shape, space)
    found: list[Dim] = []
    for start, stop in segments:
        sizes, (strides,) = collapse(space[start:stop], [walk[start:stop]])
        if len(sizes) > 1:
            raise AssertionError(f"an operand of shape {shape} is not one run over {space[start:stop]}")
        found.append(strides[0] if strides else 0)
    return found


def access(value: Value, strides: list[Dim], level: int) -> Access:
    if not any(strides):
        return Access(value.type.dtype, "splat", UNIFORM)
    if strides[2] != 1:
        raise AssertionError(f"{value.name} of shape {value.type.shape} does not lie along the columns")
    return Access(value.type.dtype, "vector", level)


def stride_integers(accesses: tuple[Access, ...], walks: list[list[Dim]]) -> list[Dim]:
    found: list[Dim] = []
    for given, walk in zip(accesses, walks, strict=True):
        if given.level == ROW:
            found.append(walk[0])
        elif given.level == FULL:
            found += walk[:2]
    return found


def chunk_of(columns: Dim, last: Dim, dtype: str) -> str:
    """What the last axis alone would be, so that the number of edges before it decides over no kernel."""
    if not isinstance(columns, int) or not isinstance(last, int) or columns < SHORT * lanes(dtype):
        return "ragged"
    return "whole" if last % lanes(dtype) == 0 else "ragged"
