"""The loop: epochs go to the tape, many at once where nothing has to happen between them, and their metrics come back.

The calling thread prepares the order of the data for the epochs to come, draws progress, and waits. What is
measured, and every parameter, is the same however the epochs are grouped, and wherever a run is interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from nngraph.errors import ExecutionError
from nngraph.programs import INDEX_OUT_OF_RANGE, Programs, scalar_outputs
from nngraph.run.tape import Outcome, Running
from nngraph.train.history import VALIDATION, History
from nngraph.train.interruption import Interruption
from nngraph.train.orders import Orders
from nngraph.train.position import Position
from nngraph.train.signature import Signature
from nngraph.train.sweep import ONE_EPOCH, Part, Sweep, bind_all, measures

ROWS_A_RUN = 1 << 16  # examples that one run of the tape goes through, if an epoch is not longer
SECONDS_A_RUN = 0.1
TICK = 0.1  # seconds from one look at a running tape to the next

Metrics = Mapping[str, float]


class Observer(Protocol):
    """What is told of the progress: displays and run directories.

    Attributes
    ----------
    between : bool
        Whether it has to be told of each epoch before the next begins.
    """

    between: bool

    def tick(self, loop: Loop, steps: int, loss: float) -> None:
        """A look at a run: steps of all training so far, and the last loss."""

    def epoch(self, loop: Loop, epoch: int, metrics: Metrics) -> bool:
        """An epoch, counted from 1, has ended; return whether training should."""
        ...

    def wants_stop(self) -> bool:
        """Whether the tape should come back soon: something has to be done with the states."""
        ...

    def pause(self, loop: Loop) -> None:
        """The tape is not running."""

    def close(self) -> None:
        """Nothing more is shown: training has ended, or will when the step under way has."""


@dataclass(slots=True, eq=False)
class Loop:
    """A training under way.

    Attributes
    ----------
    epochs : int
        How many epochs there are in all, those before a resumption included.
    position : Position
        How far it has come; always that of the states in the store.
    moved : callable
        Is told of each new position, before the observers are.
    group, largest : int
        Epochs of the next run of the tape, and of any.
    before : int
        Epochs that the history does not hold.
    """

    programs: Programs
    signature: Signature
    training: Sweep
    validation: Sweep | None
    epochs: int
    position: Position
    history: History
    observers: list[Observer]
    moved: Callable[[Position], None]
    shuffled: bool = True
    orders: Orders = field(init=False)
    ring: np.ndarray = field(init=False)
    group: int = field(init=False, default=1)
    largest: int = field(init=False)
    names: list[str] = field(init=False)
    before: int = field(init=False)
    interruption: Interruption = field(init=False, default_factory=Interruption)

    def __post_init__(self) -> None:
        count, remaining = self.training.examples.count, max(1, self.epochs - self.position.epoch)
        between = any(observer.between for observer in self.observers)
        self.largest = 1 if between else max(1, min(remaining, ROWS_A_RUN // count))
        self.before = self.position.epoch - self.history.epochs
        self.orders = Orders(count, self.programs.seed, self.largest, self.shuffled)
        self.names = [name for name, _ in scalar_outputs(self.programs.compile("train"))]
        self.ring = np.zeros((self.largest * self.steps, len(self.names)))
        sweeps = [(self.training, self.orders.array, self.orders.epochs)]
        if self.validation:
            sweeps.append((self.validation, np.arange(self.validation.examples.count), ONE_EPOCH))
        bind_all(sweeps, self.ring)

    @property
    def steps(self) -> int:
        """Steps of an epoch, those of the validation included."""
        return self.training.steps + (self.validation.steps if self.validation else 0)

    def run(self) -> None:
        """Train until the last epoch, or until an observer or Ctrl-C ends it.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C; position, history and states agree.
        ExecutionError
            Where a step failed; they are what they were before it.
        """
        with self.interruption as interruption:
            while self.position.epoch < self.epochs and not self.history.stopped:
                first = self.position.epoch
                outcome, segments = self.run_group(interruption)
                self.absorb(outcome)
                self.report(first)
                if outcome.reason == "failed":
                    self.fail(outcome, segments[outcome.segment])
                if interruption.wanted:
                    raise KeyboardInterrupt

    def run_group(self, interruption: Interruption) -> tuple[Outcome, list[Part]]:
        """Run some epochs, or the rest of one, while the orders of those to come are made."""
        first = self.position.epoch
        last = min(self.epochs, first + self.group)
        for epoch in range(first, last):
            self.orders.prepare(epoch)
        segments = self.segments(first, last)
        self.programs.tape.step = 0
        begun = time.perf_counter()
        running = self.programs.tape.start([s for _, _, s in segments], self.programs.thread_count)
        interruption.running = running
        try:
            if interruption.wanted:
                running.stop()
            self.accompany(running, interruption, range(last, min(self.epochs, last + self.group)))
        except BaseException:
            running.stop()
            running.wait()
            self.absorb(running.outcome)
            raise
        finally:
            interruption.running = None
        seconds = time.perf_counter() - begun
        self.history.seconds += seconds
        self.group = max(1, min(self.largest, int(SECONDS_A_RUN / seconds * (last - first)) if seconds else 1))
        return running.outcome, segments

    def segments(self, first: int, last: int) -> list[Part]:
        """The segments of some epochs, each with where it comes from."""
        found: list[Part] = []
        for epoch in range(first, last):
            done = self.position.step if epoch == first else 0
            found += self.training.segments(self.orders.cursor(epoch), done)
            found += self.validation.segments(0) if self.validation else ()
        return found

    def accompany(self, running: Running, interruption: Interruption, upcoming: range) -> None:
        """What the calling thread does while the tape runs."""
        for epoch in upcoming:
            if running.done:
                return
            self.orders.prepare(epoch)
        while not running.wait(TICK if self.observers else None):
            if interruption.wanted:
                self.close()
                continue
            steps = running.steps_done
            loss = float(self.ring[steps - 1, 0]) if steps else float("nan")
            for observer in self.observers:
                observer.tick(self, self.position.epoch * self.steps + self.position.step + steps, loss)
            if any(observer.wants_stop() for observer in self.observers):
                running.stop()

    def close(self) -> None:
        for observer in self.observers:
            observer.close()

    def absorb(self, outcome: Outcome) -> None:
        """Move the position on by the finished steps, and take their metrics into the history."""
        rows = self.ring[: outcome.steps]
        if self.position.rows is not None:
            rows = np.concatenate([self.position.rows, rows])
        finished = len(rows) // self.steps
        rest = rows[finished * self.steps :][: self.training.steps].copy()
        if finished:
            table = rows[: finished * self.steps].reshape(finished, self.steps, -1)
            self.history.extend(self.measured(table))
        epoch, sizes = self.position.epoch + finished, (self.training.batch, self.training.examples.count)
        self.position = Position(epoch, rest, sizes) if len(rest) else Position(epoch)
        self.moved(self.position)

    def measured(self, table: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics of epochs from what their steps left."""
        own, batch = self.training.steps, self.training.batch
        found = measures(self.signature, self.names, self.training.rows, table[:, :own], batch)
        if self.validation:
            held_out = measures(self.signature, self.names, self.validation.rows, table[:, own:], batch)
            found |= {VALIDATION + name: column for name, column in held_out.items()}
        return found

    def report(self, first: int) -> None:
        """Tell the observers of the epochs since `first`."""
        for epoch in range(first + 1, self.position.epoch + 1) if self.observers else ():
            metrics = self.history.line(epoch - self.before)
            answers = [observer.epoch(self, epoch, metrics) for observer in self.observers]
            if any(answers):
                self.history.stopped = self.history.stopped or "by a callback"
        for observer in self.observers:
            observer.pause(self)

    def fail(self, outcome: Outcome, where: Part) -> None:
        """Raise what a kernel reported."""
        sweep, bound, _ = where
        if outcome.error == INDEX_OUT_OF_RANGE:
            self.programs.check(outcome, sweep.purpose, bound)
        what = "loss" if sweep is self.training else "validation loss"
        step = f", step {self.position.step + 1}" if sweep is self.training else ""
        wider = "give precision 'bfloat16', which has a wider range, " if self.programs.precision == "float16" else ""
        raise ExecutionError(
            f"epoch {self.position.epoch + 1}{step}: the {what} is not finite; {wider}lower the learning rate, "
            "clip the gradients, or look for extreme values in the data"
        )


Callback = Callable[[int, Metrics], object]


@dataclass(slots=True, eq=False)
class Callbacks:
    """The user's functions, called after each epoch with its number and metrics; True ends the training."""

    functions: tuple[Callback, ...]
    between: bool = True

    def tick(self, loop: Loop, steps: int, loss: float) -> None: ...

    def epoch(self, loop: Loop, epoch: int, metrics: Metrics) -> bool:
        with loop.interruption.at_once():
            answers = [function(epoch, dict(metrics)) for function in self.functions]  # each is called
        return any(answer is True for answer in answers)

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None: ...

    def close(self) -> None: ...
