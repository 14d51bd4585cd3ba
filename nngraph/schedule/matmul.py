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
from nngraph_kernels.cpu.epilogue import Access
from nngraph_kernels.cpu.matmul import MatmulSpec, scratch_bytes


def schedule_matmul(region: Region) -> list[KernelCall]:
    """One call, or several where the leading axes of the operands are broadcast against each other."""
    node = next(node for node in region.members if node.op.name == "matmul")
    body = epilogue_body(region, node)
    values = [*region.results, *node.inputs, *body.operands]
    lead = region.space[:-2]
    walks = [lead_strides(value, region.space) for value in values]
    return [
        build_call(region, node, body, values, batch_size, batch_strides, offsets)
        for batch_size, batch_strides, offsets in batches(lead, walks)
    ]


def epilogue_body(region: Region, anchor: Node) -> Body:
    """The work on the product; the product itself is a statement of kind "product"."""
    body = Body(lambda value: UNIFORM if all(dim == 1 for dim in value.type.shape) else FULL)
    for node in region.members:
        if node is anchor:
            body.put(node.result, Statement("product", FULL, node.result.type.dtype))
        else:
            body.add(node)
    return body


def lead_strides(value: Value, space: Shape) -> Strides:
    """Strides over all axes but the last two."""
    shape = value.type.shape
    padded = (1,) * (len(space) - len(shape)) + shape
    return broadcast_strides(padded, (*space[:-2], *padded[-2:]))[:-2]


def batches(lead: Shape, walks: list[Strides]) -> Iterator[tuple[Dim, list[Dim], list[tuple[Dim, int]]]]:
    """Of each call: number of products, stride of each operand from one to the next, where each operand starts."""
    axes: list[int] = []
    while True:
        rest = [axis for axis in range(len(lead)) if axis not in axes]
        sizes, strides = collapse(tuple(lead[a] for a in rest), [tuple(w[a] for a in rest) for w in walks])
        if len(sizes) <= 1:
            break
        axes.append(next(axis for axis in rest if isinstance(lead[axis], int) and lead[axis] != 1))
    size = sizes[0] if sizes else 1
    steps = [own[0] if own else 0 for own in strides]
    for place in product(*(range(evaluate(lead[axis], 1)) for axis in axes)):
        yield size, steps, [offset(walk, axes, place) for walk in walks]


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


def build_call(
    region: Region, node: Node, body: Body, values: list[Value], batch_size: Dim, batch_strides: list[Dim],
    offsets: list[tuple[Dim, int]],
) -> KernelCall:  # fmt: skip
    m, n = region.space[-2:]
    a, b = node.inputs
    transpose_a, transpose_b = node.attributes["transpose_a"], node.attributes["transpose_b"]
    k = a.type.shape[-2 if transpose_a else -1]
    count = len(region.results)
    accesses = [access_of(value, region.space) for value in body.operands]
    product_spec = MatmulSpec(a.type.dtype, transpose_a, transpose_b)
    spec = MatmulEpilogueSpec(
        product_spec, tuple(zip(accesses, (v.type.dtype for v in body.operands), strict=True)),
        tuple(v.type.dtype for v in region.results), tuple(body.statements),
        tuple(body.position[value] for value in region.results), len(body.numbers),
    )  # fmt: skip
    strides: list[Dim] = []
    for value, step in list(zip(values, batch_strides, strict=True))[:count]:
        strides += [step, row_stride(value)]
    for value, step, access in zip(body.operands, batch_strides[count + 2 :], accesses, strict=True):
        strides += [step, row_stride(value)][: {"full": 2, "row": 2, "column": 1, "scalar": 0}[access]]
    operands = [Operand(value, *start) for value, start in zip(values, offsets, strict=True)]
    return KernelCall(
        Kernel("matmul", spec), tuple(operands[:count]), tuple(operands[count:]),
        (batch_size, m, n, k, a.type.shape[-1], b.type.shape[-1], *batch_strides[count : count + 2], *strides),
        tuple(body.numbers), region.ids, scratch=partial(scratch, product_spec, m, n, k),
        in_place=in_place(values, accesses, count),
        flops=node.op.flops(a.type, b.type, **node.attributes) if node.op.flops else 0, traffic=traffic(values),
        origins=tuple(body.origins),
    )  # fmt: skip


def access_of(value: Value, space: Shape) -> Access:
    """How an operand of the epilogue varies over the last two axes of the product."""
    if all(dim == 1 for dim in value.type.shape):
        return "scalar"  # before "full": work on single numbers is done once a call
    shape = ((1, 1) + value.type.shape)[-2:]
    if shape == space[-2:]:
        return "full"
    return "column" if shape[1] == space[-1] and space[-1] != 1 else "row"


def row_stride(value: Value) -> Dim:
    """From one row to the next: 0 where all rows are one."""
    shape = ((1, 1) + value.type.shape)[-2:]
    return 0 if shape[0] == 1 else shape[1]


def scratch(spec: MatmulSpec, m: Dim, n: Dim, k: Dim, batch: int) -> int:
    """Bytes of scratch for one thread."""
    return scratch_bytes(spec, evaluate(m, batch), evaluate(n, batch), evaluate(k, batch), 1)


def in_place(values: list[Value], accesses: Sequence[str], outputs: int) -> tuple[tuple[int, int], ...]:
    """Outputs over operands of the epilogue that lie like them; a and b are inputs 0 and 1."""
    return tuple(
        (o, i + 2)
        for o in range(outputs)
        for i, access in enumerate(accesses)
        if access == "full" and values[outputs + 2 + i].type == values[o].type
    )
