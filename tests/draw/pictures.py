"""Pictures to test with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.draw.picture import Item, Picture
from nngraph.draw.subject import picture_of
from nngraph.report.compilation import compilation_of

MODELS = Path(__file__).resolve().parents[2] / "models"

needs_graphviz = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("pygraphviz"), reason="pygraphviz is not installed"
)


def picture(model: str, after: str | None = None) -> Picture:
    return picture_of(compilation_of(load_graph(MODELS / model)), after)


def small_graph(title: str = "small", loss: bool = True) -> ng.Graph:
    """Two layers and a shortcut."""
    g = ng.Graph(title)
    x = g.input("x", shape=(4,))
    h = g.relu(g.linear(x, 4, name="h1"), name="r1")
    g.output(g.linear(h + x, 3, name="logits"))
    if loss:
        g.training = {"loss": "cross_entropy", "optimizer": "adam"}
    return g


def wired_graph() -> ng.Graph:
    """A stage of four nodes."""
    g = ng.Graph("wired")
    x = g.input("image", shape=(8, 8, 3))
    h = g.randwire(x, 4, [(0, 1), (0, 2), (1, 3), (2, 3)], name="stage")
    g.output(g.linear(g.global_average_pool(h, name="pool"), 2, name="logits"))
    return g


def by_id(found: Picture, id: str) -> Item:
    return next(item for item in found.items if item.id == id)


def top(found: Picture) -> Iterator[str]:
    """Labels of what is seen when every group is closed."""
    yield from (item.label for item in found.items if item.parent == -1)
