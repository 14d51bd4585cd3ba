"""The arena of one batch size, to the byte: how much, of what, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.program import Placement, Plan, Schedule
from nngraph.plan.allocator import aligned
from nngraph_kernels.record import record


@record
class ValueRow:
    """A value in the arena; it lives from call `first` (-1: an input) to call `last` (the last + 1: an output)."""

    name: str
    type: str
    nbytes: int
    offset: int
    first: int
    last: int


@record
class MemoryReport:
    """What a plan amounts to; all sizes are in bytes.

    Attributes
    ----------
    arena : int
        What is allocated: `values`, `scratch` for each of the threads, and `more`.
    more : int
        By how much the preparation, which runs in the same place before, needs a larger arena.
    live : tuple of int
        For each call what is alive while it runs.
    peak : int
        The largest of these; the arena is larger where its free places do not fit.
    peak_call : int
        The first call at which it is reached.
    rows : tuple of ValueRow
        The largest first.
    placed : int
        The sum of all values in the arena, as if no memory were used twice.
    unfused : int
        The sum of all values of the optimized graph, those inside of fused nodes included, but for new states
        that are written onto the old ones.
    states : mapping of str to int
        By kind; they live outside of the arena.
    """

    batch: int
    threads: int
    arena: int
    values: int
    scratch: int
    more: int
    live: tuple[int, ...]
    peak: int
    peak_call: int
    rows: tuple[ValueRow, ...]
    placed: int
    unfused: int
    states: dict[str, int]

    def at(self, call: int) -> list[ValueRow]:
        """What is alive while a call runs."""
        return [row for row in self.rows if row.first <= call <= row.last]


def memory_report(graph: Graph, schedule: Schedule, plan: Plan) -> MemoryReport:
    """The figures of a plan.

    Parameters
    ----------
    graph : Graph
        What was scheduled, with its nodes.
    schedule : Schedule
    plan : Plan
    """
    live = live_bytes(plan, len(schedule.calls))
    peak = max(live, default=0)
    rows = [row(value, placement) for value, placement in plan.placements.items()]
    rows.sort(key=lambda row: (-row.nbytes, row.offset, row.first))
    return MemoryReport(
        plan.batch, plan.threads, plan.nbytes, plan.scratch, plan.scratch_nbytes,
        plan.nbytes - plan.scratch - plan.scratch_nbytes * plan.threads, tuple(live), peak,
        live.index(peak) if live else 0, tuple(rows), sum(row.nbytes for row in rows),
        sum(value.nbytes(plan.batch) for value in all_values(graph, plan)),
        state_bytes(graph),
    )  # fmt: skip


def row(value: Value, placement: Placement) -> ValueRow:
    shown = str(value).partition(": ")[2]
    return ValueRow(value.name, shown, placement.nbytes, placement.offset, placement.first, placement.last)


def live_bytes(plan: Plan, calls: int) -> list[int]:
    """What is alive while each call runs, in whole cache lines; what takes over memory in place counts once."""
    changes: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    born = {(p.offset, p.first) for p in plan.placements.values()}
    for placement in plan.placements.values():
        size = aligned(placement.nbytes)
        changes[max(placement.first, 0)] += size
        changes[placement.last + 1] -= size
        if placement.last > placement.first and (placement.offset, placement.last) in born:
            taken[placement.last] += size
    live: list[int] = []
    now = 0
    for call in range(calls):
        now += changes[call]
        live.append(now - taken[call])
    return live


def all_values(graph: Graph, plan: Plan) -> set[Value]:
    """Inputs and results, inside of fused nodes too; views and constants need no memory."""
    values = set(graph.inputs)
    for node in all_nodes(graph):
        if not (node.op.view or node.op.name == "constant"):
            values.update(node.results)
    return values - set(plan.in_store)


def all_nodes(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        if inner := node.attributes.get("graph"):
            yield from inner.nodes
        else:
            yield node


def state_bytes(graph: Graph) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for state in graph.states:
        sizes[state.kind] += state.old.type.nbytes(1)
    return dict(sizes)
