"""Where the things of a level stand: sizes and directions for the layout, and what it gives kept for equal levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nngraph.draw import graphviz
from nngraph.draw.arrangement import Arrangement, Point, Wire
from nngraph.draw.layered import layered
from nngraph.draw.levels import Level, Port
from nngraph.draw.measure import EDGE, label_size, text_width
from nngraph.draw.picture import Item, Picture
from nngraph.draw.program import GRADIENT

Size = tuple[float, float]
LARGE: Final = 150  # things in a level; for more Graphviz takes minutes
STEPS: Final = 12  # in which a piece of a curve is looked at
DOT: Final = 10.0  # diameter of a port


class Placement:
    """Arranges levels; equal ones once.

    Attributes
    ----------
    known : dict
        Arrangements by what they were made of.
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.known: dict[object, Arrangement] = {}

    def arrange(self, level: Level, sizes: Mapping[int, Size]) -> Arrangement:
        """The arrangement of a level whose items are of these sizes."""
        if not level.items:
            return Arrangement(0.0, 0.0, (), (), ())
        items = [self.picture.items[key] for key in level.items]
        backward = items[0].role != "forward" and all(item.role != "forward" for item in items)
        boxes = [*(sizes[key] for key in level.items), *(port_size(port) for port in level.ports)]
        wires = tuple(self.wire(level, k, items, backward) for k in range(len(level.arrows)))
        ranks = ["" for _ in items] + ["source" if port.enters != backward else "sink" for port in level.ports]
        same = beside(items)
        key = (tuple(boxes), wires, tuple(ranks), same)
        if key not in self.known:
            place = layered if len(boxes) > LARGE else graphviz.arrange
            self.known[key] = sideways(boxes, wires) if self.picture.sideways else place(boxes, wires, ranks, same)
        return self.known[key]

    def wire(self, level: Level, number: int, items: Sequence[Item], backward: bool) -> Wire:
        arrow = level.arrows[number]
        ends = [items[k].role if k < len(items) else "" for k in (arrow.source, arrow.target)]
        upward = backward or all(role in ("backward", "update") for role in ends)
        size = label_size(level.label(arrow)) if max(arrow.source, arrow.target) < len(items) else (0.0, 0.0)
        return Wire(arrow.source, arrow.target, size, upward, arrow.aside)


def sideways(boxes: Sequence[Size], wires: Sequence[Wire]) -> Arrangement:
    """From the left to the right: a layout from top to bottom of boxes that lie on their side."""
    turned = [(height, width) for width, height in boxes]
    flipped = [Wire(w.source, w.target, (w.label[1], w.label[0]), w.upward, w.loose) for w in wires]
    found = graphviz.arrange(turned, flipped, [""] * len(boxes), ())
    routes = tuple(tuple((y, x) for x, y in points) for points in found.routes)
    columns = [None if at is None else at[1] for at in found.labels]
    labels = tuple(None if x is None else (x, height_at(points, x)) for x, points in zip(columns, routes, strict=True))
    return Arrangement(found.height, found.width, tuple((y, x) for x, y in found.centers), routes, labels)


def height_at(points: Sequence[Point], x: float) -> float:
    """Where a curve that leads to the right is at `x`."""
    found = [bezier(points[k : k + 4], t / STEPS) for k in range(0, len(points) - 1, 3) for t in range(STEPS + 1)]
    return min(found, key=lambda point: abs(point[0] - x))[1]


def bezier(points: Sequence[Point], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    pairs = list(zip(weights, points, strict=True))
    return sum(w * x for w, (x, _) in pairs), sum(w * y for w, (_, y) in pairs)


def port_size(port: Port) -> Size:
    """A dot, with its label above or below."""
    return (text_width(port.label, EDGE) + 8.0, DOT + EDGE + 6.0)


def beside(items: Sequence[Item]) -> tuple[tuple[int, int], ...]:
    """Pairs of a node and its gradient, which stand side by side."""
    position = {item.id: place for place, item in enumerate(items) if item.op != "output"}
    pairs = ((position.get(item.id.removeprefix(GRADIENT)), place) for place, item in enumerate(items)
             if item.id.startswith(GRADIENT))  # fmt: skip
    return tuple((forward, gradient) for forward, gradient in pairs if forward is not None)
