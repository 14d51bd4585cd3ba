"""What each pass does to a small graph, and that no pass changes what a graph means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngraph.differentiate import differentiate
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.rewrite import substitute
from nngraph.ir.text import to_text
from nngraph.ir.types import BATCH, TensorType
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from nngraph.optimize import PASSES
from tests import compiled
from tests import random_checks as checks
from tests.goldens import check_golden
from tests.optimize.graphs import DTYPE, GRAPHS
from tests.random_graphs import draw, draw_inputs, draw_recipe, draw_states
from tests.random_mixtures import draw_mixture

named = pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)


def before(step) -> Graph:
    """The pass's own graph; fusion sees what the passes before it leave."""
    graph = GRAPHS[step.name]()
    return compiled.optimized(graph, compiled.FUSED[:-1]) if step.name == "fuse" else graph


@named
def test_golden_text(step):
    graph = before(step)
    after = compiled.optimized(graph, (step,))
    check_golden(f"optimize_{step.name}", f"{to_text(graph)}\nafter {step.name}:\n{to_text(after)}")


@named
def test_a_second_run_changes_nothing(step):
    once = compiled.optimized(before(step), (step,))
    assert to_text(compiled.optimized(once, (step,))) == to_text(once)


@pytest.mark.parametrize("name", GRAPHS)
def test_meaning_is_kept(name):
    graph = GRAPHS[name]()
    inputs = {
        v.name: draw(v.type.numpy_shape(3), 3 if v.type.dtype == "int32" else (-2, 2), 0, v.name) for v in graph.inputs
    }
    states = draw_states(graph.states, 0)
    held = {s.name: s.from_public(states[s.name]) for s in graph.states}
    assert checks.check_passes(graph, inputs, held) == []


