"""Learning rates over time, as nodes that compute the rate from the number of steps taken.

Lengths are given in steps or in epochs; `resolve` turns epochs into steps once the data is known. A rate is a
float64 scalar: it is computed once a step and cast where a parameter is updated.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, ClassVar, Self, cast

from nngraph.errors import OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import REQUIRED
from nngraph.ops.specification import Specification, family, from_spec, option
from nngraph_kernels.record import record

RATE = "float64"


@record
class Schedule(Specification):
    """Base of the schedules; `rate` appends the nodes of one."""

    family: ClassVar[str] = "schedule"

    def rate(self, b: Builder, time: Value) -> Value:
        """The learning rate after `time` (a float64 scalar) steps."""
        raise NotImplementedError

    def resolve(self, steps_per_epoch: int, total_steps: int) -> Self:
        """The same schedule with every length in steps; one without a length takes all of the training."""
        names = {f.name for f in fields(self)}
        if "steps" not in names:
            return self
        given: Any = self
        steps = given.steps
        if given.epochs is not None:
            steps = max(1, round(given.epochs * steps_per_epoch))
        return replace(given, steps=steps or max(1, total_steps), epochs=None)


SCHEDULES = family("schedule", Schedule)


def schedule_from(spec: Any) -> Schedule:
    """A schedule from a number, a name, a JSON form or itself."""
    if isinstance(spec, (int, float)) and not isinstance(spec, bool):
        return Constant(float(spec))
    return from_spec(SCHEDULES, spec)


def steps_option(doc: str) -> Any:
    return option(None, doc, "int", minimum=1)


def epochs_option() -> Any:
    return option(None, "the same in epochs, not necessarily whole", minimum=0.0, exclusive=True)


def learning_rate_option() -> Any:
    return option(REQUIRED, "the learning rate at the start", minimum=0.0)


def one_length(schedule: Any) -> None:
    """Refuse a length that is given twice."""
    if schedule.steps is not None and schedule.epochs is not None:
        raise OptionError(f"schedule '{schedule.type}': both steps and epochs given, expected one of them")


def known_steps(schedule: Any) -> int:
    """The length in steps.

    Raises
    ------
    OptionError
        If only `resolve` could tell.
    """
    if schedule.steps is None:
        raise OptionError(f"schedule '{schedule.type}': its length depends on the data; give it in steps")
    return schedule.steps


def progress(b: Builder, time: Value, steps: int) -> Value:
    """From 0 to 1 in that many steps, and 1 from then on."""
    return b.add("minimum", b.add("divide", time, steps), 1.0)


@SCHEDULES.register
@record
class Constant(Schedule):
    """The same rate in all steps."""

    type: ClassVar[str] = "constant"
    learning_rate: float = learning_rate_option()

    def rate(self, b: Builder, time: Value) -> Value:
        return b.constant(self.learning_rate, RATE)


@SCHEDULES.register
@record
class Step(Schedule):
    """learning_rate · factor^⌊t / steps⌋."""

    type: ClassVar[str] = "step"
    learning_rate: float = learning_rate_option()
    factor: float = option(0.1, "what the rate is multiplied by each time", minimum=0.0)
    steps: int | None = steps_option("steps from one drop to the next")
    epochs: float | None = epochs_option()

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        one_length(self)

    def rate(self, b: Builder, time: Value) -> Value:
        drops = b.add("floor", b.add("divide", time, known_steps(self)))
        return b.add("multiply", b.add("power", b.constant(self.factor, RATE), drops), self.learning_rate)


@SCHEDULES.register
@record
class Exponential(Schedule):
    """learning_rate · factor^(t / steps), a little in every step."""

    type: ClassVar[str] = "exponential"
    learning_rate: float = learning_rate_option()
    factor: float = option(0.1, "what the rate is multiplied by over the length", minimum=0.0, exclusive=True)
    steps: int | None = steps_option("steps in which the rate changes by the factor")
    epochs: float | None = epochs_option()

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        one_length(self)

    def rate(self, b: Builder, time: Value) -> Value:
        decay = b.add("multiply", time, math.log(self.factor) / known_steps(self))
        return b.add("multiply", b.add("exp", decay), self.learning_rate)


@SCHEDULES.register
@record
class Cosine(Schedule):
    """final + (learning_rate − final) (1 + cos(π t / steps)) / 2, then final.

    Without a length it takes all of the training (Loshchilov and Hutter 2017, eq. 5).
    """

    type: ClassVar[str] = "cosine"
    learning_rate: float = learning_rate_option()
    final: float = option(0.0, "the rate at the end", minimum=0.0)
    steps: int | None = steps_option("steps until the end")
    epochs: float | None = epochs_option()

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        one_length(self)

    def rate(self, b: Builder, time: Value) -> Value:
        wave = b.add("cos", b.add("multiply", progress(b, time, known_steps(self)), math.pi))
        half = (self.learning_rate - self.final) / 2
        return b.add("add", b.add("multiply", wave, half), self.final + half)


@SCHEDULES.register
@record
class WarmUp(Schedule):
    """Another schedule times min(1, (t + 1) / steps): a linear rise (Goyal et al. 2017, section 2.2).

    The other schedule's time runs from the first step, not from the end of the rise.
    """

    type: ClassVar[str] = "warm_up"
    schedule: Schedule = option(REQUIRED, "the schedule that is warmed up", "rate", minimum=0.0)
    steps: int | None = steps_option("steps of the rise")
    epochs: float | None = epochs_option()

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        object.__setattr__(self, "schedule", schedule_from(self.schedule))
        one_length(self)
        if self.steps is None and self.epochs is None:
            raise OptionError("schedule 'warm_up': no length given, expected steps or epochs of the rise")

    def resolve(self, steps_per_epoch: int, total_steps: int) -> WarmUp:
        own = Schedule.resolve(self, steps_per_epoch, total_steps)
        return replace(cast("WarmUp", own), schedule=self.schedule.resolve(steps_per_epoch, total_steps))

    def rate(self, b: Builder, time: Value) -> Value:
        rise = progress(b, b.add("add", time, 1.0), known_steps(self))
        return b.add("multiply", self.schedule.rate(b, time), rise)
