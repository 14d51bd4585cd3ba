"""Values and gradients on arrows, against what is known and what a model computes."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.compiler import compile_program
from nngraph.draw.picture import Picture
from nngraph.draw.values import backward, forward_values, values_picture, without_dead
from nngraph.errors import OptionError
from nngraph.report.compilation import compilation_of


def compiled(g: ng.Graph, purpose: str = "forward"):
    c = compilation_of(g, dtype="float64")
    c.purpose = purpose
    return c


def labels(found: Picture) -> dict[tuple[str, str], str]:
    return {(found.items[k.source].id, found.items[k.target].id): k.label.replace("−", "-") for k in found.links}


def neuron() -> ng.Graph:
    """1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))."""
    g = ng.Graph("neuron")
    x0, x1, w0, w1, w2 = (g.input(name, shape=()) for name in ("x0", "x1", "w0", "w1", "w2"))
    g.output(1 / (1 + g.exp(-(w0 * x0 + w1 * x1 + w2))), name="f")
    return g


EXAMPLE = {"x0": -1.0, "x1": -2.0, "w0": 2.0, "w1": -3.0, "w2": -3.0}


def test_a_neuron_as_courses_draw_it():
    f = 1 / (1 + np.exp(-1.0))
    df = f * (1 - f)
    found = values_picture(compiled(neuron()), {name: np.array([value]) for name, value in EXAMPLE.items()})
    at = labels(found)
    assert at["x0", "multiply_1"] == f"-1\n{2 * df:.3g}"
    assert at["w0", "multiply_1"] == f"2\n{-df:.3g}"
    assert at["x1", "multiply_2"] == f"-2\n{-3 * df:.3g}"
    assert at["w1", "multiply_2"] == f"-3\n{-2 * df:.3g}"
    assert at["w2", "add_2"] == f"-3\n{df:.3g}"
    assert at["divide_1", "f"] == f"{f:.3g}\n1"
    facts = next(item for item in found.items if item.id == "divide_1").facts.attributes
    assert facts["downstream to add_3"].replace("−", "-") == f"{-f * f:.3g} × 1 = {-f * f:.3g}"
    assert found.sideways


def test_the_gradients_of_several_arrows_add_up():
    g = ng.Graph("twice")
    x = g.input("x", shape=())
    g.output(x * x + x, name="y")
    c = compiled(g)
    graph = without_dead(compile_program(c, "differentiate").graph)
    values = forward_values(graph, 0, {"x": np.array([3.0])})
    edges, totals = backward(graph, values)
    (x,) = graph.inputs
    assert totals[x] == pytest.approx(7.0)
    assert sum(float(gradient[0]) for (node, _), gradient in edges.items() if node == "multiply_1") == 6.0
    assert edges["add_1", 1] == pytest.approx(1.0)


def test_parameters_have_the_gradients_that_training_takes():
    g = ng.Graph("small")
    x = g.input("x", shape=(3,))
    g.output(g.linear(g.tanh(g.linear(x, 4, name="h")), 2, name="y"))
    g.training = {"loss": "cross_entropy"}
    c = compiled(g, "loss")
    graph = without_dead(compile_program(c, "differentiate").graph)
    example = {"x": np.array([[0.3, -1.0, 2.0]]), "target": np.array([[1]], np.int32)}
    _, totals = backward(graph, forward_values(graph, 0, example))
    model = ng.compile(g, dtype="float64", seed=0)
    _, expected = model.loss_and_gradients(example["x"], example["target"][:, 0])
    for state in graph.states:
        np.testing.assert_allclose(state.to_public(totals[state.old]), expected[state.name], rtol=1e-9)


def test_metrics_and_large_graphs_are_left_out():
    g = ng.Graph("deep")
    h = g.input("x", shape=(2,))
    for _ in range(70):
        h = g.relu(h)
    g.output(h)
    with pytest.raises(OptionError, match="--values: a graph of 71 nodes, inputs and parameters given, at most 60"):
        values_picture(compiled(g), {"x": np.zeros((1, 2))})
