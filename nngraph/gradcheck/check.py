"""Compares the gradients of a model's parameters with central differences of its loss.

A difference tells nothing where the loss has a kink between its two points: a ReLU, a maximum or a hinge that
flips. There the slopes to the left and to the right differ however near the points are, while on a smooth curve
their difference shrinks with the distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nngraph.domains import random_inputs
from nngraph.errors import ExecutionError, OptionError
from nngraph.programs import Programs, scheduled
from nngraph_kernels.record import record

EPS, ATOL, RTOL = 1e-6, 1e-5, 1e-3
FULL_BELOW: Final = 2000
DIRECTIONS: Final = 50  # of a parameter, where they are not more than TOTAL in all
TOTAL: Final = 2000
LEAST: Final = 2
JITTER: Final = 1e-2  # moves initial parameters, so that zeros and ties are none
SMALLER: Final = 4.0
SHRINKS: Final = (0.1, 0.5)  # what becomes of a smooth curve's bend at a fourth of the distance, with room for noise


@dataclass(slots=True)
class ParameterCheck:
    """What came of one parameter.

    Attributes
    ----------
    directions, skipped : int
        How many were compared, and how many were not because a kink lies on them.
    error : float
        The largest absolute difference.
    excess : float
        The largest ratio of a difference to what is tolerated; above 1 the gradient is wrong.
    gradient, difference : float
        What was compared where the ratio is largest.
    """

    name: str
    shape: tuple[int, ...]
    directions: int = 0
    skipped: int = 0
    error: float = 0.0
    excess: float = 0.0
    gradient: float = 0.0
    difference: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing was wrong."""
        return self.directions > 0 and self.excess <= 1.0

    def note(self, gradient: float, difference: float, tolerated: float) -> None:
        """Count a comparison."""
        error = abs(gradient - difference)
        self.directions += 1
        self.error = max(self.error, error)
        excess = error / tolerated if np.isfinite(error) else np.inf
        if excess >= self.excess:
            self.excess, self.gradient, self.difference = float(excess), gradient, difference


@record
class GradientReport:
    """The outcome of a check.

    Attributes
    ----------
    full : bool
        Whether every element was compared, or random directions.
    """

    batch: int
    loss: float
    full: bool
    parameters: tuple[ParameterCheck, ...]

    @property
    def passed(self) -> bool:
        return all(parameter.passed for parameter in self.parameters)

    @property
    def worst(self) -> ParameterCheck | None:
        return max(self.parameters, key=lambda parameter: parameter.excess, default=None)


@dataclass(slots=True, eq=False)
class Differences:
    """The loss of one batch as a function of the parameters in the store, and its difference quotients."""

    programs: Programs
    inputs: dict[str, np.ndarray]
    batch: int
    eps: float = EPS
    start: float = field(init=False)
    gradients: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        outputs = self.programs.call("gradients", self.inputs, self.batch)
        self.start = self.loss()  # of the program that differences are taken of: rounding may differ
        self.gradients = {
            name.removeprefix("gradient/"): x for name, x in outputs.items() if name.startswith("gradient/")
        }

    def loss(self) -> float:
        return float(self.programs.call("loss", self.inputs, self.batch)["loss"])

    def noise(self, eps: float) -> float:
        """How much of a quotient may be rounding of the loss."""
        return 8 * np.finfo(np.float64).eps * abs(self.start) / eps

    def slopes(self, name: str, direction: np.ndarray, eps: float) -> tuple[float, float]:
        """Of the loss to the left and to the right, along a direction of one parameter."""
        store = self.programs.store
        before = store.arrays[name].copy()
        store.write(name, before + eps * direction)
        right = self.loss()
        store.write(name, before - eps * direction)
        left = self.loss()
        store.write(name, before)
        return (self.start - left) / eps, (right - self.start) / eps

    def distance(self, direction: np.ndarray) -> float:
        """How much of a direction is `eps` away: the longer it is, the more kinks lie on it."""
        return self.eps / max(1.0, float(np.linalg.norm(direction)))

    def quotient(self, name: str, direction: np.ndarray, tolerate: Callable[[float], float]) -> float | None:
        """The central difference; None where a kink is in the way."""
        eps = self.distance(direction)
        left, right = self.slopes(name, direction, eps)
        central, bend = (left + right) / 2, abs(right - left)
        if bend <= tolerate(central) or not np.isfinite(bend):
            return central
        # Twice, for of several kinks on both sides some pass for a curve at one distance.
        for smaller in (SMALLER, SMALLER**2):
            left, right = self.slopes(name, direction, eps / smaller)
            moved, bend, before = abs((left + right) / 2 - central), abs(right - left), bend
            noise = self.noise(eps / smaller)
            shrinks = SHRINKS[0] * before - noise <= bend <= SHRINKS[1] * before + noise
            if moved > tolerate(central) + noise or not shrinks:
                return None
        return central


