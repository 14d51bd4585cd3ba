"""A picture laid out: open groups as boxes around what they hold, from the innermost outward."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from nngraph.draw.arrangement import Arrangement, Point
from nngraph.draw.levels import Arrow, Level, levels_of
from nngraph.draw.measure import MARGIN, SIGN, TITLE, Card, card, text_width
from nngraph.draw.picture import TOP, Item, Picture
from nngraph.draw.placement import DOT, Placement, Size
from nngraph_kernels.record import record

HEADER: Final = 26.0  # height of an open group's title
PADDING: Final = 12.0


@record
class Box:
    """An item in its place, x and y its upper left corner; `inside` is the level of an open group."""

    key: int
    x: float
    y: float
    width: float
    height: float
    opened: bool
    depth: int


@record
class Dot:
    """A port in its place."""

    label: str
    x: float
    y: float
    enters: bool
    upward: bool


@record
class Line:
    """An arrow in its place."""

    arrow: Arrow
    points: tuple[Point, ...]
    label: str
    at: Point | None
    role: str


@record(eq=False)
class Scene:
    """Everything in its place; what is behind comes first."""

    picture: Picture
    width: float
    height: float
    boxes: tuple[Box, ...]
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    cards: dict[int, Card]


class Composition:
    """Lays out a picture with some of its groups open."""

    def __init__(self, picture: Picture, opened: Collection[int]) -> None:
        self.picture, self.opened = picture, opened
        self.levels = levels_of(picture)
        self.placement = Placement(picture)
        self.cards = cards_of(picture, self.levels)
        self.inner: dict[int, Arrangement] = {}
        self.boxes: list[Box] = []
        self.dots: list[Dot] = []
        self.lines: list[Line] = []

    def size(self, key: int) -> Size:
        """Of an item's card, or of the box around what it holds."""
        if key not in self.opened:
            return self.cards[key].width, self.cards[key].height
        inner = self.arranged(key)
        title = text_width(self.picture.items[key].label, TITLE, bold=True) + SIGN + 2 * MARGIN
        return max(inner.width, title) + 2 * PADDING, inner.height + HEADER + 2 * PADDING

    def arranged(self, group: int) -> Arrangement:
        level = self.levels[group]
        if group not in self.inner:
            self.inner[group] = self.placement.arrange(level, {key: self.size(key) for key in level.items})
        return self.inner[group]

    def place(self, group: int, left: float, top: float, depth: int) -> None:
        """Put what a group holds where the group's arrangement has it, seen from its upper left corner."""
        level, found = self.levels[group], self.arranged(group)
        for key, (x, y) in zip(level.items, found.centers, strict=False):
            width, height = self.size(key)
            box = Box(key, left + x - width / 2, top + y - height / 2, width, height, key in self.opened, depth)
            self.boxes.append(box)
            if box.opened:
                room = (width - self.arranged(key).width) / 2
                self.place(key, box.x + room, box.y + HEADER + PADDING, depth + 1)
        upward = self.backward(level)
        for port, (x, y) in zip(level.ports, ports_of(level, found, upward), strict=True):
            self.dots.append(Dot(port.label, left + x, top + y, port.enters, upward))
        for arrow, points, at in zip(level.arrows, joined(level, found, upward), found.labels, strict=True):
            moved = tuple((left + x, top + y) for x, y in points)
            shown = None if at is None else (left + at[0], top + at[1])
            self.lines.append(Line(arrow, moved, level.label(arrow), shown, self.role(level, arrow)))

    def backward(self, level: Level) -> bool:
        return bool(level.items) and all(self.picture.items[key].role != "forward" for key in level.items)

    def role(self, level: Level, arrow: Arrow) -> str:
        """What it carries: "backward" for gradients."""
        ends = [level.items[k] for k in (arrow.source, arrow.target) if k < len(level.items)]
        roles = {self.picture.items[key].role for key in ends}
        return "aside" if arrow.aside else "backward" if "forward" not in roles else "forward"


def ports_of(level: Level, found: Arrangement, upward: bool) -> list[Point]:
    """Where the dots of ports are: at the side of the port's box that its arrows are at."""
    places = found.centers[len(level.items) :]
    down = [port.enters != upward for port in level.ports]
    return [(x, y + DOT / 2 if below else y - DOT / 2) for (x, y), below in zip(places, down, strict=True)]


def joined(level: Level, found: Arrangement, upward: bool) -> list[tuple[Point, ...]]:
    """The routes of arrows, those of ports led to their dots."""
    dots = ports_of(level, found, upward)
    count = len(level.items)
    routes: list[tuple[Point, ...]] = []
    for arrow, points in zip(level.arrows, found.routes, strict=True):
        if arrow.source >= count:
            points = (dots[arrow.source - count], *points[1:])
        if arrow.target >= count:
            points = (*points[:-1], dots[arrow.target - count])
        routes.append(points)
    return routes


def cards_of(picture: Picture, levels: Mapping[int, Level]) -> dict[int, Card]:
    """The cards of all items."""
    return {
        item.key: card(item, len(levels[item.key].items) if item.group else 0, plain=is_wired(picture, item),
                       signed=not picture.sideways)
        for item in picture.items
    }  # fmt: skip


def is_wired(picture: Picture, item: Item) -> bool:
    """Whether it is one of the nodes of a wiring, which all are alike."""
    return item.group == "group" and item.parent != TOP and picture.items[item.parent].group == "wiring"


def is_signed(picture: Picture, item: Item) -> bool:
    """Whether the sign of its operator stands on it: a picture from the left to the right has no room for signs."""
    return item.sort != "data" and not picture.sideways and not is_wired(picture, item)


def compose(picture: Picture, opened: Collection[int] = ()) -> Scene:
    """Lay out a picture.

    Parameters
    ----------
    picture : Picture
    opened : collection of int
        Keys of the groups that are open; those inside of a closed one are not seen.
    """
    composition = Composition(picture, frozenset(opened))
    whole = composition.arranged(TOP)
    composition.place(TOP, 0.0, 0.0, 0)
    return Scene(
        picture, whole.width, whole.height, tuple(composition.boxes), tuple(composition.dots),
        tuple(composition.lines), composition.cards,
    )  # fmt: skip
