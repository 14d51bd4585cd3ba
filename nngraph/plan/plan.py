"""Places every value of a schedule in one arena, memory reused as soon as nothing reads it any more."""

from __future__ import annotations

from nngraph.ir.graph import Value
from nngraph.ir.program import KernelCall, Placement, Plan, Schedule
from nngraph.plan.allocator import Allocator, aligned, alignment_of
from nngraph.plan.lifetimes import Lifetimes, lifetimes


def plan(schedule: Schedule, batch: int, threads: int = 1, device: str = "cpu") -> Plan:
    """The arena for `batch` examples.

    Parameters
    ----------
    schedule : Schedule
    batch : int
    threads : int
        Each has its own scratch region at the end of the arena.
    device : {"cpu", "cuda"}
        On "cuda" kernels want no scratch memory of this kind, and offsets are multiples of another number of bytes.

    Returns
    -------
    Plan
        Linear in the number of calls, but for the search among free intervals.
    """
    lives, alignment = lifetimes(schedule), alignment_of(device)
    placements, allocator = place(schedule, lives, batch, alignment)
    sizes = {call.scratch for call in schedule.calls if call.scratch and device == "cpu"}  # few: equal calls share one
    scratch = max((aligned(size(batch), alignment) for size in sizes), default=0)
    before = plan(schedule.preparation, 1, threads, device) if schedule.preparation else None  # it is of no batch
    return Plan(
        batch, threads, max(allocator.nbytes + scratch * threads, before.nbytes if before else 0), placements,
        lives.in_store, tuple(lives.copies), allocator.nbytes, scratch, before,
    )  # fmt: skip


def place(schedule: Schedule, lives: Lifetimes, batch: int, alignment: int) -> tuple[dict[Value, Placement], Allocator]:
    allocator = Allocator(alignment)
    placements: dict[Value, Placement] = {}
    dying: dict[int, list[Value]] = {}
    for value, position in lives.last.items():
        dying.setdefault(position, []).append(value)

    def put(value: Value, offset: int) -> None:
        nbytes = value.nbytes(batch)
        placements[value] = Placement(offset, nbytes, lives.first[value], lives.last[value])

    for value in schedule.graph.inputs:
        put(value, allocator.allocate(value.nbytes(batch)))
    for position, call in enumerate(schedule.calls):
        taken = reuse(call, position, lives, placements)
        for operand in call.outputs:
            value = operand.value
            if lives.first.get(value) == position and value not in placements:
                source = taken.get(value)
                put(
                    value,
                    placements[source].offset if source else allocator.allocate(value.nbytes(batch)),
                )
        for value in dying.get(position, ()):
            if value not in taken.values():
                allocator.release(placements[value].offset, placements[value].nbytes)
    return placements, allocator


def reuse(call: KernelCall, position: int, lives: Lifetimes, placements: dict[Value, Placement]) -> dict[Value, Value]:
    """For outputs, the input that dies in this call and whose memory they may take over."""
    taken: dict[Value, Value] = {}
    for o, i in call.in_place:
        new, old = call.outputs[o].value, call.inputs[i].value
        if new in taken or old in taken.values() or old not in placements or new in placements:
            continue
        dies = lives.last[old] == position and lives.first[old] != position
        if dies and lives.first.get(new) == position and new.type == old.type and sole_operand(call, old):
            taken[new] = old
    return taken


def sole_operand(call: KernelCall, value: Value) -> bool:
    return sum(operand.value is value for operand in call.inputs) == 1
