"""A dynamic factor of the loss, for cotangents that are kept in float16, where small ones would become zero.

The cotangent of the loss is the scale instead of 1, and gradients of parameters are divided by it before anything is
done with them. If one of them is not finite then, the step leaves all states as they were, and the scale is halved;
after so many good steps in a row it is doubled (Micikevicius et al. 2018, section 3.2). It is a power of two, so that
scaling rounds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import State, Value
from nngraph.ir.types import TensorType
from nngraph_kernels.record import record

START: Final = 2.0**16
FACTOR: Final = 2.0
STEPS: Final = 2000  # good ones, after which the scale is doubled
LEAST: Final = 2.0**-16  # at which a step is done whatever comes of it, as one without a scale would be
MOST: Final = 2.0**24
LARGEST: Final = float(np.finfo(np.float32).max)
NAMES: Final = ("loss_scale", "loss_scale_steps")  # of the states: the scale, and the good steps since it changed


@record
class LossScale:
    """The states of a scale, as a step finds them."""

    scale: State
    steps: State


def loss_scale(b: Builder) -> LossScale:
    """Give the graph under construction a scale."""
    types = (TensorType((), "float32"), TensorType((), "int32"))
    states: list[State] = []
    for name, type, start in zip(NAMES, types, (START, 0), strict=True):
        old = Value(b.unique(name), type)
        states.append(State(name, "scale", old, old, start, trainable=False))
        b.state(states[-1])
    return LossScale(*states)


def unscaled(b: Builder, given: LossScale, found: Mapping[Value, Value]) -> dict[Value, Value]:
    """Gradients of the loss from those of the scaled one."""
    b.prefix = "loss_scale"
    factor = b.add("divide", 1.0, given.scale.old)
    made = {value: b.add("multiply", dx, factor) for value, dx in found.items()}
    b.prefix = ""
    return made


def all_finite(b: Builder, values: Iterable[Value]) -> Value:
    """Whether no element of any of these is NaN or an infinity: a bool scalar."""
    largest: Value | None = None
    for value in values:
        found = b.add("abs", value)
        if found.type.rank > 1:
            found = b.add("max", found, axis=-1)  # many small reductions before a single one
        found = b.add("max", found) if found.type.rank else found
        largest = found if largest is None else b.add("maximum", largest, found)
    return b.add("less_equal", b.constant(0.0, "float32") if largest is None else largest, LARGEST)


def guarded(b: Builder, given: LossScale, gradients: Iterable[Value], states: Iterable[State]) -> tuple[State, ...]:
    """The states after a step: as they were if a gradient is not finite, but for the scale."""
    b.prefix = "loss_scale"
    finite = all_finite(b, gradients)
    done = b.add("logical_or", finite, b.add("less_equal", given.scale.old, LEAST))
    found: list[State] = []
    for state in states:
        if state.name not in NAMES and state.new is not state.old:
            new = b.add("where", done, state.new, state.old, id=f"loss_scale/{state.name}")
            state = replace(state, new=new)
        found.append(state)
    changed = {state.name: state for state in following(b, given, finite)}
    b.prefix = ""
    return tuple(changed.get(state.name, state) for state in found)


def following(b: Builder, given: LossScale, finite: Value) -> tuple[State, State]:
    """The scale and the number of good steps for the next step."""
    scale, good = given.scale.old, b.add("add", given.steps.old, 1)
    grows = b.add("greater_equal", good, STEPS)
    larger = b.add("minimum", b.add("multiply", scale, FACTOR), MOST)
    smaller = b.add("maximum", b.add("multiply", scale, 1 / FACTOR), LEAST)
    kept = b.add("where", grows, larger, scale)
    fresh = b.add("logical_or", grows, b.add("logical_not", finite))
    return (
        replace(given.scale, new=b.add("where", finite, kept, smaller)),
        replace(given.steps, new=b.add("where", fresh, b.constant(0, "int32"), good)),
    )
