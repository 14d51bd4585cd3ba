"""Elementwise work and row reductions as calls of row kernels."""

from __future__ import annotations

from dataclasses import replace

from nngraph.ir.graph import Value
from nngraph.ir.program import FULL, REDUCTIONS, ROW, UNIFORM, Access, Kernel, KernelCall, Operand, RowsSpec
from nngraph.ir.types import Dim, Shape, evaluate, multiply, size_of
from nngraph.schedule.body import Body
from nngraph.schedule.region import Region, spec_dtype, traffic
from nngraph.schedule.strides import Strides, broadcast_strides, collapse, walked_alike
from nngraph_kernels.target import lanes

SHORT = 16  # vectors, below which a single row has one kernel for all lengths, numbers of edges among them
ACROSS = 280  # statements times columns, beyond which a kernel of short rows would take too long to compile


def level_in(space: Shape, inner: int, shape: Shape) -> int:
    """How often an operand of `shape` changes as a kernel goes over `space`, whose last `inner` axes are the row."""
    padded = (1,) * (len(space) - len(shape)) + shape
    if all(dim == 1 for dim in padded):
        return UNIFORM
    return ROW if all(dim == 1 for dim in padded[len(space) - inner :]) else FULL


def row_body(region: Region) -> Body:
    space = region.space
    trailing = next((k for k, dim in enumerate(reversed(space)) if dim != 1), 0)
    inner = region.inner or trailing + 1
    body = Body(lambda value: level_in(space, inner, value.type.shape), space)
    for node in region.members:
        body.add(node)
    return body


def schedule_rows(region: Region) -> KernelCall:
    """One call of a row kernel.

    Its integers: without rows around, the length; otherwise the number of rows, the sizes of all outer axes but
    the first, the length of a row; then, with rows around, for each operand that is not uniform its strides over
    the outer axes, then the inner strides of strided operands; then the words of random keys.
    """
    body = row_body(region)
    values = [*region.results, *body.operands]
    walks = [broadcast_strides(value.type.shape, region.space) for value in values]
    return build_call(region, body, values, walks)


def build_call(
    region: Region, body: Body, values: list[Value], walks: list[Strides], offsets: tuple[Dim, ...] = ()
) -> KernelCall:
    """The call, given how each value walks over the space and where in its memory it starts."""
    sizes, strides = collapse(region.space, walks, region.inner or int("index" in body.positions))
    if region.inner and len(sizes) == 1:
        sizes, strides = [1, *sizes], [[0, *own] for own in strides]
    outer = max(len(sizes) - 1, 0)
    accesses = tuple(access(v, s) for v, s in zip(values, strides, strict=True))
    chunk = chunk_of(sizes, outer, spec_dtype(values))
    length = 0
    if chunk == "single" and fits_across(body, sizes):
        chunk, length = "across", evaluate(sizes[-1], 1)
    if tiled := goes_in_tiles(body, accesses, strides, outer):
        accesses = tuple(replace(a, shared=is_shared(a, s)) for a, s in zip(accesses, strides, strict=True))
    spec = RowsSpec(
        accesses, len(region.results), tuple(body.statements), tuple(body.position[v] for v in region.results),
        outer, chunk, spec_dtype(values), len(body.numbers), len(body.keys), length, tiled,
    )  # fmt: skip
    integers = [*row_integers(sizes, outer), *stride_integers(accesses, strides, outer), *body.keys]
    count = len(region.results)
    starts = offsets or (0,) * len(values)
    operands = [Operand(v, at) for v, at in zip(values, starts, strict=True)]
    return KernelCall(
        Kernel("rows", spec), tuple(operands[:count]), tuple(operands[count:]), tuple(integers),
        tuple(body.numbers), region.ids, in_place=in_place(spec, accesses, strides, count),
        flops=multiply(size_of(region.space), body.flops), traffic=traffic(values),
        parallel=spec.chunk != "scalar" and sizes[0] != 1, origins=tuple(body.origins),
    )  # fmt: skip


def access(value: Value, strides: list[Dim]) -> Access:
    inner = strides[-1] if strides else 0
    level = UNIFORM if not any(strides) else ROW if inner == 0 else FULL
    return Access(value.type.dtype, "splat" if inner == 0 else "vector" if inner == 1 else "strided", level)


def goes_in_tiles(body: Body, accesses: tuple[Access, ...], strides: list[list[Dim]], outer: int) -> bool:
    """Whether there is a row that all rows are worked on with, and nothing but elementwise work."""
    reduces = any(statement.kind in REDUCTIONS for statement in body.statements)
    return outer == 1 and not reduces and any(map(is_shared, accesses, strides))


def is_shared(access: Access, strides: list[Dim]) -> bool:
    return access.inner == "vector" and strides[0] == 0


def row_integers(sizes: list[Dim], outer: int) -> list[Dim]:
    if not sizes:
        return []
    if not outer:
        return [sizes[0]]
    return [size_of(tuple(sizes[:-1])), *sizes[1:-1], sizes[-1]]


def stride_integers(accesses: tuple[Access, ...], strides: list[list[Dim]], outer: int) -> list[Dim]:
    found: list[Dim] = []
    for given, own in zip(accesses, strides, strict=True):
        if given.level != UNIFORM and not given.shared:
            found += own[:outer]
    found += [own[-1] for given, own in zip(accesses, strides, strict=True) if given.inner == "strided"]
    return found


def fits_across(body: Body, sizes: list[Dim]) -> bool:
    """Whether vectors of many rows pay: reductions of short rows, and not too much code for all columns."""
    reduces = any(statement.kind in REDUCTIONS for statement in body.statements)
    several = len(sizes) == 2 and sizes[0] != 1
    return reduces and several and not body.keys and evaluate(sizes[-1], 1) * len(body.statements) <= ACROSS


def chunk_of(sizes: list[Dim], outer: int, dtype: str) -> str:
    if not sizes:
        return "scalar"
    length, width = sizes[-1], lanes(dtype)
    if not isinstance(length, int):
        return "ragged"
    if outer and length <= width:
        return "exact" if length == width else "single"
    short = not outer and length < SHORT * width
    return "whole" if length % width == 0 and not short else "ragged"


def in_place(
    spec: RowsSpec, accesses: tuple[Access, ...], strides: list[list[Dim]], outputs: int
) -> tuple[tuple[int, int], ...]:
    """Outputs over inputs, in kernels that read every element before they write it."""
    if spec.chunk not in ("across", "single", "exact", "scalar") and any(
        s.kind in ("sum", "max", "min") for s in spec.statements
    ):
        return ()
    return walked_alike(accesses, strides, outputs)
