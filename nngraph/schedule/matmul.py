"""Matrix products, with the elementwise work fused to them, as calls of product kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

from nngraph.ir.graph import Node, Value
from nngraph.ir.program import FULL, UNIFORM, Kernel, KernelCall, MatmulEpilogueSpec, Operand, Statement
from nngraph.ir.types import Batch, Dim, Shape, evaluate
from nngraph.schedule.body import Body
from nngraph.schedule.region import Region, traffic
from nngraph.schedule.strides import Strides, broadcast_strides, collapse
from nngraph_kernels.cpu.epilogue import STRIDES, Access
from nngraph_kernels.cpu.matmul import MatmulSpec, scratch_bytes
from nngraph_kernels.record import record

MOMENTS = "moment_sums"


def schedule_matmul(region: Region) -> list[KernelCall]:
    """One call, or several where the leading axes of the operands are broadcast against each other."""
    node = next(node for node in region.members if node.op.name == "matmul")
    body = epilogue_body(region, node)
    values = [*stored(region), *node.inputs, *body.operands]
    joined = rows_join(node)
    walks = [row_strides(value, region.space) for value in values]
    count = len(stored(region))
    walks[count : count + 2] = factor_strides(node, region.space)
    return [build_call(region, node, body, values, part) for part in parts(region.space[:-1], walks, joined)]


def epilogue_body(region: Region, anchor: Node) -> Body:
    """The work on the product; the product itself is a statement of kind "product"."""
    body = Body(lambda value: UNIFORM if all(dim == 1 for dim in value.type.shape) else FULL)
    for node in region.members:
        if node is anchor:
            body.put(node.result, Statement("product", FULL, node.result.type.dtype))
        elif node.op.name != MOMENTS:
            body.add(node)
    return body


def moments_of(region: Region) -> Node | None:
    """The node that wants moments of what the kernel makes."""
    return next((node for node in region.members if node.op.name == MOMENTS), None)


def stored(region: Region) -> tuple[Value, ...]:
    """The results but for moments."""
    node = moments_of(region)
    return tuple(value for value in region.results if node is None or value is not node.result)


def epilogue_spec(product: MatmulSpec, region: Region, body: Body, accesses: Sequence[Access]) -> MatmulEpilogueSpec:
    results, moments = stored(region), moments_of(region)
    return MatmulEpilogueSpec(
        product, tuple(zip(accesses, (v.type.dtype for v in body.operands), strict=True)),
        tuple(v.type.dtype for v in results), tuple(body.statements), tuple(body.position[value] for value in results),
        len(body.numbers), body.position[moments.inputs[0]] if moments else -1,
    )  # fmt: skip


def moment_operands(region: Region) -> tuple[tuple[Operand, ...], tuple[Dim, ...]]:
    """What a call gives its kernel for moments: the output after all others, and the last integer."""
    node = moments_of(region)
    return ((Operand(node.result),), node.result.type.shape[-1:]) if node else ((), ())


def rows_join(node: Node) -> bool:
    """Whether the leading axes of a may count as rows: b is one matrix, and a's rows lie one after the other."""
    return not node.attributes["transpose_a"] and all(dim == 1 for dim in node.inputs[1].type.shape[:-2])


def row_strides(value: Value, space: Shape) -> Strides:
    """Strides over all axes but the last."""
    return broadcast_strides(padded(value, space), space)[:-1]


def factor_strides(node: Node, space: Shape) -> list[Strides]:
    """The same of a and b, the last of them from one row of the product to the next."""
    walks: list[Strides] = []
    for value in node.inputs:
        own = padded(value, space)
        walks.append(broadcast_strides(own, (*space[:-2], *own[-2:]))[:-2])
    a_row = 1 if node.attributes["transpose_a"] else node.inputs[0].type.shape[-1]
    return [(*walks[0], a_row), (*walks[1], 0)]


def padded(value: Value, space: Shape) -> Shape:
    shape = value.type.shape
    return (1,) * (len(space) - len(shape)) + shape


@record
class Part:
    """What one call computes: `batch` products of `m` rows.

    Attributes
    ----------
    steps : list of (Dim, Dim)
        For each operand how far it is from one product to the next, and from one row to the next.
    starts : list of (Dim, int)
        Where each operand starts: a multiple of the batch, and a fixed number of elements.
    """

    batch: Dim
    m: Dim
    steps: list[tuple[Dim, Dim]]
    starts: list[tuple[Dim, int]]


