"""The launches of a schedule on a CUDA device, before their arguments have a place: mostly one for each call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nngraph.emit.cuda.matmul import factors_of, layout_of
from nngraph.ir.program import FULL, Kernel, KernelCall, MatmulEpilogueSpec, Plan, Schedule, Statement
from nngraph.ir.types import ITEM_SIZE
from nngraph.machines.library import Routing, library_bytes, library_kernels, library_lines, work_of
from nngraph.machines.line import AnyLine, Line, integers_of
from nngraph.run.bind import Places, copy_kernel, copy_slots, slots_of
from nngraph_kernels.cuda.long_product import pieces_of
from nngraph_kernels.cuda.matmul import slots as product_slots


def in_order(
    schedule: Schedule, places: Places, after: Mapping[int, Sequence[Line]], routing: Routing | None = None
) -> Iterator[AnyLine]:
    """The calls of a schedule, what follows each of them, and the copies of states at the end.

    With `routing` a library does the products that it can do.
    """
    for position, call in enumerate(schedule.calls):
        yield from lines_of(position, call, places, routing)
        yield from after.get(position, ())
    for new, old in places.plan.copies:
        slots = copy_slots(new, old, places)
        yield Line(copy_kernel(old.type.dtype), slots[2:], slots)
    yield from after.get(-1, ())


def lines_of(position: int, call: KernelCall, places: Places, routing: Routing | None = None) -> Sequence[AnyLine]:
    """The launches of a call."""
    line = Line(call.kernel, integers_of(call, places.plan.batch), slots_of(call, places), origin=position)
    if routing and (work := work_of(call, places.plan)):
        return library_lines(line, work, places, routing)
    pieces = pieces_in(call, places.plan.batch)
    return [line] if pieces == 1 else in_pieces(line, pieces, places.scratch)


def kernels_of(call: KernelCall, plan: Plan, library: bool = False) -> list[Kernel]:
    """What a call is launched as; with a library's products, what is launched around them."""
    if library and (work := work_of(call, plan)):
        return library_kernels(call.kernel, work)
    return [call.kernel] if pieces_in(call, plan.batch) == 1 else list(piece_kernels(call.kernel))


def pieces_in(call: KernelCall, batch: int) -> int:
    """How many pieces a call's sums are made in: products alone have more than one."""
    if call.kernel.family != "matmul":
        return 1
    spec: MatmulEpilogueSpec = call.kernel.spec
    return pieces_of(spec.product, layout_of(spec), integers_of(call, batch))


def scratch_bytes(schedule: Schedule, plan: Plan, routing: Routing | None = None) -> int:
    """What the call that needs most of it needs of scratch memory, those of the preparation among them."""
    most = max((bytes_of(call, plan, routing) for call in schedule.calls), default=0)
    if schedule.preparation and plan.preparation:
        most = max(most, scratch_bytes(schedule.preparation, plan.preparation, routing))
    return most


def bytes_of(call: KernelCall, plan: Plan, routing: Routing | None) -> int:
    """For the pieces of a product, or what a library needs for one."""
    if routing and (work := work_of(call, plan)):
        return library_bytes(work, routing)
    pieces = pieces_in(call, plan.batch)
    if pieces == 1:
        return 0
    _, m, n, *_ = integers_of(call, plan.batch)
    return (pieces + 1) * m * n * ITEM_SIZE[call.kernel.spec.product.dtype]


def piece_kernels(kernel: Kernel) -> tuple[Kernel, Kernel]:
    """Of a product in pieces: what makes them, and what adds them up and does what is fused to it."""
    spec: MatmulEpilogueSpec = kernel.spec
    product, narrow = spec.product, kernel.narrow
    sums = MatmulEpilogueSpec(product, (), (product.dtype,), (Statement("product", FULL, product.dtype),), (0,), 0)
    own = ("", *narrow[len(spec.outputs) :][:2]) if narrow else ()
    return Kernel("matmul", sums, own), Kernel("product_total", spec, narrow)


def in_pieces(line: Line, pieces: int, scratch: int) -> list[Line]:
    """Products of a K-th part of both factors each, one of what is left of K, and their total with the epilogue."""
    spec: MatmulEpilogueSpec = line.kernel.spec
    product = spec.product
    pointers, names = product_slots(product, layout_of(spec))
    given = dict(zip([name for name, _ in pointers] + names, map(int, line.slots), strict=False))
    sums, adding = piece_kernels(line.kernel)
    size, item = given["M"] * given["N"], ITEM_SIZE[product.dtype]
    factors = factors_of(spec, line.kernel.narrow)
    depth, rest = divmod(given["K"], pieces)
    steps = given["a_row"] if product.transpose_a else 1, 1 if product.transpose_b else given["b_row"]

    def part(first: int, count: int, k: int) -> Line:
        apart = (first * depth * step * ITEM_SIZE[lies] for step, lies in zip(steps, factors, strict=True))
        places = (given[name] + bytes for name, bytes in zip("ab", apart, strict=True))
        integers = (
            count, given["M"], given["N"], k, given["a_row"], given["b_row"], *(k * step for step in steps),
            size, given["N"],
        )  # fmt: skip
        slots = (scratch + first * size * item, *places, 0, *integers)
        return Line(sums, integers, slots, origin=line.origin)

    total = {**given, "a": scratch, "K": pieces + bool(rest)}
    slots = (*(total[name] for name, _ in pointers), *(total[name] for name in names))
    slots += line.slots[len(slots) :]
    integers = tuple(total[name] for name in names)
    lines = [part(0, pieces, depth), *([part(pieces, 1, rest)] if rest else [])]
    return [*lines, Line(adding, integers, slots, origin=line.origin)]
