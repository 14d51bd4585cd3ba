"""The best epoch so far: its parameters, and when to stop waiting for a better one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nngraph.run.store import Store
from nngraph.train.early_stopping import EarlyStopping, Watch

if TYPE_CHECKING:
    from nngraph.train.history import History
    from nngraph.train.loop import Loop

KEPT = ("parameter", "statistic")


class Best:
    """Observes the monitored metric, and keeps the parameters of the epoch where it was best.

    Parameters
    ----------
    watch : Watch
    stopping : EarlyStopping or None
        None: no epoch is the last because of it.
    """

    between = True

    def __init__(self, store: Store, watch: Watch, stopping: EarlyStopping | None) -> None:
        self.store, self.watch, self.stopping = store, watch, stopping
        self.snapshot: dict[str, np.ndarray] = {}

    def tick(self, loop: Loop, steps: int, loss: float) -> None: ...

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None: ...

    def close(self) -> None: ...

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        if self.watch.see(epoch, metrics[self.watch.monitor]):
            self.take()
        return self.patience_ended(loop.history)

    def patience_ended(self, history: History) -> bool:
        """Whether there have been too many epochs since the best; the history says so."""
        history.best_epoch = self.watch.best_epoch or None
        if self.stopping is None or self.watch.waited < self.stopping.patience:
            return False
        history.stopped = f"{self.watch.monitor} not better for {self.watch.waited} epochs"
        return True

    def take(self) -> None:
        """Copy the parameters, onto the last copy if there is one."""
        for name, state in self.store.states.items():
            if state.kind in KEPT:
                array = self.store.arrays[name]
                if name in self.snapshot:
                    self.snapshot[name][...] = array
                else:
                    self.snapshot[name] = array.copy()

    def recall(self, states: Mapping[str, np.ndarray]) -> None:
        """Take the best epoch's parameters from a checkpoint, in public layouts."""
        self.snapshot = {name: self.store.states[name].from_public(array).copy() for name, array in states.items()}

    def restore(self) -> None:
        """Give the model the best epoch's parameters."""
        for name, array in self.snapshot.items():
            self.store.write(name, array)