def parts(space: Shape, walks: list[Strides], joined: bool) -> Iterator[Part]:
    """As few calls as operands with these strides over `space`, whose last axis is M, can be gone over in."""
    peeled: list[int] = []
    rows = len(space) - 1
    while True:
        rest = [axis for axis in range(rows) if axis not in peeled] + ([rows] if joined else [])
        sizes, strides = collapse(tuple(space[a] for a in rest), [tuple(w[a] for a in rest) for w in walks])
        if len(sizes) <= 1 + joined:
            break
        peeled.append(next(a for a in rest if a != rows and isinstance(space[a], int) and space[a] != 1))
    missing = 1 + joined - len(sizes)
    batch, m = [1] * missing + sizes + ([] if joined else [space[rows]])
    steps = [[0] * missing + own + ([] if joined else [walk[rows]]) for own, walk in zip(strides, walks, strict=True)]
    for place in product(*(range(evaluate(space[axis], 1)) for axis in peeled)):
        starts = [offset(walk, peeled, place) for walk in walks]
        yield Part(batch, m, [(own[0], own[1]) for own in steps], starts)


def offset(walk: Strides, axes: list[int], place: tuple[int, ...]) -> tuple[Dim, int]:
    """Where an operand starts: a multiple of the batch, and a fixed number of elements."""
    batched = fixed = 0
    for axis, index in zip(axes, place, strict=True):
        step = walk[axis]
        if isinstance(step, Batch):
            batched += step.factor * index
        else:
            fixed += step * index
    return Batch(batched) if batched else 0, fixed


def build_call(region: Region, node: Node, body: Body, values: list[Value], part: Part) -> KernelCall:
    n = region.space[-1]
    a, b = node.inputs
    transpose_a, transpose_b = node.attributes["transpose_a"], node.attributes["transpose_b"]
    k = a.type.shape[-2 if transpose_a else -1]
    count = len(stored(region))
    steps = part.steps[count + 2 :]
    accesses: list[Access] = [access_of(v, region.space, row) for v, (_, row) in zip(body.operands, steps, strict=True)]
    product_spec = MatmulSpec(a.type.dtype, transpose_a, transpose_b)
    spec = epilogue_spec(product_spec, region, body, accesses)
    partial_sums, channels = moment_operands(region)
    strides = [stride for own in part.steps[:count] for stride in own]
    for own, access in zip(steps, accesses, strict=True):
        strides += own[: len(STRIDES[access])]
    operands = [Operand(value, *start) for value, start in zip(values, part.starts, strict=True)]
    factors = [part.steps[count][0], part.steps[count + 1][0]]
    return KernelCall(
        Kernel("matmul", spec), (*operands[:count], *partial_sums), tuple(operands[count:]),
        (part.batch, part.m, n, k, a.type.shape[-1], b.type.shape[-1], *factors, *strides, *channels),
        tuple(body.numbers), region.ids, scratch=partial(scratch, product_spec, part.m, n, k),
        in_place=in_place(values, accesses, count),
        flops=node.op.flops(a.type, b.type, **node.attributes) if node.op.flops else 0, traffic=traffic(values),
        origins=tuple(body.origins),
    )  # fmt: skip


def access_of(value: Value, space: Shape, row: Dim) -> Access:
    """How an operand of the epilogue, `row` elements from row to row, varies over the product."""
    own = padded(value, space)
    if all(dim == 1 for dim in own):
        return "scalar"  # before "full": work on single numbers is done once a call
    if own == space:
        return "full"
    if own[-1] == space[-1] and space[-1] != 1:
        return "full" if row else "column"
    return "row"


def scratch(spec: MatmulSpec, m: Dim, n: Dim, k: Dim, batch: int) -> int:
    """Bytes of scratch for one thread."""
    return scratch_bytes(spec, evaluate(m, batch), evaluate(n, batch), evaluate(k, batch), 1)


def in_place(values: list[Value], accesses: Sequence[Access], outputs: int) -> tuple[tuple[int, int], ...]:
    """Outputs over operands of the epilogue that lie like them; a and b are inputs 0 and 1."""
    return tuple(
        (o, i + 2)
        for o in range(outputs)
        for i, access in enumerate(accesses)
        if access == "full" and values[outputs + 2 + i].type == values[o].type
    )
