"""A layered layout for levels that Graphviz would take minutes for (Sugiyama, Tagawa and Toda 1981).

Layers by longest paths, dummy nodes where arrows pass through a layer, order by medians swept down and up, places by
pulling each box towards its neighbors as far as those beside it let it. Linear in nodes and dummies but for sorting.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from nngraph.draw.arrangement import Arrangement, Point, Wire

SWEEPS: Final = 8
APART: Final = 18.0  # between boxes
BELOW: Final = 34.0  # between layers
PASSING: Final = 6.0  # width that an arrow takes where it passes through a layer
LONGEST: Final = 12  # layers that an arrow passes through as itself; a longer one goes straight
Size = tuple[float, float]
Pair = tuple[int, int]


class Layers:
    """The graph with its dummies, in layers.

    Attributes
    ----------
    layer : list of int
        Of each box and dummy.
    above, below : list of list of int
        Neighbors in the layers before and behind.
    chains : list of list of int
        For each wire what it passes through, its ends among them, from the upper to the lower.
    """

    def __init__(self, count: int, wires: Sequence[Wire], ranks: Sequence[str], same: Sequence[Pair]) -> None:
        self.layer = ranked(count, wires, ranks, same)
        self.above: list[list[int]] = [[] for _ in range(count)]
        self.below: list[list[int]] = [[] for _ in range(count)]
        self.chains = [self.chain(wire) for wire in wires]
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer, default=0) + 1)]
        for node, layer in enumerate(self.layer):
            self.rows[layer].append(node)

    def chain(self, wire: Wire) -> list[int]:
        """Lay dummies along a wire."""
        ends = sorted((wire.source, wire.target), key=self.layer.__getitem__)
        top, bottom = self.layer[ends[0]], self.layer[ends[1]]
        if wire.loose or bottom - top > LONGEST:
            return ends
        passed = [ends[0]]
        for layer in range(top + 1, bottom):
            self.layer.append(layer)
            self.above.append([])
            self.below.append([])
            passed.append(len(self.layer) - 1)
        passed.append(ends[1])
        for a, b in pairwise(passed):
            self.below[a].append(b)
            self.above[b].append(a)
        return passed


def ranked(count: int, wires: Sequence[Wire], ranks: Sequence[str], same: Sequence[Pair]) -> list[int]:
    """The layer of each box: the longest path to it, boxes of the same rank held together."""
    group = list(range(count))
    for a, b in same:
        group[b] = group[a]
    below: list[list[int]] = [[] for _ in range(count)]
    entering = [0] * count
    for wire in wires:
        a, b = (wire.target, wire.source) if wire.upward else (wire.source, wire.target)
        if not wire.loose and group[a] != group[b]:
            below[group[a]].append(group[b])
            entering[group[b]] += 1
    layer = [0] * count
    ready = [node for node in range(count) if not entering[node]]
    waiting = set(range(count)) - set(ready)
    while ready or waiting:
        if not ready:  # a cycle: the first that waits is let go
            ready.append(min(waiting))
            waiting.discard(ready[-1])
        node = ready.pop()
        for other in below[node]:
            entering[other] -= 1
            if other in waiting:
                layer[other] = max(layer[other], layer[node] + 1)
                if not entering[other]:
                    waiting.discard(other)
                    ready.append(other)
    last = max(layer, default=0)
    found = [layer[group[node]] for node in range(count)]
    return [last + 1 if rank == "sink" else 0 if rank == "source" else found[k] + bool("source" in ranks)
            for k, rank in enumerate(ranks)]  # fmt: skip


def layered(sizes: Sequence[Size], wires: Sequence[Wire], ranks: Sequence[str], same: Sequence[Pair]) -> Arrangement:
    """As `nngraph.draw.graphviz.arrange`, faster and plainer."""
    layers = Layers(len(sizes), wires, ranks, same)
    widths = [size[0] for size in sizes] + [PASSING] * (len(layers.layer) - len(sizes))
    order(layers)
    x = coordinates(layers, widths)
    tops, heights = rows_of(layers, sizes)
    y = [tops[layer] + heights[layer] / 2 for layer in layers.layer]
    left = min((x[k] - widths[k] / 2 for k in range(len(x))), default=0.0)
    places = [(x[k] - left, y[k]) for k in range(len(x))]
    width = max((places[k][0] + widths[k] / 2 for k in range(len(places))), default=0.0)
    routes = [route(chain, wire, places, sizes) for chain, wire in zip(layers.chains, wires, strict=True)]
    labels = [middle(points) if wire.label[0] else None for points, wire in zip(routes, wires, strict=True)]
    height = tops[-1] + heights[-1] if tops else 0.0
    return Arrangement(width, height, tuple(places[: len(sizes)]), tuple(routes), tuple(labels))


def order(layers: Layers) -> None:
    """Order each layer by the medians of its neighbors' places, down and up in turns."""
    place = [0.0] * len(layers.layer)
    for row in layers.rows:
        for k, node in enumerate(row):
            place[node] = k / max(len(row), 1)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in layers.rows if down else reversed(layers.rows):
            near = layers.above if down else layers.below
            wanted = {n: median(place[m] for m in near[n]) if near[n] else place[n] for n in row}
            row.sort(key=wanted.__getitem__)
            for k, node in enumerate(row):
                place[node] = (k + 0.5) / len(row)


