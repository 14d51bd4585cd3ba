"""A schedule, its plan and the addresses of its kernels become a bound program: tables of addresses and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nngraph.ir.graph import Value
from nngraph.ir.program import Kernel, KernelCall, Operand, Plan, Schedule
from nngraph.ir.types import Dim, evaluate
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Program, bind, pack_arguments
from nngraph.run.store import Store
from nngraph_kernels.record import record

# What decides whether a call is worth two threads and their barrier (0.4 us): its time on one.
FLOPS_PER_SECOND, BYTES_PER_SECOND = 5e10, 2.5e10
WORTH_SECONDS = 2e-6
EMPTY: Mapping[int, Sequence[Launch]] = {}


@record
class Launch:
    """A call beside those of the graph: it brings data in or takes numbers out."""

    kernel: int
    slots: tuple[int | float, ...]
    parallel: bool = False


class Places:
    """Where every value of a schedule lies, for one plan: addresses, or offsets on a device.

    Parameters
    ----------
    fixed : mapping of Value to int
        Of states, as they were and as they will be, and of constants.
    arena : int
    error : int
        Of the tape's error word.
    scratch : int
        Offset in the arena of what calls may write in; where the plan has it, if it is not given.
    """

    def __init__(
        self,
        schedule: Schedule,
        plan: Plan,
        fixed: Mapping[Value, int],
        arena: int,
        error: int,
        scratch: int | None = None,
    ) -> None:
        self.plan = plan
        self.arena = arena
        self.error = error
        self.scratch = arena + (plan.scratch if scratch is None else scratch)
        self.aliases = schedule.aliases
        self.fixed = {**fixed, **{new: fixed[old] for new, old in plan.in_store.items()}}

    def address(self, value: Value) -> int:
        value = self.aliases.get(value, value)
        fixed = self.fixed.get(value)
        return self.arena + self.plan.placements[value].offset if fixed is None else fixed

    def operand(self, operand: Operand) -> int:
        start = self.address(operand.value)
        if operand.offset == 0 and operand.fixed == 0:
            return start
        elements = evaluate(operand.offset, self.plan.batch) + operand.fixed
        return start + elements * operand.value.item_size


class Memory(Places):
    """Where every value lies in the memory of the process.

    Parameters
    ----------
    arena : int
        Address of the arena.
    error : int
        Address of the tape's error word.
    """

    def __init__(self, schedule: Schedule, plan: Plan, store: Store, arena: int, error: int) -> None:
        self.constants = {value: as_constant(array) for value, array in schedule.constants.items()}
        self.states = schedule.graph.states
        fixed = {state.old: store.address(state.name) for state in schedule.graph.states}
        fixed |= {value: array.ctypes.data for value, array in self.constants.items()}
        super().__init__(schedule, plan, fixed, arena, error)


def as_constant(array: np.ndarray) -> np.ndarray:
    held = aligned_zeros(array.shape, array.dtype)
    held[...] = array
    return held


def bind_schedule(
    schedule: Schedule,
    memory: Memory,
    entries: Mapping[Kernel, int],
    before: Sequence[Launch] = (),
    after: Mapping[int, Sequence[Launch]] = EMPTY,
) -> Program:
    """The program of one batch size.

    Parameters
    ----------
    schedule : Schedule
    memory : Memory
    entries : mapping of Kernel to int
        Addresses of the compiled kernels.
    before : sequence of Launch
        Calls before those of the graph.
    after : mapping of int to sequence of Launch
        Calls that follow a call of the graph, by its index; those of index -1 come at the end.
    """
    plan = memory.plan
    launches, written, first = list(before), first_write(schedule, plan), None
    for position, call in enumerate(schedule.calls):
        if position == written:
            first = len(launches)
        launches.append(launch_of(call, memory, entries, plan))
        launches += after.get(position, ())
    if written == len(schedule.calls):
        first = len(launches)
    launches += [copy_launch(new, old, memory, entries) for new, old in plan.copies]
    launches += after.get(-1, ())
    words, addresses = pack_arguments([launch.slots for launch in launches])
    return bind(
        [launch.kernel for launch in launches], addresses, [launch.parallel for launch in launches],
        rows=plan.batch, first_write=first, keep=(words, memory.constants),
    )  # fmt: skip


def launch_of(call: KernelCall, memory: Memory, entries: Mapping[Kernel, int], plan: Plan) -> Launch:
    return Launch(entries[call.kernel], slots_of(call, memory), plan.threads > 1 and worth_sharing(call, plan.batch))


def slots_of(call: KernelCall, places: Places) -> tuple[int | float, ...]:
    """The arguments of a call, in the order of its kernel's slots."""
    batch = places.plan.batch
    slots: list[int | float] = [places.operand(operand) for operand in call.outputs]
    inputs = [places.operand(operand) for operand in call.inputs]
    fixed = len(inputs) - call.listed
    slots += inputs[:fixed]
    if call.scratch:
        slots.append(places.scratch)
    if call.reports:
        slots.append(places.error)
    slots += [evaluate(dim, batch) for dim in call.integers]
    slots += [float(evaluate(number, batch)) for number in call.numbers]
    slots += inputs[fixed:]
    return tuple(slots)


def worth_sharing(call: KernelCall, batch: int) -> bool:
    """Whether the call is long enough for several threads."""
    if not call.parallel:
        return False
    seconds = evaluate(call.flops, batch) / FLOPS_PER_SECOND + evaluate(call.traffic, batch) / BYTES_PER_SECOND
    return seconds > WORTH_SECONDS


def copy_kernel(dtype: str) -> Kernel:
    return Kernel("memory", ("copy", dtype))


def copy_kernels(plan: Plan) -> list[Kernel]:
    """The kernels that bring new states to the old ones."""
    return [copy_kernel(old.type.dtype) for _, old in plan.copies]


def copy_launch(new: Value, old: Value, memory: Memory, entries: Mapping[Kernel, int]) -> Launch:
    """A new state that could not be written in place, brought to the old one."""
    return Launch(entries[copy_kernel(old.type.dtype)], copy_slots(new, old, memory))


def copy_slots(new: Value, old: Value, places: Places) -> tuple[int, int, int]:
    """The arguments of the copy."""
    size: Dim = old.type.size
    return places.address(old), places.address(new), evaluate(size, places.plan.batch)


def first_write(schedule: Schedule, plan: Plan) -> int | None:
    """The first call after which a state is no longer what it was before the step."""
    for position, call in enumerate(schedule.calls):
        if any(operand.value in plan.in_store for operand in call.outputs):
            return position
    return len(schedule.calls) if plan.copies else None
