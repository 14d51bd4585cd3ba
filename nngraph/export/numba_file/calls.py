"""The calls of a schedule as lines of Python, for one batch size: addresses by what they are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

from nngraph.emit.source import kernel_source
from nngraph.ir.graph import Value
from nngraph.ir.program import Kernel, Plan, Schedule
from nngraph.run.bind import Places, copy_kernel, copy_slots, slots_of

ARENA, ERROR, HELD = "arena", "error", "held"


class Place(int):
    """An address that is not known yet: of the arena, the error word, or an array by its name; and bytes behind it."""

    base: str

    def __new__(cls, base: str, offset: int = 0) -> Self:
        made = super().__new__(cls, offset)
        made.base = base
        return made

    def __add__(self, other: int) -> Place:
        return Place(self.base, int(self) + int(other))

    def text(self) -> str:
        """What stands for it in the module."""
        if self.base in (ARENA, ERROR):
            return f"{self.base}({int(self)})"
        return f"{HELD}({self.base!r}{f', {int(self)}' if int(self) else ''})"


def places_of(schedule: Schedule, plan: Plan) -> Places:
    """Where every value of a schedule lies: states and constants in arrays of their own."""
    fixed = {state.old: Place(state.name) for state in schedule.graph.states}
    fixed |= {value: Place(name) for name, value in constant_names(schedule).items()}
    return Places(schedule, plan, cast("Mapping[Value, int]", fixed), Place(ARENA), Place(ERROR))


def constant_names(schedule: Schedule) -> dict[str, Value]:
    """A name for each constant, which no id can be."""
    return {f"constant:{schedule.graph.name}:{k}": value for k, value in enumerate(schedule.constants)}


def call_lines(schedule: Schedule, plan: Plan) -> Iterator[str]:
    """A line for each launch, with the nodes that it computes."""
    places = places_of(schedule, plan)
    for call in schedule.calls:
        yield line(call.kernel, slots_of(call, places), ", ".join(call.nodes))
    for new, old in plan.copies:
        yield line(copy_kernel(old.type.dtype), copy_slots(new, old, places), f"{old.name} <- {new.name}")


def line(kernel: Kernel, slots: tuple[Any, ...], said: str) -> str:
    name, _ = kernel_source(kernel)
    given = [slot.text() if isinstance(slot, Place) else repr(slot) for slot in slots]
    return f"    call({', '.join([repr(name), *given])}),  # {said}"
