"""What a work's peers start from, written once to a folder: the network, its parameters, the data."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from peers.works import Network

import nngraph as ng

MODELS = Path(__file__).parents[2] / "models"
WIRING = {"type": "ws", "nodes": 32, "k": 4, "p": 0.75}


def prepare(work: Network, folder: Path) -> None:
    """Write ``network.json``, ``work.json`` and ``start.npz``."""
    graph = declared(work, folder) if work.model else perceptron(work)
    (folder / "network.json").write_text(graph.to_json(resolved=True))
    (folder / "work.json").write_text(json.dumps(asdict(work)))
    model = ng.compile(graph, loss=work.loss, dtype=work.dtype)
    arrays: dict[str, Any] = data(work, model) | {
        f"parameter/{name}": value for name, value in parameters(model).items()
    }
    if work.inference:
        arrays |= {f"statistic/{name}": value for name, value in statistics(model).items()}
    np.savez(folder / "start.npz", **arrays)


def declared(work: Network, folder: Path) -> ng.Graph:
    """The model file's graph, its stages wired anew if the work wants another wiring."""
    document = json.loads((MODELS / work.model).read_text())
    stages = [node for node in document["nodes"] if node["op"] == "randwire"]
    for k, stage in enumerate(stages if work.wiring else ()):
        stage.pop("edges", None)
        stage["generator"] = {**WIRING, "seed": work.wiring * len(stages) + k}
    (folder / "declared.json").write_text(json.dumps(document))
    return ng.load(folder / "declared.json")


def perceptron(work: Network) -> ng.Graph:
    g = ng.Graph(work.name)
    h = g.input("x", shape=work.sizes[:1])
    for k, units in enumerate(work.sizes[1:-1], 1):
        h = g.linear(h, units, bias=work.bias, name=f"layer{k}")
        h = g.apply(work.activation, [h], name=f"{work.activation}{k}")
    g.output(g.linear(h, work.sizes[-1], bias=work.bias, name="scores"))
    return g


def parameters(model: ng.Model) -> dict[str, np.ndarray]:
    """Those the model begins with; what begins as a constant is moved off it, or mistakes would hide behind it."""
    random = np.random.default_rng(1)
    found: dict[str, np.ndarray] = {}
    for name, value in model.parameters().items():
        noise = random.standard_normal(value.shape).astype(value.dtype)
        found[name] = value + 0.1 * noise if value.size and np.ptp(value) == 0 else value
    return found


def statistics(model: ng.Model) -> dict[str, np.ndarray]:
    """Running means and variances as a trained network may have them."""
    random = np.random.default_rng(2)
    found: dict[str, np.ndarray] = {}
    for name, value in model.statistics().items():
        positive = name.endswith("variance")
        drawn = random.uniform(0.5, 2.0, value.shape) if positive else random.normal(0.0, 0.2, value.shape)
        found[name] = drawn.astype(value.dtype)
    return found


def data(work: Network, model: ng.Model) -> dict[str, np.ndarray]:
    """Standard normal inputs; labels, or for a squared error targets, as random as they."""
    random = np.random.default_rng(0)
    (image,), (scores,) = model.signature.inputs.values(), model.signature.outputs.values()
    x = random.standard_normal((work.examples, *image.shape)).astype(work.dtype)
    if work.loss == "cross_entropy":
        return {"x": x, "y": random.integers(0, scores.shape[-1], work.examples).astype(np.int32)}
    return {"x": x, "y": random.standard_normal((work.examples, *scores.shape)).astype(work.dtype)}
