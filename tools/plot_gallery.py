"""Train small networks and draw the pictures of `nngraph plot` in docs/gallery.

python tools/plot_gallery.py [FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nngraph.cli.main import run
from nngraph.declare.graph import Graph
from nngraph.errors import NNGraphError
from nngraph.plot import plot

MODELS = Path(__file__).resolve().parents[1] / "models"
GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"


def spirals() -> Graph:
    """Three arms, pulled apart by two layers of ReLUs and one of two units."""
    g = Graph("spirals")
    h = g.relu(g.linear(g.input("point", shape=(2,)), 16), name="first")
    h = g.relu(g.batch_norm(g.linear(h, 16)), name="second")
    h = g.tanh(g.linear(h, 2), name="third")
    g.output(g.linear(h, 3, name="scores"))
    rate = {"type": "warm_up", "epochs": 10, "schedule": {"type": "cosine", "learning_rate": 0.02}}
    g.training = {
        "loss": "cross_entropy", "optimizer": {"type": "adam", "learning_rate": rate}, "epochs": 150, "batch_size": 32,
        "data": "spirals:n=600,noise=0.05,classes=3",
    }  # fmt: skip
    return g


def train(model: Path, path: Path, *options: str) -> Path:
    """Train a model file; the run's directory."""
    code = run(["train", str(model), "--run", str(path), "--quiet", *options])
    if code:
        raise NNGraphError(f"{model}: training ended with exit code {code}")
    return path


def main(gallery: Path) -> None:
    """Draw all pictures."""
    gallery.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        spirals().save(runs / "spirals.json")
        plot(train(MODELS / "space_warping.py", runs / "circles"), gallery / "plot_space_warping.png")
        plot(train(runs / "spirals.json", runs / "spirals"), gallery / "plot_spirals.png")
        curve = train(MODELS / "universal_approximation.py", runs / "sine", "--data", "sine:n=200,noise=0.05")
        plot(curve, gallery / "plot_fit.png")
        digits = [train(MODELS / "digits_mlp.json", runs / "AdamW, cosine")]
        given = ("--optimizer", "sgd:momentum=0.9", "--learning-rate", "0.05")
        digits.append(train(MODELS / "digits_mlp.json", runs / "SGD with momentum", *given))
        plot(digits, gallery / "plot_comparison.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GALLERY)
