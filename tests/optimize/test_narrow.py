"""What is kept in 16 bits, and what is not."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.differentiate import differentiate, objective_from
from nngraph.emit.source import kernel_source
from nngraph.errors import CompilationError
from nngraph.ir.interpret import interpret
from nngraph.ir.types import Batch
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from nngraph.optimize import passes_for
from nngraph.optimize.narrow import LISTS, narrow
from nngraph.plan import plan
from nngraph.schedule import schedule
from nngraph_kernels.storage_reference import STORAGE, stored
from tests import compiled
from tests import random_checks as checks
from tests.optimize.graphs import wiring_node
from tests.random_graphs import draw_recipe


def step(dtype="float32"):
    """A training step with all that narrowing meets: lists, views, statistics, a dropout."""
    g = ng.Graph("net")
    stem = g.batch_norm(g.linear(g.input("x", shape=(4, 3, 2)), 2, name="stem"))
    nodes = [wiring_node(g, 1, stem)]
    nodes.append(wiring_node(g, 2, g.weighted_sum(nodes[:1])))
    nodes.append(wiring_node(g, 3, g.weighted_sum(nodes)))
    h = g.dropout(g.flatten(g.max_pool(g.average(nodes[1:]), 2)), 0.25)
    g.output(g.linear(h, 3, name="scores"))
    forward = lower(g.wiring, training=True, dtype=dtype, seed=1)
    optimizer = optimizer_from({"type": "adam"})
    return compiled.optimized(differentiate(forward, objective_from("cross_entropy", ["scores"]), optimizer))


@pytest.mark.parametrize("storage", STORAGE)
def test_activations_and_cotangents_are_narrow(storage):
    graph = narrow(step(), storage)
    made = [value for node in graph.nodes for value in node.results]
    chosen = {value.name for value in made if value.narrow}
    assert {value.narrow for value in made} == {"", storage}
    assert {"stem", "pointwise1", "max_pool_1", "scores"} <= chosen
    assert any(name.startswith("gradient/depthwise") for name in chosen)
    for value in made:
        batched = any(isinstance(dim, Batch) for dim in value.type.shape)
        assert not value.narrow or (value.type.dtype == "float32" and batched and value.type.shape[-1] != 1)
    for value in (*graph.inputs, *graph.roots(), *(state.old for state in graph.states)):
        assert not value.narrow
    for node in graph.nodes:
        if node.op.view:
            assert node.result.narrow == node.inputs[0].narrow
        if node.op.name in LISTS:
            assert len({value.narrow for value in node.inputs[LISTS[node.op.name]]}) == 1


def test_float64_stays():
    graph = step("float64")
    assert narrow(graph, "bfloat16") is graph


def test_a_list_is_of_one_kind():
    """One tensor of it is an output: all of them stay."""
    g = ng.Graph("g")
    x = g.input("x", shape=(3,))
    one, two = g.exp(x), g.tanh(x)
    g.output(one, name="one")
    g.output(g.weighted_sum([one, two]), name="sum")
    graph = narrow(compiled.optimized(lower(g.wiring)), "bfloat16")
    assert not any(value.narrow for node in graph.nodes for value in node.results)


def test_the_interpreter_rounds_what_is_made():
    g = ng.Graph("g")
    g.output(g.exp(g.linear(g.tanh(g.input("x", shape=(3,))), 4, bias=False, name="h")))
    graph = narrow(compiled.optimized(lower(g.wiring)), "bfloat16")
    x, weight = np.random.default_rng(0).normal(size=(2, 3)).astype("f"), np.ones((3, 4), "f")
    (found,) = interpret(graph, {"x": x}, {"h.weight": weight})[0].values()
    np.testing.assert_array_equal(found, np.exp(stored(np.tanh(x), "bfloat16") @ weight))


def test_it_takes_less_memory_and_no_memory_of_wider_ones():
    graph = step()
    wide, made = schedule(graph), schedule(narrow(graph, "float16"))
    assert plan(made, 64).scratch < 0.75 * plan(wide, 64).scratch  # where all values have had their place
    assert any(call.in_place for call in made.calls)
    for call in made.calls:
        for o, i in call.in_place:
            assert call.outputs[o].value.narrow == call.inputs[i].value.narrow


def test_the_processor_has_no_such_kernels():
    kernel = next(kernel for kernel in schedule(narrow(step(), "bfloat16")).kernels if kernel.narrow)
    with pytest.raises(CompilationError, match="16 bits are stored on CUDA devices only"):
        kernel_source(kernel)


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_mean_nearly_the_same(seed):
    """But for rounding: where a step of it decides between two ways, gradients jump, so the loss is looked at."""
    trial = checks.trial_of(draw_recipe(seed))
    graph = checks.gradients_graph(trial.recipe, "float32")
    inputs = {name: x.astype("f") if x.dtype.kind == "f" else x for name, x in trial.inputs.items()}
    held = {name: x.astype("f") if x.dtype.kind == "f" else x for name, x in trial.held(graph).items()}
    expected = interpret(graph, inputs, held)[0]["loss"]
    found = interpret(compiled.optimized(graph, passes_for("train", "float16")), inputs, held)[0]["loss"]
    if np.isfinite(expected) and abs(expected) < 1e3:
        assert abs(found - expected) <= 0.05 * max(1, abs(expected))
