"""Plays a plan through with labels in place of numbers: a value that is overwritten too early is found."""

import numpy as np

from nngraph.ir.graph import Value
from nngraph.ir.program import Plan, Schedule
from nngraph.plan.allocator import ALIGNMENT, aligned

NOBODY = -1


class Simulation:
    """The arena as cache lines, each labeled with the value whose it is; and the store, state by state."""

    def __init__(self, schedule: Schedule, plan: Plan) -> None:
        self.schedule, self.plan = schedule, plan
        assert plan.nbytes == plan.scratch + plan.threads * plan.scratch_nbytes
        self.lines = np.full(-(-plan.nbytes // ALIGNMENT), NOBODY)
        self.labels: dict[Value, int] = {}
        self.store = {state.old: state.old for state in schedule.graph.states}

    def run(self) -> None:
        """All calls, then the copies; AssertionError where a call would read what is not there."""
        graph, aliases = self.schedule.graph, self.schedule.aliases
        for value in graph.inputs:
            self.write(value)
        for call in self.schedule.calls:
            self.one_call(call)
        for _, value in graph.outputs:
            self.read(aliases.get(value, value))
        for new, old in self.plan.copies:
            self.read(new)
            self.store[old] = new
        for state in graph.states:
            assert self.store[state.old] is aliases.get(state.new, state.new)

    def one_call(self, call) -> None:
        for operand in call.inputs:
            self.read(operand.value)
        for o, out in enumerate(call.outputs):
            for i, source in enumerate(call.inputs):
                if self.overlap(out.value, source.value):
                    where = f"{out.value} is written over {source.value}, which is still being read"
                    assert (o, i) in call.in_place, where
        if call.scratch:
            assert call.scratch(self.plan.batch) <= self.plan.scratch_nbytes
            self.lines[self.plan.scratch // ALIGNMENT :] = NOBODY
        for out in {operand.value for operand in call.outputs}:
            self.write(out)

    def span(self, value: Value) -> slice:
        place = self.plan.placements[value]
        assert place.offset % ALIGNMENT == 0
        assert place.offset + aligned(place.nbytes) <= self.plan.scratch
        return slice(place.offset // ALIGNMENT, (place.offset + aligned(place.nbytes)) // ALIGNMENT)

    def overlap(self, a: Value, b: Value) -> bool:
        if a in self.plan.in_store or b in self.store:
            return self.plan.in_store.get(a) is b
        if a not in self.plan.placements or b not in self.plan.placements:
            return False
        one, other = self.span(a), self.span(b)
        return one.start < other.stop and other.start < one.stop

    def write(self, value: Value) -> None:
        if value in self.plan.in_store:
            self.store[self.plan.in_store[value]] = value
        else:
            self.labels.setdefault(value, len(self.labels))
            self.lines[self.span(value)] = self.labels[value]

    def read(self, value: Value) -> None:
        if value in self.schedule.constants:
            return
        if value in self.plan.in_store:
            assert self.store[self.plan.in_store[value]] is value
        elif value in self.store:
            assert self.store[value] is value, f"{value} is read after the new state was written"
        else:
            assert (self.lines[self.span(value)] == self.labels[value]).all(), f"{value} was overwritten"
