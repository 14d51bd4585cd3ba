"""Which values need memory of their own, and from which call to which they live."""

from __future__ import annotations

from nngraph.errors import CompilationError
from nngraph.ir.graph import State, Value
from nngraph.ir.program import KernelCall, Schedule
from nngraph_kernels.record import record

BEFORE = -1


@record
class Lifetimes:
    """Attributes
    ----------
    first, last : dict of Value to int
        Calls that write a value first and read it last, of every value in the arena. Inputs are there before
        the first call; outputs stay until after the last.
    in_store : dict of Value to Value
        New states written straight onto the old ones.
    copies : list of (new, old)
        New states that have to be copied onto the old ones after the last call.
    """

    first: dict[Value, int]
    last: dict[Value, int]
    in_store: dict[Value, Value]
    copies: list[tuple[Value, Value]]


def lifetimes(schedule: Schedule) -> Lifetimes:
    graph, aliases, calls = schedule.graph, schedule.aliases, schedule.calls
    end = len(calls)
    outside = {state.old for state in graph.states} | set(schedule.constants)
    first: dict[Value, int] = dict.fromkeys(graph.inputs, BEFORE)
    last: dict[Value, int] = dict.fromkeys(graph.inputs, BEFORE)
    reads: dict[Value, int] = {}
    for position, call in enumerate(calls):
        for operand in call.inputs:
            (reads if operand.value in outside else last)[operand.value] = position
        for operand in call.outputs:
            first.setdefault(operand.value, position)
            last[operand.value] = max(position, last.get(operand.value, position))
    for _, value in graph.outputs:
        if (root := aliases.get(value, value)) not in outside:
            last[root] = end
    outputs = {aliases.get(value, value) for _, value in graph.outputs}
    changed = [(s, new) for s in graph.states if (new := aliases.get(s.new, s.new)) is not s.old]
    reads |= {new: end for _, new in changed if new in outside}
    in_store: dict[Value, Value] = {}
    copies: list[tuple[Value, Value]] = []
    loss = loss_of(schedule)
    known = BEFORE if loss is None else first.get(loss, BEFORE)
    for state, new in changed:
        allowed = new not in outputs and first.get(new, BEFORE) > known
        if allowed and writes_in_place(state, new, first, reads, calls, in_store):
            in_store[new] = state.old
        else:
            copies.append((new, state.old))
            if new not in outside:
                last[new] = end
    for value in in_store:
        del first[value], last[value]
    return Lifetimes(first, last, in_store, in_safe_order(copies))


def loss_of(schedule: Schedule) -> Value | None:
    """What must be known before a state changes: a loss that is not finite leaves all states as they were."""
    loss = dict(schedule.graph.outputs).get("loss")
    return None if loss is None else schedule.aliases.get(loss, loss)


def in_safe_order(copies: list[tuple[Value, Value]]) -> list[tuple[Value, Value]]:
    """A state that becomes what another one was is copied before the other one changes."""
    waiting = {old: new for new, old in copies}
    found: list[tuple[Value, Value]] = []
    while waiting:
        read = set(waiting.values())
        ready = [old for old in waiting if old not in read]
        if not ready:
            names = ", ".join(old.name for old in waiting)
            raise CompilationError(f"states {names}: each becomes what another was; write one of them as a new value")
        found += [(waiting.pop(old), old) for old in ready]
    return found


def writes_in_place(
    state: State, new: Value, first: dict[Value, int], reads: dict[Value, int],
    calls: tuple[KernelCall, ...], in_store: dict[Value, Value],
) -> bool:  # fmt: skip
    """Whether the one call that makes `new` may write it over the old value."""
    if new not in first or first[new] == BEFORE or new in in_store:
        return False
    writer = calls[first[new]]
    last_read = reads.get(state.old, BEFORE)
    if last_read != first[new]:
        return last_read < first[new]
    wanted = next(k for k, operand in enumerate(writer.outputs) if operand.value is new)
    sources = [k for k, operand in enumerate(writer.inputs) if operand.value is state.old]
    return all((wanted, k) in writer.in_place for k in sources)