def coordinates(layers: Layers, widths: Sequence[float]) -> list[float]:
    """Centers: each box at the mean of its neighbors', as near as the order and the widths let it."""
    x = [0.0] * len(widths)
    for row in layers.rows:
        at = 0.0
        for node in row:
            x[node] = at + widths[node] / 2
            at += widths[node] + APART
        for node in row:
            x[node] -= at / 2
    for sweep in range(SWEEPS):
        near = layers.above if sweep % 2 == 0 else layers.below
        for row in layers.rows if sweep % 2 == 0 else reversed(layers.rows):
            wanted = [sum(x[m] for m in near[n]) / len(near[n]) if near[n] else x[n] for n in row]
            for node, center in zip(row, spread(wanted, [widths[n] for n in row]), strict=True):
                x[node] = center
    return x


def spread(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Centers in order and apart, near to those wanted: neighbors that would overlap are moved as one block."""
    blocks: list[tuple[float, int, float]] = []  # sum of wanted starts, number, width
    starts = [center - width / 2 for center, width in zip(wanted, widths, strict=True)]
    for start, width in zip(starts, widths, strict=True):
        total, count, size = start, 1, width + APART
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][2] > total / count:
            before_total, before_count, before_size = blocks.pop()
            total = before_total + total - count * before_size
            count, size = before_count + count, before_size + size
        blocks.append((total, count, size))
    found: list[float] = []
    for total, count, _ in blocks:
        at = total / count
        for _ in range(count):
            width = widths[len(found)]
            found.append(at + width / 2)
            at += width + APART
    return found


def rows_of(layers: Layers, sizes: Sequence[Size]) -> tuple[list[float], list[float]]:
    """The top and the height of each layer."""
    heights = [max((sizes[n][1] for n in row if n < len(sizes)), default=0.0) for row in layers.rows]
    tops: list[float] = []
    at = 0.0
    for height in heights:
        tops.append(at)
        at += height + BELOW
    return tops, heights


def route(chain: Sequence[int], wire: Wire, places: Sequence[Point], sizes: Sequence[Size]) -> tuple[Point, ...]:
    """A curve through the places of a chain, vertical where it passes a layer."""
    points = [places[node] for node in chain]
    flat = points[0][1] == points[-1][1]
    (x, y), (x2, y2) = points[0], points[-1]
    points[0] = (x, y if flat else y + sizes[chain[0]][1] / 2)
    points[-1] = (x2, y2 if flat else y2 - sizes[chain[-1]][1] / 2)
    curve = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        curve += [(ax, (ay + by) / 2), (bx, (ay + by) / 2), (bx, by)]
    return tuple(curve if wire.source == chain[0] else reversed(curve))


def middle(points: Sequence[Point]) -> Point:
    """The point of a curve halfway along its pieces."""
    pieces = (len(points) - 1) // 3
    if pieces % 2 == 0:
        return points[3 * (pieces // 2)]
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[3 * (pieces // 2) : 3 * (pieces // 2) + 4]
    return ((ax + 3 * bx + 3 * cx + dx) / 8, (ay + 3 * by + 3 * cy + dy) / 8)
