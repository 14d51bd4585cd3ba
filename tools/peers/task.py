"""What a peer is given: the layers of a model file, and where training starts; from NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

Batch = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator with its parameters, named as in the model file."""

    id: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)

    def pair(self, name: str, default: int) -> tuple[int, int]:
        """An attribute of rows and columns, for which one number may stand."""
        given = self.get(name, default)
        return (given, given) if isinstance(given, int) else tuple(given)


@dataclass(frozen=True, slots=True)
class Task:
    """A work's network, its starting parameters and its data.

    Attributes
    ----------
    input, output : str
        Ids of the network's input and of the layer that makes its output.
    layers : tuple of Layer
        In an order in which they can be computed.
    parameters : dict of str to ndarray
        By ``<layer>.<parameter>``, in nngraph's public layouts: outputs first, channels last.
    statistics : dict of str to ndarray
        The running means and variances of batch norms, named alike; for training they begin as 0 and 1.
    """

    folder: Path
    threads: int
    variant: str
    inference: bool
    batch: int
    loss: str
    dtype: str
    optimizer: Mapping[str, Any]
    input: str
    output: str
    layers: tuple[Layer, ...]
    parameters: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray]
    x: np.ndarray
    y: np.ndarray

    @property
    def epoch(self) -> int:
        """Steps of an epoch."""
        return len(self.x) // self.batch

    def read_once(self) -> set[str]:
        """The layers whose result only one other layer reads."""
        read = [source for layer in self.layers for source in layer.inputs]
        return {layer.id for layer in self.layers if read.count(layer.id) == 1}


def load(folder: Path, threads: int, variant: str = "") -> Task:
    work = json.loads((folder / "work.json").read_text())
    network = json.loads((folder / "network.json").read_text())
    with np.load(folder / "start.npz") as archive:
        arrays = dict(archive)
    named, statistics = (
        {k.removeprefix(prefix): value for k, value in arrays.items() if k.startswith(prefix)}
        for prefix in ("parameter/", "statistic/")
    )
    layers = tuple(layer for node in network["nodes"] for layer in layers_of(node))
    (output,) = network["outputs"]
    return Task(
        folder, threads, variant, work["inference"], work["batch"], work["loss"], work["dtype"], work["optimizer"],
        next(iter(network["inputs"])), output if isinstance(output, str) else output["node"], layers, named,
        statistics, arrays["x"], arrays["y"],
    )  # fmt: skip


def layers_of(node: Mapping[str, Any]) -> Iterator[Layer]:
    """A node of the model file; a randomly wired stage has many layers."""
    attributes = {k: v for k, v in node.items() if k not in ("id", "op", "inputs")}
    if node["op"] == "randwire":
        yield from stage(node["id"], node["inputs"][0], attributes)
    else:
        yield Layer(node["id"], node["op"], tuple(node["inputs"]), attributes)


def stage(id: str, x: str, given: Mapping[str, Any]) -> Iterator[Layer]:
    """The layers of a stage (Xie et al. 2019, section 3.2); the ReLU of its input is taken once."""
    edges = [tuple(edge) for edge in given["edges"]]
    nodes = 1 + max(max(edge) for edge in edges)
    digits = max(2, len(str(nodes - 1)))
    ids = [f"{id}/n{i:0{digits}}" for i in range(nodes)]
    yield Layer(f"{id}/relu", "relu", (x,), {})
    for i, name in enumerate(ids):
        sources = tuple(f"{ids[a]}/norm" for a, b in sorted(edges) if b == i)
        if sources:
            yield Layer(f"{name}/sum", "weighted_sum", sources, {})
            yield Layer(f"{name}/relu", "relu", (f"{name}/sum",), {})
        stride = 1 if sources else given.get("stride", 2)
        window = {"kernel_size": 3, "stride": stride, "bias": False}
        read = f"{name}/relu" if sources else f"{id}/relu"
        yield Layer(f"{name}/depthwise", "depthwise_conv2d", (read,), window)
        filters = {"filters": given["channels"], "kernel_size": 1, "bias": False}
        yield Layer(f"{name}/pointwise", "conv2d", (f"{name}/depthwise",), filters)
        yield Layer(f"{name}/norm", "batch_norm", (f"{name}/pointwise",), {})
    ends = set(range(nodes)) - {a for a, _ in edges}
    yield Layer(id, "average", tuple(f"{ids[i]}/norm" for i in sorted(ends)), {})


def padding(layer: Layer, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Zeros above and below, left and right of an image of this size."""
    given = layer.get("padding", "valid" if "pool" in layer.op else "same")
    if given == "valid":
        return [(0, 0), (0, 0)]
    if isinstance(given, int):
        return [(given, given)] * 2
    if given != "same":
        return [(side, side) if isinstance(side, int) else tuple(side) for side in given]
    kernel, stride = layer.pair("kernel_size", 1), layer.pair("stride", 1)
    total = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(size, kernel, stride, strict=True)]
    return [(n // 2, n - n // 2) for n in total]


def taken(batches: list[Batch], steps: int) -> Iterator[Batch]:
    """As many batches as there are steps, epoch after epoch."""
    return islice(cycle(batches), steps)


def last_epoch(losses: list[Any], task: Task) -> float:
    """The mean loss of the last epoch, or of all steps where there are fewer."""
    return float(np.mean([float(loss) for loss in losses[-task.epoch :]]))
