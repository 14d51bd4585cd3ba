"""Asking a network for its scores, a call a batch: what is the same for all peers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice

import numpy as np
from peers.task import Task

Ask = Callable[[np.ndarray], np.ndarray]


class Predictor:
    """Stands where a trainer does.

    Parameters
    ----------
    task : Task
    ask : callable
        From a batch of inputs, channels last, to its scores.
    """

    def __init__(self, task: Task, ask: Ask) -> None:
        self.ask = ask
        self.batches = [task.x[k : k + task.batch] for k in range(0, len(task.x), task.batch)]

    def run(self, steps: int) -> float:
        """Ask for `steps` batches; how large the scores of the last one are."""
        scores = np.zeros(1)
        for x in islice(cycle(self.batches), steps):
            scores = self.ask(x)
        return float(np.abs(scores).mean())

    def results(self) -> dict[str, np.ndarray]:
        """What is compared between peers: all scores."""
        return {"scores": np.concatenate([self.ask(x).copy() for x in self.batches])}
