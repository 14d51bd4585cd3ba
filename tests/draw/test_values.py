"""Values and gradients on arrows, against what is known and what a model computes."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.cli.values import random_example
from nngraph.compiler import compile_program
from nngraph.draw.measure import label_size
from nngraph.draw.picture import BELOW, Picture
from nngraph.draw.scene import compose
from nngraph.draw.svg import EDGE
from nngraph.draw.values import backward, forward_values, values_picture, without_dead
from nngraph.errors import OptionError
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import MODELS, needs_graphviz


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
    assert at["x0", "multiply_1"] == f"-1\n\n{2 * df:.3g}"
    assert at["w0", "multiply_1"] == f"2\n\n{-df:.3g}"
    assert at["x1", "multiply_2"] == f"-2\n\n{-3 * df:.3g}"
    assert at["w1", "multiply_2"] == f"-3\n\n{-2 * df:.3g}"
    assert at["w2", "add_2"] == f"-3\n\n{df:.3g}"
    assert at["divide_1", "f"] == f"{f:.3g}\n\n1"
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


def perceptron() -> ng.Graph:
    g = ng.Graph("2-3-2")
    x = g.input("x", shape=(2,))
    g.output(g.linear(g.relu(g.linear(x, 3, name="hidden")), 2, name="logits"))
    g.training = {"loss": "cross_entropy"}
    return g


def softmax() -> ng.Graph:
    return load_graph(MODELS / "linear_softmax.json")


def perceptron_picture() -> Picture:
    example = {"x": np.array([[1.5, -0.25]]), "target": np.array([[1]], np.int32)}
    return values_picture(compiled(perceptron(), "loss"), example)


def test_vectors_are_columns_and_matrices_rows():
    found = perceptron_picture()
    at = labels(found)
    assert at["x", "hidden/matmul"].startswith("1.5\n-0.25\n\n")
    value, gradient = at["logits.weight", "logits/matmul"].split("\n\n")
    assert [len(row.split()) for row in value.splitlines()] == [2, 2, 2]
    assert len(gradient.splitlines()) == 3
    assert at["target", "loss/one_hot_last"] == "1\n\n"
    assert [len(part.splitlines()) for part in at["hidden.bias", "hidden"].split("\n\n")] == [3, 3]
    weight = next(item for item in found.items if item.id == "hidden.weight")
    assert (weight.label, weight.note) == ("weight", "hidden")


def test_the_mean_over_the_batch_is_not_drawn():
    found = perceptron_picture()
    assert [item.op for item in found.items if item.id.startswith("loss")] == [
        "one_hot_last", "log_softmax", "multiply", "sum", "negate", "output"
    ]  # fmt: skip
    value, gradient = labels(found)["loss/negate", "loss"].split("\n\n")
    assert float(value) > 0
    assert gradient == "1"


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Of two boxes: left, top, right, bottom."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


@needs_graphviz
@pytest.mark.parametrize(("make", "widest"), [(perceptron, 1320), (softmax, 1150)])
def test_a_picture_is_narrow_and_its_labels_lie_on_nothing(make, widest):
    g = make()
    c = compiled(g, "loss")
    example = random_example(c, 0)
    scene = compose(values_picture(c, example))
    assert scene.width + 2 * EDGE <= widest
    boxes = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in scene.boxes]
    for line in scene.lines:
        assert BELOW in line.label
        (x, y), (width, height) = line.at, label_size(line.label)
        boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        assert min(abs(px - x) + abs(py - y) for px, py in line.points) < width  # on its arrow
    assert not any(overlap(a, b) for k, a in enumerate(boxes) for b in boxes[:k])
