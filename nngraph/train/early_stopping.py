"""Early stopping: training ends when a metric has not become better for some epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nngraph.errors import OptionError
from nngraph.train.history import VALIDATION
from nngraph_kernels.record import record

RISING = ("accuracy",)


@record
class EarlyStopping:
    """When to stop, and with which parameters.

    Parameters
    ----------
    patience : int
        Epochs without a better value before training stops.
    monitor : str, optional
        A metric; by default the validation loss, or the training loss without validation.
    min_delta : float
        By how much a value must be better to count.
    restore_best : bool
        Whether the model goes back to the parameters of the best epoch.
    """

    patience: int = 5
    monitor: str | None = None
    min_delta: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.patience, int) or isinstance(self.patience, bool) or self.patience < 1:
            raise OptionError(f"patience: {self.patience!r} given, a number of epochs from 1 expected")
        if not (math.isfinite(self.min_delta) and self.min_delta >= 0):
            raise OptionError(f"min_delta: {self.min_delta!r} given, a finite number from 0 expected")


@dataclass(slots=True)
class Watch:
    """The best value of one metric so far.

    Attributes
    ----------
    waited : int
        Epochs since the best one.
    """

    monitor: str
    min_delta: float = 0.0
    best: float = math.nan
    best_epoch: int = 0
    waited: int = 0

    @property
    def rising(self) -> bool:
        """Whether more is better."""
        return self.monitor.partition("/")[0].removeprefix(VALIDATION) in RISING  # an output may have any name

    def see(self, epoch: int, value: float) -> bool:
        """Take the value of an epoch; whether it is the best so far."""
        gain = value - self.best if self.rising else self.best - value
        if self.best_epoch == 0 or gain > self.min_delta:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False


def watch_of(stopping: EarlyStopping | None, known: Iterable[str]) -> Watch:
    """The watch over the metric that `stopping` names, or over the loss that says most."""
    names = list(known)
    default = "validation_loss" if "validation_loss" in names else "loss"
    monitor = default if stopping is None or stopping.monitor is None else stopping.monitor
    if monitor not in names:
        raise OptionError(f"monitor: '{monitor}' given, one of {', '.join(names)} expected")
    return Watch(monitor, 0.0 if stopping is None else stopping.min_delta)
