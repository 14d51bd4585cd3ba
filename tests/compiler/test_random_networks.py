"""Fused = unfused = the interpreter, loss and gradients, on 40 random networks; every fourth in inference too.

`tools/fuzz.py` runs as many as asked.
"""

import numpy as np
import pytest

from nngraph.optimize import passes_for
from tests import compiled
from tests import random_checks as checks
from tests.random_graphs import draw_recipe

SEEDS = range(40)
NODES = 25


def dtype_of(seed):
    return "float64" if seed % 2 else "float32"


@pytest.fixture(scope="module")
def trials():
    """Each with its programs: (trial, fused, unfused, fused inference or None)."""
    found = []
    for seed in SEEDS:
        trial, dtype = checks.trial_of(draw_recipe(seed, NODES)), dtype_of(seed)
        step = checks.gradients_graph(trial.recipe, dtype)
        inference = checks.forward_graph(trial.recipe, dtype) if seed % 4 == 0 else None
        graphs = [(step, compiled.FUSED), (step, compiled.UNFUSED), (inference, passes_for("predict"))]
        found.append((trial, *(graph and compiled.scheduled(graph, passes) for graph, passes in graphs)))
    compiled.compiled(made for one in found for made in one[1:] if made)
    return found


def run(trial, made):
    graph = made.graph
    return compiled.execute(
        made, trial.inputs, trial.held(graph), trial.recipe.batch, 1 + trial.recipe.seed // 2 % 2
    ).outputs


@pytest.mark.parametrize("seed", SEEDS)
def test_fused_and_unfused(trials, seed):
    trial, fused, unfused, _ = trials[seed]
    dtype = dtype_of(seed)
    assert checks.well_conditioned(trial), "draw another network in its place"
    expected = checks.compared(trial.expected)
    for made in (fused, unfused):
        assert checks.differences(run(trial, made), expected, checks.TOLERANCE[dtype]) == []
    assert len(fused.calls) <= len(unfused.calls)


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_inference(trials, seed):
    trial, _, _, made = trials[seed]
    graph = checks.forward_graph(trial.recipe, "float64")
    expected = checks.interpret(graph, trial.inputs, trial.held(graph))[0]
    floats = {name: x for name, x in expected.items() if x.dtype.kind == "f"}
    assert checks.differences(run(trial, made), floats, checks.TOLERANCE[dtype_of(seed)]) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_are_slopes(trials, seed):
    slopes = checks.check_slopes(trials[seed][0])
    assert slopes.wrong == []
    assert slopes.skipped <= 1


def test_what_is_drawn_is_worth_it(trials):
    """Shared and frozen parameters, several inputs, outputs and losses, integers and masks do occur."""
    recipes = [one[0].recipe for one in trials]
    steps = [step for recipe in recipes for step in recipe.steps]
    assert len({step.op for step in steps}) > 45
    assert any("shared_with" in step.attributes for step in steps)
    assert any(step.attributes.get("trainable") is False for step in steps)
    for kept in (
        lambda r: len(r.losses) > 1,
        lambda r: len(r.outputs) > 1,
        lambda r: r.regularizer,
        lambda r: r.sample_weights,
        lambda r: r.batch == 1,
        lambda r: sum(step.op == "input" for step in r.steps) > 1,
    ):
        assert any(map(kept, recipes))
    assert np.mean([len(recipe.steps) for recipe in recipes]) > 10


def test_a_recipe_can_be_made_smaller():
    recipe = draw_recipe(1)
    sizes = [len(smaller.steps) for smaller in recipe.smaller()]
    assert min(sizes) < len(recipe.steps)
    assert max(sizes) <= len(recipe.steps)
