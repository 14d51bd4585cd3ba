"""What prediction computes once: factors folded into weights, and all else that depends on states alone."""

from collections import Counter

import numpy as np
import pytest

import nngraph as ng
from nngraph.compiler import Compilation, compile_program
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower
from nngraph.optimize.fixed import fixed_values
from tests import random_checks as checks
from tests.random_graphs import draw_states

IMAGE, BATCH = (6, 5, 4), 3
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def mixture(g: ng.Graph, x: ng.Value) -> ng.Value:
    """A node of a wiring; the normalizations before it are left to its kernel."""
    before = [g.batch_norm(g.conv2d(x, 5, 1, bias=False)) for _ in range(2)]
    return g.depthwise_conv2d(g.relu(g.weighted_sum(before)), 3, bias=False)


PRODUCTS = {
    "linear": lambda g, x: g.linear(x, 5),
    "linear without bias": lambda g, x: g.linear(x, 5, bias=False),
    "vector": lambda g, x: g.linear(g.flatten(x), 7),
    "conv2d": lambda g, x: g.conv2d(x, 6, 3),
    "conv2d of 1×1": lambda g, x: g.conv2d(x, 6, 1, bias=False),
    "grouped": lambda g, x: g.conv2d(x, 6, (3, 2), stride=2, groups=2),
    "depthwise": lambda g, x: g.depthwise_conv2d(x, 3, multiplier=2),
    "separable": lambda g, x: g.separable_conv(x, 5, 3),
    "mixture": mixture,
    "one channel": lambda g, x: g.linear(x, 1),
}


def network(product) -> ng.Graph:
    g = ng.Graph("normalized")
    h = product(g, g.input("x", IMAGE))
    g.output(g.relu(g.batch_norm(h, name="normal")), name="y")
    return g


def states_of(model: ng.Model, seed: int = 0) -> dict[str, np.ndarray]:
    """Drawn for a model's parameters and statistics; variances are positive."""
    own = [state for state in model.programs.store.states.values() if state.kind != "prepared"]
    found = draw_states(own, seed)
    return {name: abs(x) + 0.1 if name.endswith("variance") else x for name, x in found.items()}


