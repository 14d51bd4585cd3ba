"""`fit`: from what a user asks for to a loop over the tape, and what is left when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nngraph.differentiate import Objective
from nngraph.ops.optimizer import Optimizer
from nngraph.programs import Programs
from nngraph.train.best import Best
from nngraph.train.data.dataset import Dataset
from nngraph.train.early_stopping import EarlyStopping, watch_of
from nngraph.train.evaluation import ROWS, batch_rows
from nngraph.train.examples import Examples
from nngraph.train.history import VALIDATION, History
from nngraph.train.loop import Loop, Observer
from nngraph.train.position import Position
from nngraph.train.signature import Signature
from nngraph.train.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose of a training, data apart.

    Attributes
    ----------
    epochs : int
        In all, those before `position` included.
    """

    epochs: int
    batch_size: int = 32
    shuffle: bool = True
    early_stopping: EarlyStopping | None = None


@dataclass(slots=True, eq=False)
class Training:
    """A model's training, ready to run.

    Attributes
    ----------
    optimizer : Optimizer
        As it was given: lengths of schedules may be in epochs.
    best : Best or None
        Where somebody wants to know which epoch was best.
    """

    programs: Programs
    signature: Signature
    optimizer: Optimizer
    settings: Settings
    training: Examples
    validation: Examples | None
    position: Position
    history: History
    observers: list[Observer]
    best: Best | None = None

    def loop(self) -> Loop:
        """Compile, plan and bind."""
        batch = min(self.settings.batch_size, self.training.count)
        sweep = Sweep(self.programs, "train", self.training, batch)
        steps = sweep.steps
        self.programs.use(optimizer=self.optimizer.resolve(steps, steps * self.settings.epochs))
        return Loop(
            self.programs, self.signature, sweep, self.validation_sweep(batch), self.settings.epochs,
            self.position, self.history, self.observers, self.settings.shuffle,
        )  # fmt: skip

    def validation_sweep(self, batch: int) -> Sweep | None:
        """With batches as large as the training's arena has room for."""
        examples = self.validation
        if examples is None:
            return None
        rows = batch_rows(self.signature, examples, ROWS)
        if not self.signature.summed and rows > batch:
            room = self.programs.plan("train", batch).nbytes
            needed = max(1, self.programs.plan("evaluate", batch).nbytes)
            rows = min(rows, max(batch, room // needed * batch))
        return Sweep(self.programs, "evaluate", examples, rows)


def metric_names(signature: Signature, objective: Objective, validated: bool) -> list[str]:
    """Of the metrics that an epoch leaves."""
    names = ["loss", *(f"loss/{t.output}" for t in signature.targets if len(signature.targets) > 1)]
    names += [metric.name for metric in signature.metrics]
    return names + [VALIDATION + name for name in names] if validated else names


def best_of(
    programs: Programs,
    signature: Signature,
    objective: Objective,
    settings: Settings,
    validated: bool,
    history: History,
) -> Best:
    """Who keeps the best epoch; epochs before a resumption count."""
    watch = watch_of(settings.early_stopping, metric_names(signature, objective, validated))
    for epoch in range(1, history.epochs + 1):
        watch.see(epoch, history.line(epoch)[watch.monitor])
    return Best(programs.store, watch, settings.early_stopping)
