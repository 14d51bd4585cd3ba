import math

import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.errors import OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import TensorType
from nngraph.ops.optimizer import SGD, Adam
from nngraph.ops.schedule import Constant, Cosine, Exponential, Step, WarmUp, schedule_from


def rates(schedule, steps):
    b = Builder()
    time = Value("time", TensorType((), "float64"))
    rate = schedule.rate(b, time)
    assert rate.type == TensorType((), "float64")
    graph = Graph("rate", (time,), tuple(b.nodes), (("rate", rate),))
    return [float(interpret(graph, {"time": np.float64(t)})[0]["rate"]) for t in range(steps)]


def test_constant():
    assert rates(schedule_from(0.1), 3) == [0.1] * 3


def test_step():
    np.testing.assert_allclose(rates(Step(1.0, 0.1, steps=2), 5), [1, 1, 0.1, 0.1, 0.01])


def test_exponential():
    np.testing.assert_allclose(rates(Exponential(2.0, 0.25, steps=2), 5), [2, 1, 0.5, 0.25, 0.125])


def test_cosine_ends_and_stays():
    found = rates(Cosine(1.0, 0.2, steps=4), 7)
    np.testing.assert_allclose(found[:5], [0.2 + 0.4 * (1 + math.cos(math.pi * t / 4)) for t in range(5)])
    np.testing.assert_allclose(found[4:], 0.2)


def test_warm_up_rises_to_the_other_schedule():
    found = rates(WarmUp(Cosine(1.0, steps=10), steps=4), 10)
    plain = rates(Cosine(1.0, steps=10), 10)
    np.testing.assert_allclose(found, [r * min(1, (t + 1) / 4) for t, r in enumerate(plain)])
    assert found[4:] == plain[4:]


def test_warm_up_of_a_number():
    assert WarmUp(0.1, steps=3) == WarmUp(Constant(0.1), steps=3)


def test_epochs_become_steps():
    assert Step(0.1, epochs=2).resolve(10, 100) == Step(0.1, steps=20)
    assert Step(0.1, steps=7).resolve(10, 100) == Step(0.1, steps=7)
    assert Exponential(0.1, epochs=0.25).resolve(10, 100) == Exponential(0.1, steps=2)
    assert Exponential(0.1, epochs=0.01).resolve(10, 100) == Exponential(0.1, steps=1)
    assert Constant(0.1).resolve(10, 100) == Constant(0.1)
    nested = WarmUp(Cosine(0.1), epochs=1).resolve(10, 100)
    assert nested == WarmUp(Cosine(0.1, steps=100), steps=10)


def test_without_a_length_all_of_the_training():
    assert Cosine(0.1).resolve(10, 100).steps == 100


def test_optimizers_resolve_their_schedule():
    assert Adam(Cosine(0.1)).resolve(10, 100) == Adam(Cosine(0.1, steps=100))
    assert SGD(0.1).resolve(10, 100) == SGD(0.1)


def test_a_length_must_be_known_to_compute_a_rate():
    with pytest.raises(OptionError, match="give it in steps"):
        rates(Step(0.1, epochs=2), 1)
