"""A wiring seen twice: around a ring, where what was rewired crosses it, and in layers, where data flows down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from math import hypot
from typing import Any, Final

from nngraph.draw.arrangement import Arrangement, Point, Wire
from nngraph.draw.drawing import Drawing, format_of
from nngraph.draw.graphviz import arrange
from nngraph.draw.layered import layered
from nngraph.draw.levels import Arrow, Level
from nngraph.draw.outline import curve, number
from nngraph.draw.placement import LARGE
from nngraph.draw.ring import ring_of
from nngraph.draw.svg import document, text
from nngraph.errors import OptionError, did_you_mean
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.declaration import Declared, attributes_of
from nngraph.ir.op import REGISTRY
from nngraph.ops.randwire import wiring_of
from nngraph.ops.wiring import Edge, edges_of

RADIUS: Final = 13.0
GAP: Final = 60.0
TOP, EDGE = 78.0, 24.0
FORMATS: Final = ("svg",)


def wiring_drawing(declared: Declared, stage: str, format: str | None = None, path: Any = None) -> Drawing:
    """The two pictures of a stage's wiring, as SVG.

    Parameters
    ----------
    declared : Declared
    stage : str
        Id of a `randwire` node.
    format, path
        For what is asked.

    Raises
    ------
    OptionError
        If there is no such node, or another format is asked for.
    """
    chosen = format_of(format, path, "svg", FORMATS)
    stages = [id for id, given in declared.nodes.items() if given["op"] == "randwire"]
    if stage not in stages:
        known = f"; there are {', '.join(stages)}" if stages else "; this model has none"
        near = did_you_mean(stage, stages, known)
        raise OptionError(f"--wiring: '{stage}' given, the id of a randwire node expected{near}")
    op = REGISTRY["randwire"]
    given = own_attributes(op, check_attributes(op, attributes_of(declared.nodes[stage])))
    wiring = wiring_of(given["generator"], given["edges"])
    return Drawing(chosen, wiring_svg(f"{declared.graph['name']}: {stage}", wiring.nodes, edges_of(wiring)))


def wiring_svg(title: str, nodes: int, edges: tuple[Edge, ...]) -> str:
    """SVG of a wiring: the ring on the left, the layers on the right."""
    sizes = dict.fromkeys(range(nodes), (2 * RADIUS, 2 * RADIUS))
    level = Level(tuple(range(nodes)), (), tuple(Arrow(a, b, (), "") for a, b in edges))
    ring, layers = ring_of(level, sizes, 0), in_layers(nodes, edges)
    width = ring.width + GAP + layers.width + 2 * EDGE
    height = TOP + max(ring.height, layers.height) + 2 * EDGE
    sources, targets = {a for a, _ in edges}, {b for _, b in edges}
    kinds = {k: "first" if k not in targets else "last" if k not in sources else "inner" for k in range(nodes)}
    right = EDGE + ring.width + GAP
    body = [
        text(EDGE, 30, "title", title),
        text(EDGE, 46, "subtitle", f"{nodes} nodes, {len(edges)} edges, from the smaller number to the larger"),
        *legend(EDGE, 64),
        *graph(ring, edges, kinds, EDGE, TOP + (height - TOP - EDGE - ring.height) / 2),
        *graph(layers, edges, kinds, right, TOP + (height - TOP - EDGE - layers.height) / 2),
    ]
    return document(width, height, title, body, STYLE, LOOK)


LOOK: Final = {"first": "activation", "inner": "linear", "last": "pooling"}
STYLE: Final = """
.node text { font-size: 10.5px; font-weight: 700; fill: var(--text); text-anchor: middle; }
.node.first .body { stroke-width: 2.4; } .node.last .body { stroke-dasharray: 3 2; stroke-width: 1.6; }
"""
TITLES: Final = {"first": "reads the stage's input", "inner": "in between", "last": "makes the stage's result"}


def in_layers(nodes: int, edges: tuple[Edge, ...]) -> Arrangement:
    sizes = [(2 * RADIUS, 2 * RADIUS)] * nodes
    wires = [Wire(a, b) for a, b in edges]
    place = layered if nodes > LARGE else arrange
    return place(sizes, wires, [""] * nodes, ())


def graph(
    found: Arrangement, edges: tuple[Edge, ...], kinds: Mapping[int, str], left: float, top: float
) -> Iterator[str]:
    """One of the two pictures."""
    yield f'<g transform="translate({number(left)} {number(top)})">'
    for (a, b), points in zip(edges, found.routes, strict=True):
        ends = [touching(points[0], found.centers[a]), touching(points[-1], found.centers[b])]
        path = curve((ends[0], *points[1:-1], ends[1]))
        yield f'<path class="wire" d="{path}" marker-end="url(#r-forward)"><title>{a} → {b}</title></path>'
    for k, (x, y) in enumerate(found.centers):
        yield f'<g class="node {kinds[k]}" transform="translate({number(x)} {number(y)})">'
        yield f'<circle class="body" r="{number(RADIUS)}"/><text y="3.8">{k}</text>'
        yield f"<title>{escape(TITLES[kinds[k]])}</title></g>"
    yield "</g>"


def touching(end: Point, center: Point) -> Point:
    """The end of an arrow on the circle around a center rather than on the square."""
    dx, dy = end[0] - center[0], end[1] - center[1]
    length = hypot(dx, dy) or 1.0
    return (center[0] + dx * RADIUS / length, center[1] + dy * RADIUS / length)


def legend(left: float, y: float) -> Iterator[str]:
    at = left + 8
    for kind, title in TITLES.items():
        yield f'<g class="node {kind}" transform="translate({number(at)} {number(y)})"><circle class="body" r="7"/></g>'
        yield text(at + 12, y + 3.5, "count", title)
        at += 30 + 5.6 * len(title)
