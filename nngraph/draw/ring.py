"""A wiring as its nodes in order around a ring, as Watts and Strogatz (1998) draw it: what was rewired crosses it."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, hypot, pi, sin
from typing import Final

from nngraph.draw.arrangement import Arrangement, Point
from nngraph.draw.levels import Level

ROOM: Final = 1.25  # times the width of a node, from center to center along the ring
PULL: Final = 0.5  # how far the middle of an arrow across the ring is drawn to the center of it; of short ones less
BELOW: Final = 46.0  # between the ring and what stands above and below it
Size = tuple[float, float]


def ring_of(level: Level, sizes: Mapping[int, Size], last: int) -> Arrangement:
    """The arrangement of a wiring.

    Parameters
    ----------
    level : Level
        Its nodes in order, then whatever is made of their results.
    sizes : mapping of int to (width, height)
        Of the items.
    last : int
        How many of the items, the last ones, stand below the ring.
    """
    count = len(level.items) - last
    widest = max((hypot(*sizes[key]) for key in level.items), default=0.0)
    radius = max(ROOM * widest * count / (2 * pi), 1.2 * widest)
    middle = (radius + widest / 2 + 40, radius + widest / 2 + BELOW)
    centers = [on_ring(k / count, radius, middle) for k in range(count)]
    bottom = middle[1] + radius + widest / 2 + BELOW
    centers += [(middle[0], bottom + BELOW * k) for k in range(last)]
    leaving = 0
    for port in level.ports:
        y = 8.0 if port.enters else bottom + BELOW * last
        leaving += not port.enters
        centers.append((middle[0], y))
    height = bottom + BELOW * (last + bool(leaving)) - BELOW / 2
    halves = [(sizes[key][0] / 2, sizes[key][1] / 2) for key in level.items] + [(4.0, 4.0)] * len(level.ports)
    routes = [arc(centers, halves, a.source, a.target, middle, count) for a in level.arrows]
    return Arrangement(2 * middle[0], height, tuple(centers), tuple(routes), (None,) * len(routes))


def on_ring(share: float, radius: float, middle: Point) -> Point:
    """From the top, clockwise."""
    return (middle[0] + radius * sin(2 * pi * share), middle[1] - radius * cos(2 * pi * share))


def arc(
    centers: list[Point], halves: list[Size], source: int, target: int, middle: Point, count: int
) -> tuple[Point, ...]:
    """An arrow: bent towards the middle of the ring between its nodes, straight to what stands outside of it."""
    a, b = centers[source], centers[target]
    if source < count and target < count:
        pull = PULL * hypot(a[0] - b[0], a[1] - b[1]) / (2 * hypot(a[0] - middle[0], a[1] - middle[1]))
        control = (lean((a[0] + b[0]) / 2, middle[0], pull), lean((a[1] + b[1]) / 2, middle[1], pull))
    else:
        control = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    start, end = border(a, control, halves[source]), border(b, control, halves[target])
    return (start, third(start, control), third(end, control), end)


def lean(x: float, middle: float, pull: float) -> float:
    return x + pull * (middle - x)


def third(end: Point, control: Point) -> Point:
    """A cubic curve's point for a quadratic one's."""
    return (end[0] + 2 * (control[0] - end[0]) / 3, end[1] + 2 * (control[1] - end[1]) / 3)


def border(center: Point, towards: Point, half: Size) -> Point:
    """Where the line from the center of a box leaves it."""
    dx, dy = towards[0] - center[0], towards[1] - center[1]
    scale = min(half[0] / abs(dx) if dx else 1e9, half[1] / abs(dy) if dy else 1e9, 1.0)
    return (center[0] + dx * scale, center[1] + dy * scale)