def unfolded(graph: ng.Graph, states: dict[str, np.ndarray], **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What the graph as it is lowered makes of them, in float64."""
    lowered = lower(graph.declaration(), dtype="float64")
    held = {state.name: state.from_public(states[state.name].astype(np.float64)) for state in lowered.states}
    return interpret(lowered, inputs, held)[0]


def check(graph: ng.Graph, dtype: str = "float64", seed: int = 0) -> ng.Model:
    """Predictions are those of the unfolded graph, before and after parameters change."""
    model = ng.compile(graph, dtype=dtype, threads=2)
    x = np.random.default_rng(seed).normal(size=(BATCH, *model.signature.inputs["x"].shape))
    for drawn in (seed, seed + 1):
        states = states_of(model, drawn)
        model.set_parameters(states)
        found = model.predict(x)
        outputs = found if isinstance(found, dict) else {next(iter(graph.outputs)): found}
        assert checks.differences(outputs, unfolded(graph, states, x=x), TOLERANCE[dtype]) == []
    return model


def calls(model: ng.Model) -> list[str]:
    return [call.kernel.family for call in model.schedule]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_factor_of_each_channel_goes_into_the_weights(name, dtype):
    graph = network(PRODUCTS[name])
    check(graph, dtype)
    folded = compile_program(Compilation(graph.declaration(), "predict", checked=True), "fold_scales").graph
    assert folded
    assert "scale_shift" not in {node.op.name for node in folded.nodes}


def test_a_product_and_its_normalization_are_one_call():
    assert calls(check(network(PRODUCTS["conv2d"]))) == ["matmul"]


@pytest.mark.parametrize("batch_norm", [0, 1], ids=["of the first", "of the second"])
def test_another_reader_of_the_weight_gets_it_as_it_is(batch_norm):
    g = ng.Graph("shared")
    x = g.input("x", IMAGE)
    values = [g.linear(x, 4, name="own"), g.linear(g.sigmoid(x), 4, shared_with="own", name="again")]
    values[batch_norm] = g.batch_norm(values[batch_norm], name="normal")
    for value, name in zip(values, ("first", "second"), strict=True):
        g.output(value, name=name)
    check(g)


def test_a_product_that_is_read_as_it_is_keeps_its_weight():
    g = ng.Graph("read")
    h = g.linear(g.input("x", IMAGE), 4, name="product")
    g.output(h, name="product")
    g.output(g.batch_norm(h), name="normal")
    assert calls(check(g)) == ["matmul"]


def test_several_factors_and_shifts():
    """A scalar, a division, shifts before and after; what is subtracted from or divided ends it."""
    g = ng.Graph("chain")
    h = g.linear(g.input("x", IMAGE), 4, bias=False)
    h = g.batch_norm(g.subtract(g.divide(g.multiply(0.5, g.add(h, 2.0)), 3.0), 1.0))
    g.output(g.subtract(1.0, g.batch_norm(h)), name="y")
    assert calls(check(g)) == ["matmul"]


@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 5)])
def test_a_shift_may_have_axes_of_size_one_in_front(shape):
    values = np.random.default_rng(3)
    g = ng.Graph("shifted")
    h = g.matmul(g.input("x", (5, 4)), g.constant(value=values.normal(size=(5, 4))), transpose_b=True)
    h = g.multiply(h, g.constant(value=values.normal(size=shape)))
    g.output(g.add(h, g.constant(value=values.normal(size=shape))), name="y")
    assert calls(check(g)) == ["matmul"]


def test_a_factor_of_each_row_is_none_of_each_channel():
    g = ng.Graph("rows")
    h = g.multiply(g.linear(g.input("x", (5, 4)), 5), 3.0)
    g.output(g.multiply(h, g.constant(value=np.arange(5.0).reshape(5, 1))), name="y")
    check(g)


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_a_number_with_more_axes_than_the_result_ends_the_chain(op):
    g = ng.Graph("more")
    h = g.multiply(g.linear(g.input("x", (5, 4)), 3, bias=False), 2.0)
    g.output(g.apply(op, [h, g.constant(value=np.arange(3.0).reshape(1, 1, 1, 3))]), name="y")
    check(g)
    compile_program(Compilation(g.declaration(), "predict", checked=True), "fold_scales")  # all types are right


def test_random_numbers_are_not_the_same_for_every_batch():
    b = Builder()
    step = b.constant(3, "int32")
    drawn, number = b.add("random_uniform", step, shape=(4,), key=(7, 0)), b.add("cast", step, dtype="float32")
    graph = Graph("random", (), tuple(b.nodes), (("drawn", drawn), ("number", number)))
    assert fixed_values(graph) == {step, number}


def test_frozen_nodes():
    g = ng.Graph("frozen")
    h = g.conv2d(g.input("x", IMAGE), 6, 3, trainable=False)
    g.output(g.relu(g.batch_norm(h, trainable=False)), name="y")
    check(g)


def test_what_depends_on_parameters_alone_is_computed_once():
    """Shares of the edges, factors and shifts; a net without any of it has no preparation."""
    g = ng.Graph("wired")
    h = g.randwire(g.input("x", (8, 8, 3)), 4, ng.WS(6, 4, 0.75, seed=1), name="stage")
    g.output(g.linear(g.global_average_pool(g.relu(h)), 3), name="y")
    model = check(g)
    assert Counter(calls(model)) == {"depthwise": 6, "matmul": 7, "columns": 1, "rows": 1}
    plain = ng.Graph("plain")
    plain.output(plain.linear(plain.input("x", (4,)), 3))
    assert ng.compile(plain).programs.bind("predict", 1).preparation is None


def test_outputs_that_depend_on_parameters_alone():
    g = ng.Graph("own")
    x = g.input("x", (4,))
    weights = g.multiply(g.linear(g.constant(value=np.eye(4)), 3, name="layer"), 2.0)
    g.output(weights, name="weights")
    g.output(g.linear(x, 3, shared_with="layer"), name="scores")
    model = check(g)
    assert len(calls(model)) == 1


def test_a_preparation_serves_all_batch_sizes(monkeypatch):
    model = ng.compile(network(PRODUCTS["linear"]))
    x = np.zeros((7, *IMAGE), np.float32)
    runs = []
    prepare = type(model.programs).prepare
    monkeypatch.setattr(type(model.programs), "prepare", lambda *given: runs.append(given[1]) or prepare(*given))
    for rows in (7, 3, 7, 1):
        model.predict(x[:rows])
    assert runs == ["predict"]
    model.set_parameters(model.parameters())
    model.predict(x)
    model.predict(x)
    assert runs == ["predict"] * 2
