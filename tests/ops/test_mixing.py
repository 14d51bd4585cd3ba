"""Weighted sums of several inputs: how they begin, and what leaving out edges does."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.differentiate import differentiate, objective_from
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower
from tests import compiled

STEPS = 3000


def shares(count, rate, training=True):
    """Step by step the weight that each of `count` inputs has, each input being a unit vector."""
    g = ng.Graph()
    inputs = [g.input(f"x{k}", shape=(count,)) for k in range(count)]
    g.output(g.weighted_sum(inputs, edge_dropout=rate, name="sum"))
    graph = lower(g.wiring, training=training)
    given = {f"x{k}": np.eye(count)[k : k + 1] for k in range(count)}
    weights = {"sum.weight": np.zeros(count)}
    steps = range(STEPS) if "step" in [state.name for state in graph.states] else range(1)
    return np.array([interpret(graph, given, {**weights, "step": n})[0]["sum"][0] for n in steps])


def test_inputs_begin_with_half_their_weight():
    assert (shares(3, 0.0) == 0.5).all()
    assert (shares(3, 0.4, training=False) == 0.5).all()


def test_a_step_leaves_out_one_edge_at_most():
    for count, rate in ((2, 0.1), (5, 0.4)):
        left_out = shares(count, rate) == 0
        assert left_out.sum(axis=1).max() == 1
        assert left_out.any(axis=1).mean() == pytest.approx(rate, abs=4 * np.sqrt(rate / STEPS))
        np.testing.assert_allclose(left_out.mean(axis=0), rate / count, atol=4 * np.sqrt(rate / count / STEPS))


def test_the_only_edge_stays():
    assert (shares(1, 1.0) == 0.5).all()


def test_kernels_know_nothing_of_how_many_inputs_there_are():
    """Forward, and backward with respect to inputs and weights."""
    found = []
    for count in (2, 3, 9, 16):
        g = ng.Graph()
        x = g.input("x", shape=(6, 6, 5))
        values = [g.linear(x, 5, name=f"h{k}") for k in range(count)]
        g.output(g.linear(g.reshape(g.weighted_sum(values), (180,)), 3, name="scores"))
        program = differentiate(lower(g.wiring, training=True), objective_from("cross_entropy", ["scores"]))
        found.append({call.kernel for call in compiled.scheduled(program).calls})
    assert all(kernels == found[0] for kernels in found)


def test_number_of_inputs_and_shapes_are_checked():
    g = ng.Graph()
    x, y = g.input("x", shape=(4,)), g.input("y", shape=(5,))
    with pytest.raises(ng.DeclarationError, match=r"'weighted_sum_1' \(weighted_sum\): inputs of one shape"):
        g.weighted_sum([x, y])
    with pytest.raises(ng.DeclarationError, match="1 or more expected"):
        g.average([])
