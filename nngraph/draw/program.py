"""What the compiler makes of a graph, as far as a picture tells of it: graphs, kernel calls, buffers, gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final, TypeVar

from nngraph.compiler import Compilation, compile_program
from nngraph.draw.picture import Call, Facts
from nngraph.emit.source import writer_for
from nngraph.ir.graph import Graph, State
from nngraph.ir.program import Kernel, KernelCall, Placement, Plan, Schedule
from nngraph_kernels.record import record

T = TypeVar("T")
GRADIENT: Final = "gradient/"


@record(eq=False)
class Program:
    """A compilation that has been run up to its plan, seen by the ids of nodes.

    Attributes
    ----------
    graphs : mapping of str to Graph
        What "lower", "differentiate" and the stage that is drawn have left.
    calls, backward : mapping of str to tuple of int
        For each node, and each that it is a part of, the calls that compute it, and its gradients.
    gradients : mapping of str to tuple of str
        The nodes that compute its gradients.
    states : mapping of str to tuple of State
        Those that bear its name.
    buffers : mapping of str to Placement
        By the names of values.
    stored : set of str
        Values that are written straight onto states.
    places : mapping of int to int
        For each offset in the arena the number of its buffer, from 1.
    """

    graphs: Mapping[str, Graph]
    schedule: Schedule
    plan: Plan
    device: str
    calls: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    backward: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    gradients: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    states: Mapping[str, tuple[State, ...]] = field(default_factory=dict[str, tuple[State, ...]])
    buffers: Mapping[str, Placement] = field(default_factory=dict[str, Placement])
    stored: frozenset[str] = frozenset()
    places: Mapping[int, int] = field(default_factory=dict[int, int])

    def facts(self, id: str, attributes: Mapping[str, str], values: Iterable[str] = ()) -> Facts:
        """What is known of node `id`, which makes `values`."""
        return Facts(
            attributes, tuple(map(state_line, self.states.get(id, ()))), self.calls.get(id, ()),
            self.backward.get(id, ()), self.gradients.get(id, ()), tuple(self.places_of(id, tuple(values))),
        )  # fmt: skip

    def places_of(self, id: str, values: tuple[str, ...]) -> Iterator[str]:
        """Where values lie: in buffers of the arena, on states, or nowhere."""
        known = [value for value in values if value in self.buffers]
        yield from (self.buffer_line(value, self.buffers[value]) for value in known)
        yield from (f"{value}: written onto the state" for value in values if value in self.stored)
        if values and not known and self.stored.isdisjoint(values) and id in self.calls:
            yield "none: the value stays inside of its kernel"

    def buffer_line(self, value: str, place: Placement) -> str:
        first = "input" if place.first < 0 else f"call {place.first}"
        last = "output" if place.last >= len(self.schedule.calls) else f"call {place.last}"
        number = self.places[place.offset]
        return f"buffer {number}: {value}, {place.nbytes:,} bytes at {place.offset:,}, from {first} to {last}"


def run_through(c: Compilation, after: str | None = None) -> Program:
    """Compile up to the plan, and keep what a picture needs; `after` is a stage or pass whose graph is drawn."""
    graphs: dict[str, Graph] = {}
    for stop in dict.fromkeys(("lower", "differentiate", after or "lower", "plan")):
        graph = compile_program(c, stop).graph
        assert graph is not None
        graphs[stop] = graph
    assert c.schedule is not None
    assert c.plan is not None
    named = [(id, number) for number, call in enumerate(c.schedule.calls) for id in call.nodes]
    placed = c.plan.placements
    placements = {value.name: place for value, place in placed.items()}
    placements |= {view.name: placed[value] for view, value in c.schedule.aliases.items() if value in placed}
    offsets = dict.fromkeys(place.offset for place in placements.values())
    ids = [node.id for node in graphs["differentiate"].nodes]
    return Program(
        graphs, c.schedule, c.plan, c.device, by_owner(named),
        by_owner((id.removeprefix(GRADIENT), number) for id, number in named if id.startswith(GRADIENT)),
        by_owner((id.removeprefix(GRADIENT), id) for id in ids if id.startswith(GRADIENT)),
        by_owner((state.name.rpartition(".")[0], state) for state in graphs["lower"].states if "." in state.name),
        placements, frozenset(value.name for value in c.plan.in_store),
        {offset: k for k, offset in enumerate(offsets, 1)},
    )  # fmt: skip


def by_owner(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    """What belongs to each id, and to each that it is a part of, in order and once."""
    found: dict[str, dict[T, None]] = {}
    for id, item in pairs:
        for owner in prefixes(id):
            found.setdefault(owner, {})[item] = None
    return {owner: tuple(items) for owner, items in found.items()}


def prefixes(id: str) -> Iterator[str]:
    """`id`, and all that it is a part of."""
    while id:
        yield id
        id = id.rpartition("/")[0]


def state_line(state: State) -> str:
    shape = "×".join(map(str, state.public_shape)) or "1"
    return f"{state.name}: {shape}" + ("" if state.kind == "parameter" else f", {state.kind}") + (
        "" if state.trainable or state.kind != "parameter" else ", frozen"
    )  # fmt: skip


def call_of(call: KernelCall, device: str) -> Call:
    """One launch as pictures tell of it."""
    reads = tuple(dict.fromkeys(operand.value.name for operand in call.inputs))
    writes = tuple(dict.fromkeys(operand.value.name for operand in call.outputs))
    return Call(call.kernel.family, writer_for(device)(call.kernel)[0][:11], reads, writes)


def sources_of(schedule: Schedule, device: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """For each call the position of its kernel's source, and the sources."""
    positions: dict[Kernel, int] = {call.kernel: 0 for call in schedule.calls}
    for position, kernel in enumerate(positions):
        positions[kernel] = position
    return tuple(positions[call.kernel] for call in schedule.calls), tuple(writer_for(device)(k)[1] for k in positions)
