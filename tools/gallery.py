"""Draws the pictures of docs/gallery, from the models that come with nngraph.

    python tools/gallery.py [FOLDER]

Needs pygraphviz. Pages are drawn too where a folder is given that is not docs/gallery: they are too large to keep.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.draw.arena import arena_drawing, arena_of
from nngraph.draw.drawing import Drawing, opened_in, rendered
from nngraph.draw.subject import picture_of
from nngraph.draw.values import values_picture
from nngraph.draw.wiring import wiring_drawing
from nngraph.report.compilation import compilation_of

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"
MODELS = ROOT / "models"
# Name, model, stage, groups that are open, format.
PICTURES = (
    ("digits_mlp", "digits_mlp.json", None, (), "svg"),
    ("digits_cnn", "digits_cnn.json", None, ("norm1",), "svg"),
    ("randwire_cifar", "randwire_cifar.json", None, ("stage1",), "svg"),
    ("randwire_node", "digits_randwire.json", None, ("stage1", "stage1/n03"), "svg"),
    ("backward", "digits_mlp.json", "differentiate", (), "svg"),
    ("fused", "linear_softmax.json", "fuse", ("all",), "svg"),
    ("buffers", "digits_mlp.json", "plan", ("loss",), "svg"),
    ("graphviz", "digits_cnn.json", None, (), "png"),
)
PAGES = (
    ("randwire_cifar", "randwire_cifar.json", None),
    ("randwire_cifar_training", "randwire_cifar.json", "optimize"),
)
MEMORY = ("digits_mlp", "digits_randwire")


def pictures() -> Iterator[tuple[str, Drawing]]:
    """Names of files with what they hold."""
    for name, model, after, expand, format in PICTURES:
        found = picture_of(compilation_of(load_graph(MODELS / model), threads=1), after)
        yield f"{name}.{format}", rendered(found, format, opened_in(found, expand))
    for stage in ("stage1", "stage2"):
        declared = load_graph(MODELS / "randwire_cifar.json").declaration()
        yield f"wiring_{stage}.svg", wiring_drawing(declared, stage)
    for name in MEMORY:
        c = compilation_of(load_graph(MODELS / f"{name}.json"), threads=1)
        yield f"memory_{name}.svg", arena_drawing(arena_of(c), "svg")
    yield "values.svg", neuron()
    yield "values_perceptron.svg", perceptron()


def pages() -> Iterator[tuple[str, Drawing]]:
    for name, model, after in PAGES:
        yield f"{name}.html", rendered(picture_of(compilation_of(load_graph(MODELS / model)), after), "html")
    for name in MEMORY:
        arena = arena_of(compilation_of(load_graph(MODELS / f"{name}.json")))
        yield f"memory_{name}.html", arena_drawing(arena, "html")


def neuron() -> Drawing:
    """A neuron's values and gradients, the example of many courses."""
    g = ng.Graph("σ(w0 x0 + w1 x1 + w2)")
    x0, x1, w0, w1, w2 = (g.input(name, shape=()) for name in ("x0", "x1", "w0", "w1", "w2"))
    g.output(1 / (1 + g.exp(-(w0 * x0 + w1 * x1 + w2))), name="f")
    c = compilation_of(g, dtype="float64")
    c.purpose = "forward"
    example = {"x0": -1.0, "x1": -2.0, "w0": 2.0, "w1": -3.0, "w2": -3.0}
    return rendered(values_picture(c, {name: np.array([value]) for name, value in example.items()}), "svg")


def perceptron() -> Drawing:
    """What three rectified units make of two numbers, and the gradient of the cross-entropy."""
    g = ng.Graph("2-3-2")
    g.output(g.linear(g.relu(g.linear(g.input("x", shape=(2,)), 3, name="hidden")), 2, name="logits"))
    g.training = {"loss": "cross_entropy"}
    c = compilation_of(g, dtype="float64")
    c.purpose = "loss"
    example = {"x": np.array([[0.5, -1.5]]), "target": np.array([[1]], np.int32)}
    return rendered(values_picture(c, example), "svg")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else GALLERY
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for name, drawing in [*pictures(), *(pages() if folder != GALLERY else ())]:
        drawing.save(folder / name)
        size = (folder / name).stat().st_size
        total += size
        print(f"{folder / name}: {size:,} bytes")
    print(f"{total:,} bytes in all")


if __name__ == "__main__":
    main()
