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
CLOSE: Final = 8.0  # from a label to what stands before it or behind
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
    """From the left to the right: a layout from top to bottom of boxes that lie on their side.

    Labels are boxes too, each in the midst of its arrow, which thus leads between what is above it and what is below.
    """
    sizes = [*boxes, *(wire.label for wire in wires)]
    pieces = [piece for k, wire in enumerate(wires) for piece in halves(wire, len(boxes) + k)]
    turned = [(height, width) for width, height in sizes]
    found = graphviz.arrange(turned, pieces, [""] * len(sizes), (), CLOSE)
    centers = [(y, x) for x, y in found.centers]
    routes: list[tuple[Point, ...]] = []
    for before, after in zip(found.routes[::2], found.routes[1::2], strict=True):
        (a, b), (c, d) = before[-1], after[0]
        across = ((a + (c - a) / 3, b + (d - b) / 3), (c - (c - a) / 3, d - (d - b) / 3))
        routes.append(tuple((y, x) for x, y in (*before, *across, *after)))
    return Arrangement(
        found.height, found.width, tuple(centers[: len(boxes)]), tuple(routes), tuple(centers[len(boxes) :])
    )


def halves(wire: Wire, label: int) -> tuple[Wire, Wire]:
    """A wire to its label, and one from there."""
    return (Wire(wire.source, label, middles=(label,)), Wire(label, wire.target, middles=(label,)))


def port_size(port: Port) -> Size:
    """A dot, with its label above or below."""
    return (text_width(port.label, EDGE) + 8.0, DOT + EDGE + 6.0)


def beside(items: Sequence[Item]) -> tuple[tuple[int, int], ...]:
    """Pairs of a node and its gradient, which stand side by side."""
    position = {item.id: place for place, item in enumerate(items) if item.op != "output"}
    pairs = ((position.get(item.id.removeprefix(GRADIENT)), place) for place, item in enumerate(items)
             if item.id.startswith(GRADIENT))  # fmt: skip
    return tuple((forward, gradient) for forward, gradient in pairs if forward is not None)
