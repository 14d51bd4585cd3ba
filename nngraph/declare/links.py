"""Nodes and edges, as networkx and its JSON form hold them, become nodes with their inputs in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nngraph.declare.assemble import Spec
from nngraph.declare.check import Problems, shown
from nngraph.errors import did_you_mean
from nngraph.ir.declaration import NOTES
from nngraph_kernels.record import record


@dataclass(slots=True)
class Link:
    """An edge, whose position says which operand of its target it brings, if anything does."""

    source: str
    target: str
    key: Any = None
    operand: Any = None
    recurrent: bool = False


@record
class Past:
    """The value that a node had one step before, as an input."""

    id: str


def specs_of(
    nodes: Iterable[tuple[Any, Mapping[str, Any]]],
    links: Iterable[Link],
    problems: list[str],
    *,
    strict: bool,
) -> list[Spec]:
    """Nodes with their inputs in order; what is wrong is added to `problems`.

    Parameters
    ----------
    nodes : iterable of (id, attributes)
    links : iterable of Link
    strict : bool
        Refuse several edges into a node that do not say their order, instead of taking them as they come.
    """
    listed = [(str(id), dict(attributes)) for id, attributes in nodes]
    into: dict[str, list[Link]] = {id: [] for id, _ in listed}
    for link in links:
        missing = [end for end in (link.source, link.target) if end not in into]
        for end in missing:
            near = did_you_mean(end, into, "; add that node or remove the edge")
            problems.append(f"edge '{link.source}' -> '{link.target}': '{end}' is no node of the graph{near}")
        if not missing:
            into[link.target].append(link)
    specs: list[Spec] = []
    for id, attributes in listed:
        try:
            specs.append(spec_of(id, attributes, into[id], strict))
        except Problems as problem:
            problems += [f"node '{id}': {message}" for message in problem.messages]
            specs.append(Spec(id, attributes.get("op"), broken=True))
    return specs


def spec_of(id: str, attributes: dict[str, Any], links: Sequence[Link], strict: bool) -> Spec:
    if "op" not in attributes:
        made = "" if attributes else "; was it made by an edge to a mistyped id?"
        raise Problems(f"it has no attribute 'op', the name of its op expected (or 'input', with a shape){made}")
    own = {name: item for name, item in attributes.items() if name not in NOTES}
    return Spec(id, attributes["op"], inputs_of(links, attributes.get("numbers", ()), strict), own)


def inputs_of(links: Sequence[Link], numbers: Any, strict: bool) -> list[Any]:
    """What a node is applied to, in order."""
    fixed = numbers_of(numbers)
    total = len(links) + len(fixed)
    sources = [Past(link.source) if link.recurrent else link.source for link in links]
    slots = dict(zip(positions(links, fixed, total, strict), sources, strict=True))
    return [fixed[k] if k in fixed else slots[k] for k in range(total)]


def numbers_of(given: Any) -> dict[int, Any]:
    """Operand position to number, from the node's attribute `numbers`."""
    try:
        return {int(position): number for position, number in given}
    except (TypeError, ValueError):
        raise Problems(f"numbers={shown(given)} given, pairs of an operand's position and a number expected") from None


def positions(links: Sequence[Link], fixed: Mapping[int, Any], total: int, strict: bool) -> list[int]:
    """The operand position of each edge: its attribute, or else its key, or else the order of the edges."""
    given = [link.operand for link in links]
    free = [position for position in range(total) if position not in fixed]
    if any(position is not None for position in given):
        if not fills(given, free):
            raise Problems(f"operand={given} given on the edges into it, {free} expected, one each")
        return given
    keys = [link.key for link in links]
    if fills(keys, free):
        return keys
    if strict and len(links) > 1:
        raise Problems("the edges into it do not say which input comes first; give each an attribute operand=0, 1, ...")
    if len(free) != len(links):
        raise Problems(f"numbers at {sorted(fixed)} given beside {len(links)} edges; positions below {total} expected")
    return free


def fills(given: Sequence[Any], free: Sequence[int]) -> bool:
    """Whether the positions given are exactly those that are free."""
    return all(type(position) is int for position in given) and sorted(given) == free