def check_gradients(
    programs: Programs,
    *,
    batch: int = 5,
    seed: int = 0,
    directions: int | None = None,
    full_below: int = FULL_BELOW,
    eps: float = EPS,
    atol: float = ATOL,
    rtol: float = RTOL,
    on_progress: Callable[[int, int], None] | None = None,
) -> GradientReport:
    """Compare all gradients of a model with finite differences, near its initial parameters.

    Parameters
    ----------
    programs : Programs
        Of float64, with an objective; the parameters are moved a little.
    batch : int
        Random examples, drawn inside the domains of the ops that read them.
    seed : int
        Of the examples and directions.
    directions : int, optional
        For each parameter with more elements, where the whole net has more than `full_below`; otherwise every
        element is a direction. By default 50, or fewer where these would be more than 2,000 in all, at least 2.
    eps, atol, rtol : float
        Distance of the points; what difference is tolerated.
    on_progress : callable, optional
        Called with the number of parameters done, and of all.

    Returns
    -------
    GradientReport
    """
    if programs.dtype != "float64" or programs.objective is None:
        raise OptionError("gradcheck: a model in float64 with a loss expected")
    rng = np.random.default_rng(seed)
    inputs = scheduled(programs.compile("gradients")).graph.inputs
    drawn = random_inputs(programs.declared, programs.objective, inputs, batch, rng)
    jitter(programs, rng)
    differences = Differences(programs, drawn, batch, eps)
    if not np.isfinite(differences.start):
        raise ExecutionError("gradcheck: the loss at random inputs is not finite; is an op outside of its domain?")
    full = sum(gradient.size for gradient in differences.gradients.values()) <= full_below
    if directions is None:
        directions = max(LEAST, min(DIRECTIONS, TOTAL // max(1, len(differences.gradients))))
    found: list[ParameterCheck] = []
    for name in differences.gradients:
        count = None if full else directions
        found.append(check_parameter(differences, name, count, atol, rtol, rng))
        if on_progress:
            on_progress(len(found), len(differences.gradients))
    return GradientReport(batch, differences.start, full, tuple(found))


def jitter(programs: Programs, rng: np.random.Generator) -> None:
    """Move the parameters a little away from where they start."""
    for name, state in programs.store.states.items():
        if state.kind == "parameter":
            array = programs.store.arrays[name]
            programs.store.write(name, array + JITTER * rng.standard_normal(array.shape))


def check_parameter(
    differences: Differences, name: str, count: int | None, atol: float, rtol: float, rng: np.random.Generator
) -> ParameterCheck:
    gradient = differences.gradients[name]
    found = ParameterCheck(name, differences.programs.store.states[name].public_shape)

    for direction in directions_of(gradient.shape, count, rng):
        least = atol + differences.noise(differences.distance(direction))

        def tolerate(difference: float, least: float = least) -> float:
            return least + rtol * abs(difference)

        difference = differences.quotient(name, direction, tolerate)
        if difference is None:
            found.skipped += 1
        else:
            found.note(float(np.vdot(gradient, direction)), difference, tolerate(difference))
    return found


def directions_of(shape: tuple[int, ...], count: int | None, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """`count` random directions; every element by itself if it is None, or as large as there are elements."""
    size = int(np.prod(shape))
    if count is None or size <= count:
        for k in range(size):
            direction = np.zeros(size)
            direction[k] = 1.0
            yield direction.reshape(shape)
    else:
        for _ in range(count):
            yield rng.standard_normal(shape)
