"""What a machine makes of a schedule, and what all machines need to make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nngraph.ir.graph import Value
from nngraph.ir.program import Plan, Schedule
from nngraph.run.bind import Places
from nngraph.run.feed import Feed
from nngraph_kernels.record import record


@record(eq=False)
class Binding:
    """A program for one batch size.

    Attributes
    ----------
    program : object
        What the machine's tape runs.
    inputs, outputs : dict of str to ndarray
        Where they are written before a run, and read after it.
    origins : tuple of int
        For each launch of the program the call of the schedule that it makes, -1 if it makes none.
    """

    program: Any
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    origins: tuple[int, ...]


class Machine(Protocol):
    """What programs run on.

    Attributes
    ----------
    arena : object
        Another one whenever everything has moved.
    tape : object
        With what `nngraph.run.tape.Tape` offers.
    """

    @property
    def arena(self) -> Any: ...

    @property
    def tape(self) -> Any: ...

    def reserve(self, schedule: Schedule, planned: Plan) -> bool:
        """Have room; whether what was bound before is not any more."""
        ...

    def bind(self, schedule: Schedule, planned: Plan, feed: Feed | None = None) -> Binding:
        """A program for one batch size; with `feed` it also loads its batches and records its scalar outputs."""
        ...


def origins(schedule: Schedule, before: Sequence[Any], after: Mapping[int, Sequence[Any]]) -> tuple[int, ...]:
    """For each launch of a bound schedule the index of its call, -1 for those beside the schedule."""
    found = [-1] * len(before)
    for position in range(len(schedule.calls)):
        found += [position, *(-1 for _ in after.get(position, ()))]
    return tuple(found)


def producer(schedule: Schedule, places: Places, value: Value) -> int:
    """The index of the call that computes `value`, -1 if none does."""
    root = places.aliases.get(value, value)
    calls = enumerate(schedule.calls)
    return next((k for k, call in calls if any(operand.value is root for operand in call.outputs)), -1)


def scalars(schedule: Schedule) -> list[tuple[str, Value]]:
    """Outputs that are one number, in order: the columns of a feed's ring."""
    return [(name, value) for name, value in schedule.graph.outputs if value.type.shape == ()]
