"""Training steps against PyTorch's formulas, transcribed from its documentation of torch.optim into NumPy."""

import math

import numpy as np
import pytest

from nngraph.differentiate import differentiate, objective_from
from nngraph.errors import OptionError
from nngraph.ir.interpret import interpret
from nngraph.ir.text import to_text
from nngraph.ir.verify import verify
from nngraph.ops.optimizer import SGD, Adagrad, Adam, optimizer_from
from tests.differentiate.graphs import Net, draw_inputs, draw_states, mlp
from tests.goldens import check_golden

STEPS = 5
RATE = 0.05


def sgd(p, g, s, t, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * p
    if momentum:
        s["b"] = momentum * s["b"] + g if t > 1 else g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return p - lr * g


def rmsprop(p, g, s, t, lr, alpha=0.99, epsilon=1e-8, momentum=0.0, weight_decay=0.0):
    g = g + weight_decay * p
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    step = g / (np.sqrt(s["v"]) + epsilon)
    if momentum:
        s["b"] = step = momentum * s.get("b", 0) + step
    return p - lr * step


def adagrad(p, g, s, t, lr, epsilon=1e-10, initial_accumulator=0.0, weight_decay=0.0):
    g = g + weight_decay * p
    s["v"] = s.get("v", initial_accumulator) + g**2
    return p - lr * g / (np.sqrt(s["v"]) + epsilon)


def adam(p, g, s, t, lr, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    s["m"] = beta1 * s.get("m", 0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g**2
    m, v = s["m"] / (1 - beta1**t), s["v"] / (1 - beta2**t)
    return p - lr * m / (np.sqrt(v) + epsilon)


def adamw(p, g, s, t, lr, weight_decay=1e-2, **options):
    return adam(p - lr * weight_decay * p, g, s, t, lr, **options)


FORMULAS = {"sgd": sgd, "rmsprop": rmsprop, "adagrad": adagrad, "adam": adam, "adamw": adamw}
OPTIMIZERS = [
    {"type": "sgd"},
    {"type": "sgd", "momentum": 0.9},
    {"type": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"type": "rmsprop"},
    {"type": "rmsprop", "momentum": 0.8, "alpha": 0.9, "weight_decay": 0.1},
    {"type": "adagrad", "initial_accumulator": 0.2},
    {"type": "adagrad", "weight_decay": 0.1},
    {"type": "adam"},
    {"type": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 0.01, "weight_decay": 0.1},
    {"type": "adamw"},
    {"type": "adamw", "weight_decay": 0.2},
]
SCHEDULES = [
    (RATE, lambda t: RATE),
    ({"type": "step", "learning_rate": RATE, "factor": 0.5, "steps": 2}, lambda t: RATE * 0.5 ** (t // 2)),
    (
        {"type": "exponential", "learning_rate": RATE, "factor": 0.5, "steps": 2},
        lambda t: RATE * 0.5 ** (t / 2),
    ),
    (
        {"type": "cosine", "learning_rate": RATE, "final": 0.01, "steps": 3},
        lambda t: 0.01 + (RATE - 0.01) * (1 + math.cos(math.pi * min(t, 3) / 3)) / 2,
    ),
    (
        {"type": "warm_up", "schedule": {"type": "constant", "learning_rate": RATE}, "steps": 3},
        lambda t: RATE * min(1, (t + 1) / 3),
    ),
]
CLIPS = [{}, {"clip_value": 0.02}, {"clip_norm": 0.1}, {"clip_value": 0.05, "clip_norm": 0.1}]


def clip(gradients, clip_value=math.inf, clip_norm=math.inf):
    clipped = {name: np.clip(g, -clip_value, clip_value) for name, g in gradients.items()}
    norm = math.sqrt(sum((g**2).sum() for g in clipped.values()))
    return {name: g * min(1, clip_norm / (norm + 1e-6)) for name, g in clipped.items()}


def reference_training(graph, objective, spec, rate, inputs, states):
    """States after the steps, by the gradients program and the transcribed formulas."""
    program = differentiate(graph, objective)
    clips = {key: spec[key] for key in ("clip_value", "clip_norm") if key in spec}
    options = {k: v for k, v in spec.items() if k not in ("type", "learning_rate", *clips)}
    moments = {name: {} for name in states}
    for t in range(STEPS):
        outputs, _ = interpret(program, inputs, states)
        gradients = clip({name: outputs[f"gradient/{name}"] for name in states}, **clips)
        states = {
            name: FORMULAS[spec["type"]](p, gradients[name], moments[name], t + 1, rate(t), **options)
            for name, p in states.items()
        }
    return states


def train(graph, objective, optimizer, inputs, states, steps=STEPS):
    program = differentiate(graph, objective, optimizer)
    verify(program)
    states = {**draw_states(program), **states}
    for _ in range(steps):
        _, states = interpret(program, inputs, states)
    return states


def assert_training(spec, rate):
    graph, objective = mlp(), objective_from("cross_entropy", ["scores"])
    states = draw_states(graph)
    inputs = draw_inputs(differentiate(graph, objective))
    expected = reference_training(graph, objective, spec, rate, inputs, states)
    found = train(graph, objective, optimizer_from(spec), inputs, states)
    assert found["step"] == STEPS
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("clips", CLIPS, ids="-".join)
@pytest.mark.parametrize(("schedule", "rate"), SCHEDULES, ids=["constant", "step", "exponential", "cosine", "warm_up"])
@pytest.mark.parametrize("spec", OPTIMIZERS, ids=lambda spec: "-".join(map(str, spec.values())))
def test_training(spec, schedule, rate, clips):
    assert_training({**spec, "learning_rate": schedule, **clips}, rate)


def test_clipping_binds():
    graph, objective = mlp(), objective_from("cross_entropy", ["scores"])
    inputs, states = draw_inputs(differentiate(graph, objective)), draw_states(graph)
    outputs, _ = interpret(differentiate(graph, objective), inputs, states)
    norm = math.sqrt(sum((outputs[f"gradient/{name}"] ** 2).sum() for name in states))
    assert norm > 0.1
    found = train(graph, objective, SGD(1.0, clip_norm=0.1), inputs, states, steps=1)
    moved = math.sqrt(sum(((found[name] - states[name]) ** 2).sum() for name in states))
    assert moved == pytest.approx(0.1, rel=1e-4)


def test_decay_of_some_parameters_only():
    graph, objective = mlp(), objective_from("cross_entropy", ["scores"])
    inputs, states = draw_inputs(differentiate(graph, objective)), draw_states(graph)
    plain = train(graph, objective, SGD(0.1), inputs, states, steps=1)
    for decay, touched in ((None, {"weight", "bias"}), (("weight",), {"weight"}), ((), set())):
        found = train(graph, objective, SGD(0.1, weight_decay=0.5, decay=decay), inputs, states, steps=1)
        for name, old in states.items():
            extra = 0.1 * 0.5 * old if name.rpartition(".")[2] in touched else 0
            np.testing.assert_allclose(found[name], plain[name] - extra, atol=1e-12)


def test_states_of_a_training_step():
    program = differentiate(mlp(), objective_from("cross_entropy", ["scores"]), Adagrad(initial_accumulator=0.5))
    kinds = {state.name: state.kind for state in program.states}
    assert kinds["step"] == "step"
    assert kinds["square_sum/hidden.weight"] == "moment"
    (moment,) = [state for state in program.states if state.name == "square_sum/hidden.bias"]
    assert moment.initial == 0.5
    assert moment.new.name == "update/square_sum/hidden.bias"
    assert [name for name, _ in program.outputs] == ["loss", "correct"]


def test_frozen_and_unused_parameters_keep_their_values():
    net = Net()
    x = net.input("x", 3)
    net.dense(x, "unused", 2)
    y = net.dense(net.dense(x, "frozen", 4, trainable=False), "y", 2)
    program = differentiate(net.graph(y=y), objective_from("l1", ["y"]), Adam())
    verify(program)
    changed = {state.name for state in program.states if state.new is not state.old}
    assert {name for name in changed if "/" not in name} == {"y.weight", "y.bias", "step"}
    assert not any("unused" in name or "frozen" in name for name in changed)


def test_a_graph_without_trainable_parameters_only_counts_steps():
    net = Net()
    y = net.dense(net.input("x", 3), "y", 2, trainable=False)
    program = differentiate(net.graph(y=y), objective_from("l1", ["y"]), Adam(clip_norm=1.0))
    verify(program)
    assert {state.name for state in program.states if state.new is not state.old} == {"step"}


def test_ids_of_the_user_that_look_like_names_of_ours():
    net = Net()
    x = net.input("step", 3)
    for name in ("h", "mean/h", "update/h", "gradient/h", "loss", "metric/sum"):
        x = net.dense(x, name, 3)
    program = differentiate(net.graph(y=x), objective_from("l1", ["y"]), Adam())
    verify(program)
    assert len({state.name for state in program.states}) == len(program.states)


def test_a_schedule_in_epochs_must_be_resolved():
    objective = objective_from("cross_entropy", ["scores"])
    optimizer = SGD({"type": "cosine", "learning_rate": 0.1})
    with pytest.raises(OptionError, match="its length depends on the data"):
        differentiate(mlp(), objective, optimizer)
    verify(differentiate(mlp(), objective, optimizer.resolve(10, 50)))


@pytest.mark.parametrize(("spec", "nodes"), [("sgd", 1), ("momentum", 2), ("adam", 4), ("adagrad", 2), ("rmsprop", 3)])
def test_an_update_takes_few_nodes(spec, nodes):
    """Compile time: a deep net has as many updates as parameters."""
    optimizer = optimizer_from({"type": spec, "learning_rate": 0.1})
    program = differentiate(mlp(), objective_from("cross_entropy", ["scores"]), optimizer)
    own = [n.id for n in program.nodes if n.id.startswith("update/") and "scores.weight" in n.id]
    assert len(own) == nodes


def test_float32_scalars_are_cast_once():
    program = differentiate(mlp("float32"), objective_from("cross_entropy", ["scores"]), Adam())
    verify(program)
    casts = [n.id for n in program.nodes if n.op.name == "cast" and n.id.startswith("update/scaled")]
    assert casts == ["update/scaled_rate", "update/scaled_epsilon"]


@pytest.mark.parametrize("mode", ["inverted", "vanilla"])
def test_dropout_has_one_mask_forward_and_backward(mode):
    net = Net()
    x = net.dense(net.input("x", 8), "h", 16)
    net.b.prefix = "drop"
    dropped = net.b.add("dropout", x, rate=0.5, mode=mode)
    net.b.prefix = ""
    graph = net.graph(y=dropped)
    program = differentiate(graph, objective_from("sum_squared_error", ["y"]))
    verify(program)
    assert sum(node.op.random for node in program.nodes) == 1
    inputs, states = draw_inputs(program), draw_states(program)
    inputs["target"][:] = -100.0  # no kept element has a gradient of zero
    scores, _ = interpret(graph, inputs, states)
    outputs, _ = interpret(program, inputs, states)
    kept = scores["y"] != 0
    scale = 2.0 if mode == "inverted" else 1.0
    dy = 2 * (scores["y"] - inputs["target"]) * kept * scale
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(outputs["gradient/h.bias"], dy.sum(0))
    np.testing.assert_allclose(outputs["gradient/h.weight"], inputs["x"].T @ dy)


def test_golden_training_step():
    objective = objective_from("cross_entropy", ["scores"], regularizer={"type": "l2", "strength": 0.01})
    program = differentiate(mlp("float32"), objective, SGD(0.1, momentum=0.9))
    verify(program)
    check_golden("differentiate_train", to_text(program))


def test_golden_gradients():
    program = differentiate(mlp("float32"), objective_from("mean_squared_error", ["scores"]))
    check_golden("differentiate_gradients", to_text(program))
