"""`fit`: from what a user asks for to a loop over the tape, and what is left when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nngraph.errors import OptionError
from nngraph.ops.optimizer import Optimizer
from nngraph.programs import Programs
from nngraph.run.feed import read_at_random
from nngraph.train import checks
from nngraph.train.best import Best
from nngraph.train.checkpoint import read
from nngraph.train.data.augment import Augment
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.splits import split
from nngraph.train.display import display
from nngraph.train.early_stopping import EarlyStopping, watch_of
from nngraph.train.evaluation import ROWS
from nngraph.train.event_file import EventFiles, need_tensorboard
from nngraph.train.examples import Examples, dataset_of
from nngraph.train.history import VALIDATION, History
from nngraph.train.loop import Callback, Callbacks, Loop, Observer
from nngraph.train.position import Position
from nngraph.train.run_directory import BEST, RunDirectory, Take, has_epochs
from nngraph.train.signature import Signature
from nngraph.train.sweep import Sweep
from nngraph_kernels.record import record

Validation = tuple[Any, ...] | Dataset | float | None


@record
class Settings:
    """What a user may choose of a training, data apart.

    Attributes
    ----------
    epochs : int
        In all, those before the position where it begins included.
    run : Path or None
        The run's directory.
    resume : bool
        Whether it goes on where another ended, in the midst of an epoch too.
    progress : bool or None
        Whether there is a bar; None: on a terminal.
    title : str
        What a display calls this training.
    config : dict
        What the run's configuration says beside these settings.
    tensorboard : bool
        Whether the run's directory holds event files for TensorBoard too.
    """

    epochs: int
    batch_size: int = 32
    shuffle: bool = True
    early_stopping: EarlyStopping | None = None
    callbacks: tuple[Callback, ...] = ()
    run: Path | None = None
    resume: bool = False
    progress: bool | None = None
    title: str = ""
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    augment: Augment | None = None
    tensorboard: bool = False

    def plain(self) -> dict[str, Any]:
        """As a run's configuration holds them."""
        stopping = None if self.early_stopping is None else asdict(self.early_stopping)
        own: dict[str, Any] = {"epochs": self.epochs, "batch_size": self.batch_size, "shuffle": self.shuffle}
        own["augment"] = None if self.augment is None else self.augment.plain()
        return own | {"early_stopping": stopping, "tensorboard": self.tensorboard} | self.config


