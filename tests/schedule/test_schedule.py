"""Which calls come out of a graph."""

from collections import Counter

import pytest

import nngraph as ng
from nngraph.differentiate import differentiate, objective_from
from nngraph.ir.types import Batch
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from tests import compiled
from tests.random_checks import gradients_graph
from tests.random_graphs import draw_recipe


def mlp(sizes=(6, 5, 3), activation="relu") -> ng.Graph:
    g = ng.Graph("mlp")
    h = g.input("x", shape=(sizes[0],))
    for k, units in enumerate(sizes[1:-1]):
        h = g.apply(activation, [g.linear(h, units, name=f"h{k}")])
    g.output(g.linear(h, sizes[-1], name="scores"))
    return g


def calls_of(g: ng.Graph, **training):
    forward = lower(g.wiring, training=bool(training))
    if training:
        forward = differentiate(forward, objective_from("cross_entropy", ["scores"]), optimizer_from(training))
    return compiled.scheduled(forward).calls


def families(calls) -> Counter[str]:
    return Counter(call.kernel.family for call in calls)


def test_a_layer_is_one_call():
    calls = calls_of(mlp())
    assert families(calls) == {"matmul": 2}
    assert calls[0].nodes == ("h0/matmul", "h0", "relu_1")


def test_layers_on_images_are_products_over_all_pixels():
    g = ng.Graph("images")
    x = g.input("x", shape=(6, 5, 8))
    h = g.relu(g.add(g.linear(x, 8, name="h"), x))
    h = g.relu(g.linear(h, 8, name="h2"))
    g.output(g.linear(g.flatten(h), 3, name="scores"))
    forward = calls_of(g)
    assert [call.nodes for call in forward] == [
        ("h/matmul", "h", "add_1", "relu_1"), ("h2/matmul", "h2", "relu_2"), ("scores/matmul", "scores"),
    ]  # fmt: skip
    assert forward[0].integers[:2] == (1, Batch(30))
    step = [call for call in calls_of(g, type="sgd", learning_rate=0.1) if call.kernel.family == "matmul"]
    assert len(step) == 3 + 2 + 3
    assert any(call.nodes[-2:] == ("gradient/relu_1/greater", "gradient/relu_1/where") for call in step)


def test_a_training_step_of_a_small_net():
    """Two products a layer and way but for the first layer's input, a bias's update, loss and labels in one."""
    calls = calls_of(mlp((6, 5, 4, 3)), type="sgd", learning_rate=0.1)
    assert families(calls)["matmul"] == 3 + 3 + 2
    assert families(calls)["columns"] == 3
    assert len(calls) <= 8 + 3 + 4


def test_kernels_are_shared_between_layers_of_any_size():
    """Sizes are arguments; what differs is only whether a width is a multiple of a vector's."""
    calls = calls_of(mlp((64, 32, 96, 64, 128, 160, 16)))
    assert len(calls) == 6
    assert len({call.kernel for call in calls}) == 2  # with and without the activation


def test_the_batch_is_an_argument():
    integers = [n for call in calls_of(mlp(), type="adam") for n in call.integers]
    assert any(isinstance(n, Batch) for n in integers)
    kernels = [repr(call.kernel) for call in calls_of(mlp(), type="adam")]
    assert not any("batch" in text for text in kernels)


def test_views_and_constants_are_no_calls():
    g = ng.Graph("views")
    x = g.input("x", shape=(2, 3))
    table = g.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    g.output(g.flatten(x, name="flat"))
    g.output(g.add(g.reshape(x, (3, 2)), g.constant([0.5, 1.5]), name="moved"))
    g.output(table)
    made = compiled.scheduled(lower(g.wiring))
    assert len(made.calls) == 1
    assert {value.name for value in made.aliases} >= {"flat"}
    assert len(made.constants) == 2


@pytest.mark.parametrize("seed", range(8))
def test_calls_name_what_they_compute(seed):
    graph = gradients_graph(draw_recipe(seed), "float32")
    made = compiled.scheduled(graph)
    for call in made.calls:
        assert call.nodes
        assert call.outputs
        for o, i in call.in_place:
            assert call.outputs[o].value.type.dtype == call.inputs[i].value.type.dtype


def test_every_value_is_made_before_it_is_read():
    made = compiled.scheduled(gradients_graph(draw_recipe(3), "float32"))
    known = {*made.graph.inputs, *(state.old for state in made.graph.states), *made.constants}
    for call in made.calls:
        assert all(operand.value in known for operand in call.inputs)
        known.update(operand.value for operand in call.outputs)
    for _, value in made.graph.outputs:
        assert made.aliases.get(value, value) in known
