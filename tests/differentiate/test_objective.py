import numpy as np
import pytest

import nngraph as ng
from nngraph.differentiate import Metric, Objective, evaluation, metrics_of, objective_from
from nngraph.errors import DeclarationError, OptionError
from nngraph.ir.interpret import interpret
from nngraph.ir.verify import verify
from nngraph.lower.lower import lower
from nngraph.ops.loss import CrossEntropy
from nngraph.ops.regularizer import L1, L2
from tests.differentiate.graphs import Net, draw_inputs, draw_states, mlp


def evaluate(graph, objective, inputs=None):
    program = evaluation(graph, objective)
    verify(program)
    states = draw_states(program)
    inputs = inputs or draw_inputs(program)
    outputs, new_states = interpret(program, inputs, states)
    assert all(new_states[name] is array for name, array in states.items())
    scores, _ = interpret(graph, inputs, states)
    return outputs, inputs, scores


def test_cross_entropy_and_accuracy():
    outputs, inputs, scores = evaluate(mlp(), objective_from("cross_entropy", ["scores"]))
    s, y = scores["scores"], inputs["target"][:, 0]
    log_softmax = s - np.log(np.exp(s).sum(1, keepdims=True))
    np.testing.assert_allclose(outputs["loss"], -log_softmax[np.arange(6), y].mean())
    assert outputs["correct"] == (s.argmax(1) == y).sum()


def test_a_soft_target_is_met_by_its_largest_class():
    objective = objective_from({"type": "cross_entropy", "targets": "one_hot"}, ["scores"])
    outputs, inputs, scores = evaluate(mlp(), objective)
    assert outputs["correct"] == (scores["scores"].argmax(1) == inputs["target"].argmax(1)).sum()


def test_a_tie_for_the_highest_score_is_wrong():
    net = Net()
    zeros = net.b.add("multiply", net.dense(net.input("x", 3), "h", 5), 0.0)
    outputs, _, _ = evaluate(net.graph(scores=zeros), objective_from("cross_entropy", ["scores"]))
    assert outputs["correct"] == 0


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("sum_squared_error", lambda d: (d * d).sum()),
        ("mean_squared_error", lambda d: (d * d).mean()),
        ("l1", lambda d: np.abs(d).mean()),
    ],
)
def test_regression(loss, expected):
    outputs, inputs, scores = evaluate(mlp(), objective_from(loss, ["scores"]))
    d = scores["scores"] - inputs["target"]
    np.testing.assert_allclose(outputs["loss"], expected(d))
    np.testing.assert_allclose(outputs["absolute_error"], np.abs(d).sum())


def test_binary_accuracy():
    objective = objective_from("binary_cross_entropy", ["scores"])
    outputs, inputs, scores = evaluate(mlp(), objective)
    assert outputs["correct"] == ((scores["scores"] > 0) == (inputs["target"] > 0.5)).sum()
    assert metrics_of(mlp(), objective) == (Metric("accuracy", "correct", 5),)


def test_the_mean_is_over_the_batch_and_the_positions():
    net = Net()
    scores = net.dense(net.input("x", 7, 3), "scores", 5)
    objective = objective_from("cross_entropy", ["scores"], sample_weights=True)
    outputs, inputs, found = evaluate(net.graph(scores=scores), objective)
    assert inputs["target"].shape == (6, 7, 1)
    s = found["scores"]
    log_softmax = s - np.log(np.exp(s).sum(-1, keepdims=True))
    losses = -np.take_along_axis(log_softmax, inputs["target"], -1)[..., 0]
    np.testing.assert_allclose(outputs["loss"], (losses * inputs["weight"]).mean())
    assert metrics_of(net.graph(scores=scores), objective) == (Metric("accuracy", "correct", 7),)


def test_regularizers_count_weights_alone_and_a_node_may_have_its_own():
    net = Net()
    hidden = net.dense(net.input("x", 3), "block/hidden", 4)
    frozen = net.dense(hidden, "frozen", 4, trainable=False)
    graph = net.graph(scores=net.dense(frozen, "scores", 5))
    plain, inputs, _ = evaluate(graph, objective_from("cross_entropy", ["scores"]))
    regularized, _, _ = evaluate(
        graph,
        objective_from("cross_entropy", ["scores"], regularizer=L2(0.1), regularizers={"block": L1(0.2)}),
        inputs,
    )
    states = draw_states(graph)
    expected = 0.1 * np.square(states["scores.weight"]).sum() + 0.2 * np.abs(states["block/hidden.weight"]).sum()
    np.testing.assert_allclose(regularized["loss"] - plain["loss"], expected)


def test_forms_of_the_loss():
    smooth = CrossEntropy(label_smoothing=0.1)
    json = {"type": "cross_entropy", "label_smoothing": 0.1}
    for given in (smooth, json, {"scores": smooth}, {"scores": json}):
        assert objective_from(given, ["scores"]) == Objective({"scores": smooth})
    assert objective_from({"b": "l1", "a": "huber"}, ["a", "b", "c"]).losses.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"score": "l1"}, "loss: no output 'score'; did you mean 'scores'"),
        ({}, "loss: none given"),
        ("cros_entropy", "did you mean 'cross_entropy'"),
        (3, "a name, a mapping"),
    ],
)
def test_wrong_losses(loss, message):
    with pytest.raises(OptionError, match=message):
        objective_from(loss, ["scores"])


def test_one_loss_for_several_outputs_is_ambiguous():
    with pytest.raises(OptionError, match="outputs a, b; name the output"):
        objective_from("l1", ["a", "b"])


def test_a_loss_that_does_not_fit_its_output():
    net = Net()
    flat = net.b.add("sum", net.input("x", 3), axis=-1)
    with pytest.raises(OptionError, match=r"loss 'l1' of output 'y': scores of shape \(batch, units\) expected"):
        evaluation(net.graph(y=flat), objective_from("l1", ["y"]))


def test_the_names_of_inputs_are_kept_for_the_loss():
    net = Net()
    graph = net.graph(y=net.dense(net.input("target", 3), "y", 2))
    with pytest.raises(DeclarationError, match="node 'target': the loss has an input of that name"):
        evaluation(graph, objective_from("l1", ["y"]))


def test_a_nodes_own_regularizer_counts():
    g = ng.Graph("own")
    x = g.input("x", (4,))
    g.output(g.linear(g.linear(x, 3, name="a", regularizer={"type": "l2", "strength": 0.1}), 2, name="y"))
    objective = objective_from("mean_squared_error", ["y"])
    ids = [node.id for node in evaluation(lower(g.declaration()), objective).nodes]
    assert any(id.startswith("loss/l2") for id in ids)