@dataclass(slots=True, eq=False)
class Training:
    """A model's training.

    Attributes
    ----------
    optimizer : Optimizer
        As it was given: lengths of schedules may be in epochs.
    position, history
        Where it begins; the history grows.
    moved : callable
        Is told of each new position.
    graph, config : str, dict
        Of the model, for the run's directory.
    take : callable
        Makes a checkpoint.
    """

    programs: Programs
    signature: Signature
    optimizer: Optimizer
    settings: Settings
    training: Examples
    validation: Examples | None
    position: Position
    history: History
    graph: str
    config: dict[str, Any]
    take: Take
    moved: Callable[[Position], None]

    def run(self) -> None:
        """Train; states, the last position and `history` agree whatever is raised."""
        self.check_sizes()
        self.check_columns()
        self.check_tensorboard()
        best = self.best() if self.settings.early_stopping or self.settings.run else None
        directory = self.directory(best) if self.settings.run and best else None
        shown = display(self.settings.progress, self.settings.title)
        callbacks = Callbacks(self.settings.callbacks) if self.settings.callbacks else None
        observers: list[Observer] = [o for o in (best, directory, callbacks, shown) if o is not None]
        self.go_through(self.loop(observers), directory)
        if best and self.settings.early_stopping and self.settings.early_stopping.restore_best:
            best.restore()
            if directory:
                directory.note_restored()

    def go_through(self, loop: Loop, directory: RunDirectory | None) -> None:
        """Run the loop; what it comes to is saved, unless it fails at the first step."""
        begun, kept = self.position, True
        examples = self.training.arrays.values() if self.settings.shuffle else ()
        try:
            with read_at_random(examples):
                loop.run()
        except Exception:
            kept = (loop.position.epoch, loop.position.step) != (begun.epoch, begun.step)
            raise
        finally:
            loop.close()
            if directory and kept:
                directory.save(loop)

    def check_sizes(self) -> None:
        """The rest of an epoch is that of the same batches; before anything is written."""
        count, sizes = self.training.count, self.position.sizes
        batch = min(self.settings.batch_size, count)
        if sizes is not None and sizes != (batch, count):
            was = f"the epoch to go on with has batches of {sizes[0]} of {sizes[1]} examples"
            raise OptionError(f"resume: batches of {batch} of {count} examples given, but {was}; give those again")

    def check_columns(self) -> None:
        """All epochs of a history have the same metrics."""
        validated, epochs = "validation_loss" in self.history, self.history.epochs
        if epochs and validated != (self.validation is not None):
            was, mend = ("were", "give some again") if validated else ("were not", "leave it out")
            given = "none given" if validated else "given"
            raise OptionError(f"validation: {given}, but the epochs to go on from {was} validated; {mend}")

    def check_tensorboard(self) -> None:
        """Before anything is written."""
        if not self.settings.tensorboard:
            return
        if self.settings.run is None:
            raise OptionError("tensorboard: asked for without a run, whose directory holds its files; give run=PATH")
        need_tensorboard()

    def loop(self, observers: list[Observer]) -> Loop:
        """Compile, plan and bind."""
        batch = min(self.settings.batch_size, self.training.count)
        sweep = Sweep(self.programs, "train", self.training, batch)
        steps = sweep.steps
        optimizer = self.optimizer.resolve(steps, steps * self.settings.epochs)
        self.programs.use(optimizer=optimizer)
        if self.settings.tensorboard and self.settings.run:
            observers.append(EventFiles(self.settings.run, optimizer, self.position.epoch))
        return Loop(
            self.programs, self.signature, sweep, self.validation_sweep(batch), self.settings.epochs,
            self.position, self.history, observers, self.moved, self.settings.shuffle,
        )  # fmt: skip

    def validation_sweep(self, batch: int) -> Sweep | None:
        """With batches as large as the training's arena has room for."""
        examples = self.validation
        if examples is None:
            return None
        rows = min(ROWS, examples.count)
        if rows > batch:
            room = self.programs.plan("train", batch).nbytes
            needed = max(1, self.programs.plan("evaluate", batch).nbytes)
            rows = min(rows, max(batch, room // needed * batch))
        return Sweep(self.programs, "evaluate", examples, rows)

    def best(self) -> Best:
        """Who keeps the best epoch; epochs before a resumption count."""
        names = metric_names(self.signature, self.validation is not None)
        watch = watch_of(self.settings.early_stopping, names)
        before = self.position.epoch - self.history.epochs
        for epoch in range(1, self.history.epochs + 1):
            watch.see(before + epoch, self.history.line(epoch)[watch.monitor])
        best = Best(self.programs.store, watch, self.settings.early_stopping)
        if self.settings.run and (self.settings.run / BEST).is_file() and watch.best_epoch:
            best.recall(read(self.settings.run / BEST).states)
        if best.patience_ended(self.history):
            self.settings = replace(self.settings, epochs=self.position.epoch)
        return best

    def directory(self, best: Best) -> RunDirectory:
        assert self.settings.run
        if has_epochs(self.settings.run) and not self.settings.resume:
            raise OptionError(f"run: {self.settings.run} holds a run already; choose another, or resume it")
        directory = RunDirectory(self.settings.run, self.take, best, self.position.epoch)
        directory.begin(self.graph, {**self.config, **self.settings.plain()}, self.history)
        return directory


def metric_names(signature: Signature, validated: bool) -> list[str]:
    """Of the metrics that an epoch leaves."""
    names = ["loss", *(f"loss/{t.output}" for t in signature.targets if len(signature.targets) > 1)]
    names += [metric.name for metric in signature.metrics]
    return names + [VALIDATION + name for name in names] if validated else names


def parts_of(signature: Signature, data: Dataset, validation: Validation, seed: int) -> tuple[Dataset, Dataset | None]:
    """The data to train on, and that to validate with."""
    if validation is None:
        return data, None
    if isinstance(validation, float | np.floating):
        if not 0 < validation < 1:
            raise OptionError(f"validation: {validation:g} given, a share of the data between 0 and 1 expected")
        return split(data, float(validation), seed=seed)
    if isinstance(validation, Dataset):
        return data, validation
    if isinstance(validation, tuple) and len(validation) in (2, 3):
        return data, dataset_of(signature, *validation, name="validation", classes=data.classes)
    expected = "a pair (inputs, targets), a Dataset, or a share of the data between 0 and 1 expected"
    given = repr(validation) if checks.is_int(validation) else type(validation).__name__
    raise OptionError(f"validation: {given} given, {expected}")


def functions_of(callbacks: Sequence[Callback] | Callback) -> tuple[Callback, ...]:
    given: Any = (callbacks,) if callable(callbacks) or not isinstance(callbacks, Iterable) else callbacks
    functions: tuple[Any, ...] = tuple(given)
    for function in functions:
        if not callable(function):
            raise OptionError(f"callbacks: {function!r} given, a function of epoch and metrics, or several, expected")
    return functions


def stopping_of(given: Any) -> EarlyStopping | None:
    if given is None or isinstance(given, EarlyStopping):
        return given
    if not (checks.is_int(given) and given >= 1):
        expected = "a patience, which is a number of epochs from 1, EarlyStopping(...) or None expected"
        raise OptionError(f"early_stopping: {given!r} given, {expected}")
    return EarlyStopping(int(given))
