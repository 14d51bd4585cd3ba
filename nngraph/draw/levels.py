"""What is seen of a picture inside of one group: its items, the arrows between them, and those across its border."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from nngraph.draw.measure import EDGE, PORT_LABEL, fitted
from nngraph.draw.picture import BELOW, Link, Picture
from nngraph_kernels.record import record

MANY_PORTS = 4  # more values than that enter or leave a group as one
MANY_ARROWS = 10  # more than that of one type bear no labels


@record
class Port:
    """Where values enter a group or leave it."""

    enters: bool
    label: str


@record
class Arrow:
    """One or more values between two things of a level.

    Attributes
    ----------
    source, target : int
        Positions among the level's things.
    values : tuple of str
    type : str
        What is written on all of them, which is their type if nothing else; "" where that differs.
    aside : bool
        From the forward pass to the backward one, beside the flow of either.
    """

    source: int
    target: int
    values: tuple[str, ...]
    type: str
    aside: bool = False

    @property
    def label(self) -> str:
        one = len(self.values) == 1 or BELOW in self.type
        return self.type if one else f"{len(self.values)} values"


@record(eq=False)
class Level:
    """The inside of a group.

    Attributes
    ----------
    items : tuple of int
        Keys of what it holds; things are counted through these and then the ports.
    usual : str
        The type of nearly all values, if there are many; arrows then bear labels where theirs is another.
    """

    items: tuple[int, ...]
    ports: tuple[Port, ...]
    arrows: tuple[Arrow, ...]
    usual: str = ""

    def label(self, arrow: Arrow) -> str:
        """What is written on an arrow."""
        if arrow.aside or (self.usual and arrow.type == self.usual):
            return ""
        return arrow.label


@dataclass(slots=True)
class Crossing:
    """A level under construction: arrows between items (by key) and values (by name) at its border."""

    between: dict[tuple[int, int], dict[str, str]] = field(default_factory=dict[tuple[int, int], dict[str, str]])
    entering: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    leaving: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])


def levels_of(picture: Picture) -> dict[int, Level]:
    """The level inside of every group, TOP among them."""
    children = picture.children()
    found = {group: Crossing() for group in children}
    for link in picture.links:
        cross(picture, link, found)
    return {group: level(picture, tuple(items), found[group]) for group, items in children.items()}


def cross(picture: Picture, link: Link, found: dict[int, Crossing]) -> None:
    """Add what is seen of a link to each level that it passes through."""
    sources, targets = list(path(picture, link.source)), list(path(picture, link.target))
    meeting = meeting_of(link, sources, targets)
    same = picture.items[link.source].role == picture.items[link.target].role
    before, after = inner_path(sources, meeting), inner_path(targets, meeting)
    if same:
        for inner, outer in pairwise(before):
            note(found[outer].leaving, inner, link)
        for inner, outer in pairwise(after):
            note(found[outer].entering, inner, link)
    if before and after:
        found[meeting].between.setdefault((before[-1], after[-1]), {})[link.value] = link.written
    elif before:
        note(found[meeting].leaving, before[-1], link)
    elif after:
        note(found[meeting].entering, after[-1], link)


def note(border: dict[str, list[tuple[int, str]]], key: int, link: Link) -> None:
    pairs = border.setdefault(link.value, [])
    if (key, link.written) not in pairs:
        pairs.append((key, link.written))


def path(picture: Picture, key: int) -> Iterator[int]:
    yield key
    yield from picture.ancestors(key)


def meeting_of(link: Link, sources: list[int], targets: list[int]) -> int:
    """The innermost group in which the link can be seen as a whole."""
    if link.target in sources:
        return link.target
    if link.source in targets:
        return link.source
    around = set(sources)
    return next(group for group in targets if group in around)


def inner_path(path: list[int], meeting: int) -> list[int]:
    """The part of a path below the group where it meets the other end's."""
    return path[: path.index(meeting)]


def level(picture: Picture, items: tuple[int, ...], crossing: Crossing) -> Level:
    position = {key: place for place, key in enumerate(items)}
    ports: list[Port] = []
    arrows = [arrow_between(picture, pair, values, position) for pair, values in crossing.between.items()]
    for border, enters in ((crossing.entering, True), (crossing.leaving, False)):
        for label, readers in merged(border):
            port = len(items) + len(ports)
            ports.append(Port(enters, fitted(label, EDGE, PORT_LABEL)))
            for key, pairs in readers.items():
                ends = (port, position[key]) if enters else (position[key], port)
                arrows.append(Arrow(*ends, tuple(dict.fromkeys(value for value, _ in pairs)), one_type(pairs)))
    return Level(items, tuple(ports), tuple(arrows), usual_type(arrows))


def arrow_between(picture: Picture, pair: tuple[int, int], values: dict[str, str], position: dict[int, int]) -> Arrow:
    source, target = (picture.items[key] for key in pair)
    aside = source.role == "forward" != target.role
    return Arrow(position[pair[0]], position[pair[1]], tuple(values), one_type(list(values.items())), aside)


def merged(border: dict[str, list[tuple[int, str]]]) -> Iterator[tuple[str, dict[int, list[tuple[str, str]]]]]:
    """The ports of one border: a label, and for each item the values (with types) between it and the port."""
    every: list[tuple[str, dict[int, list[tuple[str, str]]]]] = []
    for value, pairs in border.items():
        every.append((value, {}))
        for key, type in pairs:
            every[-1][1].setdefault(key, []).append((value, type))
    if len(every) <= MANY_PORTS:
        yield from every
        return
    together: dict[int, list[tuple[str, str]]] = {}
    for _, readers in every:
        for key, pairs in readers.items():
            together.setdefault(key, []).extend(pairs)
    yield f"{len(every)} values", together


def one_type(pairs: list[tuple[str, str]]) -> str:
    types = {type for _, type in pairs}
    return types.pop() if len(types) == 1 else ""


def usual_type(arrows: list[Arrow]) -> str:
    """The type that most arrows have, where they are many."""
    counts = Counter(arrow.type for arrow in arrows if arrow.type and BELOW not in arrow.type and not arrow.aside)
    if not counts:
        return ""
    type, count = counts.most_common(1)[0]
    return type if count > MANY_ARROWS and 2 * count > sum(counts.values()) else ""
