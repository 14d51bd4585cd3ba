"""A row for each declared node: what it makes, what it learns, how much it works and which kernel does it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from nngraph.emit.source import writer_for
from nngraph.ir.declaration import INPUT, Declared
from nngraph.ir.graph import Graph, Node, State
from nngraph.ir.program import Schedule
from nngraph.ir.types import evaluate
from nngraph_kernels.record import record

WORK = ("linear", "convolution")  # families whose multiply-adds are counted


@record
class NodeRow:
    """One declared node.

    Attributes
    ----------
    output : str
        Type of its result, the batch written as such.
    parameters : int
        Numbers that it learns; those it shares with another node count there.
    frozen : int
        How many of them are not trained.
    statistics : int
        Numbers that it does not learn, but takes from the data in training.
    multiply_adds : int
        In matrix products and convolutions, for one example.
    kernels : tuple of str
        Of the calls that take part in computing it.
    calls : tuple of int
        Their numbers in the schedule.
    """

    id: str
    op: str
    inputs: tuple[str, ...]
    output: str
    parameters: int
    frozen: int
    statistics: int
    multiply_adds: int
    kernels: tuple[str, ...]
    calls: tuple[int, ...]


def node_rows(declared: Declared, lowered: Graph, schedule: Schedule, device: str = "cpu") -> list[NodeRow]:
    """The declared nodes in order.

    Parameters
    ----------
    declared : Declared
    lowered : Graph
        What `lower` made of it: of its nodes `x` and ``x/...`` belong to the declared node `x`.
    schedule : Schedule
        Of any program of it.
    device : {"cpu", "cuda"}
        Whose kernels are named.
    """
    names = {call.kernel: writer_for(device)(call.kernel)[0] for call in schedule.calls}
    ids = declared.nodes
    nodes: dict[str, list[Node]] = {id: [] for id in ids}
    states: dict[str, list[State]] = {id: [] for id in ids}
    calls: dict[str, list[int]] = {id: [] for id in ids}
    for node in lowered.nodes:
        if owner := owner_of(node.id, ids):
            nodes[owner].append(node)
    for state in lowered.states:
        if owner := owner_of(state.name.rpartition(".")[0], ids):
            states[owner].append(state)
    for number, call in enumerate(schedule.calls):
        for owner in dict.fromkeys(owner_of(id, ids) for id in call.nodes):
            if owner is not None:
                calls[owner].append(number)
    named = [names[call.kernel] for call in schedule.calls]
    return [row(declared, id, nodes[id], states[id], calls[id], named) for id in ids]


def owner_of(id: str, declared: Iterable[str]) -> str | None:
    """The declared node that `id` is, or is a part of."""
    while id:
        if id in declared:
            return id
        id = id.rpartition("/")[0]
    return None


def row(
    declared: Declared, id: str, nodes: list[Node], states: list[State], calls: list[int], named: list[str]
) -> NodeRow:
    """One node; `named` are the kernels of all calls."""
    given = declared.nodes[id]
    parameters = [state for state in states if state.kind == "parameter"]
    statistics = [state for state in states if state.kind == "statistic"]
    names = dict.fromkeys(named[number] for number in calls)
    return NodeRow(
        id, given["op"], tuple(declared.pred[id]), given.get("type", ""),
        count(parameters), count([state for state in parameters if not state.trainable]), count(statistics),
        0 if given["op"] == INPUT else sum(map(multiply_adds, nodes)), tuple(names), tuple(calls),
    )  # fmt: skip


def count(states: list[State]) -> int:
    """How many numbers they hold."""
    return sum(prod(state.public_shape) for state in states)


def multiply_adds(node: Node) -> int:
    """Multiply-adds for one example, in products and convolutions: what papers count."""
    if node.op.kernel is None or node.op.flops is None or node.op.family not in WORK:
        return 0
    return evaluate(node.op.flops(*(value.type for value in node.inputs), **node.attributes), 1) // 2


def totals_of(lowered: Graph) -> tuple[int, int]:
    """How many parameters a lowered network has, and multiply-adds for one example."""
    learned = [state for state in lowered.states if state.kind == "parameter"]
    return count(learned), sum(map(multiply_adds, lowered.nodes))
