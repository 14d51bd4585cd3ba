"""The same through `Model.fit`: batches are gathered, losses and metrics recorded; and through `Model.predictor`."""

from __future__ import annotations

from typing import cast

import numpy as np
from peers.inference import Ask
from peers.task import Task

import nngraph as ng

__all__ = ["VERSION", "Trainer", "predictor"]
VERSION = ng.__version__


def predictor(task: Task) -> Ask:
    model = ng.compile(ng.load(task.folder / "network.json"), dtype=task.dtype, threads=task.threads)
    model.set_parameters(task.parameters | task.statistics)
    return cast("Ask", model.predictor(task.batch))  # one output: an array


class Trainer:
    """Steps of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        graph = ng.load(task.folder / "network.json")
        device, _, products = task.variant.partition("-")  # such as "cuda-cublas"
        self.model = ng.compile(
            graph, loss=task.loss, optimizer=task.optimizer, dtype=task.dtype, threads=task.threads,
            device=device or "cpu", products=products or "own",
        )  # fmt: skip
        self.model.set_parameters(task.parameters)

    def results(self) -> dict[str, np.ndarray]:
        return self.model.parameters()

    def run(self, steps: int) -> float:
        """Take `steps` steps, part of an epoch or whole ones; the mean loss of the last epoch."""
        task = self.task
        rows = min(steps, task.epoch) * task.batch
        epochs = max(1, steps // task.epoch)
        history = self.model.fit(
            task.x[:rows], task.y[:rows], epochs=epochs, batch_size=task.batch, shuffle=False
        )  # fmt: skip
        return float(history["loss"][-1])
