"""Graphviz, through pygraphviz: it places boxes and arrows, and paints PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from nngraph.draw.arrangement import Arrangement, Point, Wire
from nngraph.errors import OptionError

INCH: Final = 72.0
MISSING: Final = (
    "drawing: pygraphviz is not installed, which svg, png and html need for their layout; "
    'pip install "nngraph[diagram]", or ask for text, mermaid or dot'
)
APART: Final = 23.0
Size = tuple[float, float]


def available() -> bool:
    """Whether pygraphviz can be imported."""
    from importlib.util import find_spec

    return find_spec("pygraphviz") is not None


def run(source: str, format: str) -> bytes:
    """What Graphviz makes of DOT source.

    Raises
    ------
    OptionError
        If pygraphviz is not installed.
    """
    try:
        import pygraphviz
    except ImportError:
        raise OptionError(MISSING) from None
    graph: Any = pygraphviz.AGraph(string=source)
    drawn: bytes = graph.draw(format=format, prog="dot")
    return drawn


def arrange(
    sizes: Sequence[Size], wires: Sequence[Wire], ranks: Sequence[str], same: Sequence[tuple[int, int]],
    apart: float = APART,
) -> Arrangement:  # fmt: skip
    """Place boxes so that arrows lead downward.

    Parameters
    ----------
    sizes : sequence of (width, height)
        Of the boxes, in pixels.
    wires : sequence of Wire
    ranks : sequence of str
        For each box "" or "source" or "sink", to have it at the top or at the bottom.
    same : sequence of (int, int)
        Pairs of boxes that are to stand beside each other.
    apart : float
        From one layer of boxes to the next, in pixels.

    Returns
    -------
    Arrangement
        In pixels, y downward.
    """
    return parsed(run("\n".join(lines_of(sizes, wires, ranks, same, apart)), "plain").decode(), len(sizes), wires)


def lines_of(
    sizes: Sequence[Size], wires: Sequence[Wire], ranks: Sequence[str], same: Sequence[tuple[int, int]], apart: float
) -> Iterator[str]:
    yield "digraph {"
    yield f"graph [nodesep=0.25, ranksep={apart / INCH:.4f}]; edge [arrowhead=none, arrowtail=none];"
    yield 'node [shape=box, fixedsize=true, label=""];'
    for k, (width, height) in enumerate(sizes):
        yield f"n{k} [width={width / INCH:.4f}, height={height / INCH:.4f}];"
    for rank in ("source", "sink"):
        if members := "; ".join(f"n{k}" for k, wanted in enumerate(ranks) if wanted == rank):
            yield f"{{rank={rank}; {members}}}"
    for a, b in same:
        yield f"{{rank=same; n{a}; n{b}}}"
    for wire in wires:
        upper, lower = (wire.target, wire.source) if wire.upward else (wire.source, wire.target)
        yield f"n{upper} -> n{lower} [{', '.join(options_of(wire))}];"
    yield "}"


def options_of(wire: Wire) -> Iterator[str]:
    if wire.upward:
        yield "dir=back"
    if wire.loose:
        yield "constraint=false"
        yield "weight=0"
    for end, name in ((wire.source, "tail"), (wire.target, "head")):
        if end in wire.middles:
            yield f"{name}port={'s' if name == 'tail' else 'n'}"
    if wire.label[0]:
        width, height = wire.label
        yield (
            f'label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" '
            f'HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>>'
        )


def parsed(plain: str, boxes: int, wires: Sequence[Wire]) -> Arrangement:
    """Graphviz's "plain" format: inches, y upward."""
    width = height = 0.0
    centers: list[Point] = [(0.0, 0.0)] * boxes
    routes: dict[tuple[int, int], tuple[list[Point], Point | None]] = {}
    for line in plain.replace("\\\n", "").splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = float(words[2]) * INCH, float(words[3]) * INCH
        elif words[0] == "node":
            centers[int(words[1][1:])] = (float(words[2]) * INCH, height - float(words[3]) * INCH)
        elif words[0] == "edge":
            count = int(words[3])
            numbers = [float(word) * INCH for word in words[4 : 4 + 2 * count]]
            points = [(x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
            labelled = len(words) > 4 + 2 * count + 2
            label = (float(words[-4]) * INCH, height - float(words[-3]) * INCH) if labelled else None
            routes[int(words[1][1:]), int(words[2][1:])] = points, label
    found = [routes[(w.target, w.source) if w.upward else (w.source, w.target)] for w in wires]
    pairs = list(zip(wires, found, strict=True))
    curves = tuple(tuple(reversed(points) if wire.upward else points) for wire, (points, _) in pairs)
    labels = tuple(label if wire.label[0] else None for wire, (_, label) in pairs)
    return Arrangement(width, height, tuple(centers), curves, labels)