@given(st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_meaning_of_random_networks_is_kept(seed):
    """The loss and gradients of a training program, and the outputs of inference."""
    trial = checks.trial_of(draw_recipe(seed))
    if not checks.well_conditioned(trial):
        return
    assert checks.check_passes(trial.gradients, trial.inputs, trial.held(trial.gradients), 1e-9) == []
    forward = checks.forward_graph(trial.recipe, "float64")
    assert checks.check_passes(forward, trial.inputs, trial.held(forward), 1e-9) == []


@pytest.mark.parametrize("seed", range(25))
def test_meaning_of_random_mixtures_is_kept(seed):
    """The gradients, what a step changes (running statistics among it), and the outputs of inference."""
    trial = checks.trial_of(draw_mixture(seed))
    assert checks.check_passes(trial.gradients, trial.inputs, trial.held(trial.gradients), 1e-9) == []
    forward = lower(trial.recipe.graph().wiring, training=True, dtype="float64", seed=seed)
    step = differentiate(forward, trial.recipe.objective(), optimizer_from({"type": "sgd", "learning_rate": 0.1}))
    assert checks.check_passes(step, trial.inputs, trial.held(forward) | {"step": np.int32(seed)}, 1e-9) == []
    inference = checks.forward_graph(trial.recipe, "float64")
    assert checks.check_passes(inference, trial.inputs, trial.held(inference), 1e-9) == []


def test_mixtures_are_taken_in_and_gathered():
    """Those that are drawn do meet the passes."""
    graphs = [
        compiled.optimized(checks.gradients_graph(draw_mixture(seed), "float64"), PASSES[:4]) for seed in range(25)
    ]
    found = {node.op.name for graph in graphs for node in graph.nodes}
    assert found >= {"mixed_depthwise_backward", "mixed_sums", "mixed_cotangent", "mixed_weights_gradient"}
    assert found >= {"scale_shift_backward", "inner_products"}  # and have their limits


@given(st.integers(0, 2**31), st.sampled_from(["sgd", "adam"]))
@settings(max_examples=30, deadline=None)
def test_updates_of_random_networks_are_kept(seed, optimizer):
    recipe = draw_recipe(seed)
    forward = lower(recipe.graph().wiring, training=True, dtype="float64", seed=seed)
    optimizer = optimizer_from({"type": optimizer, "learning_rate": 0.1, "clip_norm": 0.5})
    graph = differentiate(forward, recipe.objective(), optimizer)
    inputs, public = draw_inputs(recipe, graph), draw_states(graph.states, 0)
    states = {s.name: abs(public[s.name]) if s.kind == "moment" else public[s.name] for s in graph.states}
    held = {s.name: s.from_public(states[s.name]) for s in graph.states}
    outputs, following = interpret(graph, inputs, held)
    finite = all(np.isfinite(array).all() for array in (*outputs.values(), *following.values()))
    if finite and checks.well_conditioned(checks.trial_of(recipe)):  # other states than the trial's: a log may fail
        assert checks.check_passes(graph, inputs, held, 1e-7) == []


@pytest.mark.parametrize("seed", range(10))
def test_two_runs_give_one_text(seed):
    """Nothing depends on addresses or on the order of sets."""
    one, other = (to_text(compiled.optimized(checks.gradients_graph(draw_recipe(seed), "float32"))) for _ in range(2))
    assert one == other


def test_a_rewrite_keeps_the_preparation():
    graph = compiled.optimized(GRAPHS["prepare"](), tuple(step for step in PASSES if step.name == "prepare"))
    assert graph.preparation
    assert substitute(graph, graph.nodes, {}).preparation is graph.preparation


def test_a_dropout_mask_is_drawn_once_a_step():
    graph = compiled.optimized(GRAPHS["fuse"]())
    text = to_text(graph)
    assert text.count("= random_uniform(") == 1
    masks = [value for node in graph.nodes for value in node.results if value.type.dtype == "bool"]
    assert len(masks) == 1  # kept for the way back


def test_an_update_is_one_product():
    """Gradient, regularizer's gradient and step are the epilogue of the weight's gradient product."""
    graph = compiled.optimized(GRAPHS["fuse"]())
    (update,) = (node for node in graph.nodes if node.results[0].name == "update/scores.weight")
    ops = [node.op.name for node in update.attributes["graph"].nodes if node.op.name != "constant"]
    assert ops == ["multiply", "multiply", "matmul", "add", "multiply_add"]
    assert {value.name for value in update.inputs} == {
        "scores.weight", "dropout", "gradient/loss/log_softmax/subtract",
    }  # fmt: skip


def test_what_a_product_multiplies_is_not_left_to_its_epilogue():
    b = Builder()
    x, w = Value("x", TensorType((4, 4))), Value("w", TensorType((4, 4)))
    h = b.add("tanh", x)
    y = b.add("add", b.add("matmul", h, w), b.add("exp", x))
    graph = Graph("g", (x, w), tuple(b.nodes), (("y", y),))
    fused = compiled.optimized(graph)
    first, last = fused.nodes
    assert first.op.name == "tanh"
    assert [node.op.name for node in last.attributes["graph"].nodes] == ["exp", "matmul", "add"]


def test_cheap_work_waits_for_all_that_it_reads():
    """The comparison with the largest of all is cheap, but that number comes from a later kernel than softmax."""
    b = Builder(dtype=DTYPE)
    x = Value("x", TensorType((BATCH, 8), DTYPE))
    h = b.add("softmax", x)
    mask = b.add("cast", b.add("equal", h, b.add("max", h)), dtype=DTYPE)
    outputs = (("mask", mask), ("h", h), ("number", b.add("sum", mask)))
    graph = Graph("g", (x,), tuple(b.nodes), outputs)
    assert checks.check_passes(graph, {"x": draw((3, 8), (-2, 2), 0, "x")}, {}) == []


def test_an_operand_may_lose_axes_of_size_one_in_front():
    b = Builder()
    x = Value("x", TensorType((1, 1)))
    y = b.add("exp", b.add("broadcast_to", b.add("view", x, shape=()), shape=(4,)))
    graph = Graph("g", (x,), tuple(b.nodes), (("y", y),))
    inputs = {"x": draw((1, 1), (-2, 2), 0, "x")}
    assert checks.check_passes(graph, inputs, {}, 1e-6) == []


def test_states_are_written_after_all_that_reads_them():
    graph = compiled.optimized(GRAPHS["fuse"]())
    place = {value: k for k, node in enumerate(graph.nodes) for value in node.results}
    for state in graph.states:
        readers = [k for k, node in enumerate(graph.nodes) if state.old in node.inputs]
        if state.new is not state.old:
            assert max(readers) <= place[state.new]


def test_interpretation_of_a_fused_node_is_that_of_its_inner_graph():
    graph = GRAPHS["decompose"]()
    fused = compiled.optimized(graph)
    assert any(node.op.name == "fused" for node in fused.nodes)
    x = draw((2, 3, 4), (-2, 2), 0, "x")
    expected, found = (interpret(g, {"x": x})[0] for g in (graph, fused))
    assert checks.differences(found, expected, 1e-13) == []
