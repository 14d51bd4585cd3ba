"""The learning rates of steps, as an optimizer's schedule says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import TensorType
from nngraph.ops.optimizer import Optimizer
from nngraph.ops.schedule import RATE, schedule_from


def learning_rates(optimizer: Optimizer, steps: Sequence[int] | ArrayLike) -> np.ndarray:
    """The rates with which some steps are taken.

    Parameters
    ----------
    optimizer : Optimizer
        Lengths of its schedule are in steps, as `Optimizer.resolve` leaves them.
    steps : array_like of int, (n,)
        Counted from 0: how many have been taken before.

    Returns
    -------
    ndarray, (n,), float64
    """
    times = np.asarray(steps, RATE)
    time = Value("time", TensorType(times.shape, RATE))
    b = Builder()
    rate = schedule_from(optimizer.learning_rate).rate(b, time)
    found, _ = interpret(Graph("rate", (time,), tuple(b.nodes), (("rate", rate),)), {"time": times})
    return np.broadcast_to(found["rate"], times.shape)
