"""What training has measured, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VALIDATION = "validation_"


class History(dict[str, list[float]]):
    """Metrics by name, one number for each epoch: "loss", "accuracy" or "mae", "validation_loss" and so on.

    Attributes
    ----------
    epochs : int
        Epochs finished.
    best_epoch : int or None
        The epoch whose monitored metric was best; epochs of earlier trainings of the model count, as for callbacks.
    stopped : str
        Why training ended before its last epoch, or "".
    seconds : float
        Time spent in training, validation included.
    """

    def __init__(self, given: Mapping[str, list[float]] | None = None) -> None:
        super().__init__({} if given is None else {name: list(column) for name, column in given.items()})
        self.best_epoch: int | None = None
        self.stopped = ""
        self.seconds = 0.0

    @property
    def epochs(self) -> int:
        return max(map(len, self.values()), default=0)

    @property
    def last(self) -> dict[str, float]:
        """The metrics of the last epoch."""
        return {name: column[-1] for name, column in self.items() if column}

    def extend(self, found: Mapping[str, Any]) -> None:
        """Add epochs: a list or an array of numbers for each metric."""
        for name, column in found.items():
            self.setdefault(name, []).extend(float(number) for number in column)

    def line(self, epoch: int) -> dict[str, float]:
        """The metrics of one epoch, counted from 1."""
        return {name: column[epoch - 1] for name, column in self.items()}

    def __repr__(self) -> str:
        if not self.epochs:
            return "<History: no epoch yet>"
        parts = ", ".join(f"{name} {column[0]:.4g} → {column[-1]:.4g}" for name, column in self.items())
        best = f", best epoch {self.best_epoch}" if self.best_epoch else ""
        stopped = f", stopped: {self.stopped}" if self.stopped else ""
        return f"<History: {self.epochs} epochs in {self.seconds:.2f} s, {parts}{best}{stopped}>"
