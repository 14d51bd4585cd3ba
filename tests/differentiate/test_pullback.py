import numpy as np
import pytest

import nngraph as ng
from nngraph.differentiate import forward, pullback
from nngraph.ir.graph import Graph
from nngraph.ir.interpret import interpret
from nngraph.ir.verify import verify
from nngraph.lower.lower import lower
from nngraph.programs import Programs, scheduled
from nngraph.run.program import Segment
from nngraph.run.store import Store
from tests.differentiate.graphs import draw_inputs


def normalized_product() -> ng.Graph:
    """Two inputs, one of them read twice; two outputs, one of them read inside; what nothing reads; labels."""
    g = ng.Graph("net")
    a, b = g.input("a", (6, 4)), g.input("b", (5, 4))
    labels = g.input("labels", (1,), dtype="int32")
    h = g.batch_norm(g.matmul(a, b, transpose_b=True) + g.sum(a, axis=-1, keepdims=True), name="norm")
    g.output(h, name="h")
    g.output(g.tanh(g.linear(h, 3, name="linear")), name="y")
    g.output(g.one_hot(labels, 2, dtype="int32"), name="classes")
    return g


def lowered() -> Graph:
    return lower(normalized_product().declaration(), training=True, dtype="float64", seed=0)


def initial_states(graph: Graph) -> dict[str, np.ndarray]:
    store = Store(seed=0)
    store.ensure(graph.states)
    return {name: array + 0.1 for name, array in store.arrays.items()}


def product_of(outputs: dict[str, np.ndarray], inputs: dict[str, np.ndarray]) -> float:
    """What the gradients are the derivatives of."""
    return sum(float((outputs[name] * inputs[f"cotangent/{name}"]).sum()) for name in ("h", "y"))


def test_gradients_follow_from_cotangents_of_all_outputs():
    program = pullback(lowered())
    verify(program)
    inputs, states = draw_inputs(program, classes=2), initial_states(program)
    outputs, after = interpret(program, inputs, states)
    for name, state in states.items():
        np.testing.assert_array_equal(after[name], state)
    gradients = {name.removeprefix("gradient/"): x for name, x in outputs.items() if name.startswith("gradient/")}
    assert set(gradients) == {"a", "b", "norm.scale", "norm.offset", "linear.weight", "linear.bias"}
    rng = np.random.default_rng(3)
    for name, gradient in gradients.items():
        assert np.abs(gradient).max() > 1e-3
        array = inputs[name] if name in inputs else states[name]
        begun, direction = array.copy(), rng.standard_normal(gradient.shape)
        around: list[float] = []
        for eps in (1e-6, -1e-6):
            array[...] = begun + eps * direction
            around.append(product_of(interpret(program, inputs, states)[0], inputs))
        array[...] = begun
        np.testing.assert_allclose((around[0] - around[1]) / 2e-6, (gradient * direction).sum(), rtol=1e-5)


def test_cotangents_of_one_value_under_several_names_are_added():
    g = ng.Graph("twice")
    x = g.input("x", (4,))
    h = g.tanh(g.linear(x, 3, name="layer"))
    for name in ("a", "b", "c"):
        g.output(h, name=name)
    g.output(x, name="same")
    program = pullback(lower(g.declaration(), training=True, dtype="float64", seed=0))
    verify(program)
    inputs, states = draw_inputs(program, classes=2), initial_states(program)
    assert list(inputs) == ["x", "cotangent/a", "cotangent/b", "cotangent/c", "cotangent/same"]
    outputs, _ = interpret(program, inputs, states)
    passed = sum(inputs[f"cotangent/{name}"] for name in ("a", "b", "c")) * (1 - outputs["a"] ** 2)
    weight = states["layer.weight"]
    through = passed @ (weight if weight.shape == (3, 4) else weight.T)
    np.testing.assert_allclose(outputs["gradient/x"], through + inputs["cotangent/same"])
    np.testing.assert_allclose(outputs["gradient/layer.bias"], passed.sum(axis=0))


def test_forward_is_as_in_training():
    program = forward(lowered())
    verify(program)
    inputs, states = draw_inputs(program, classes=2), initial_states(program)
    outputs, after = interpret(program, inputs, states)
    assert abs(outputs["h"].mean(axis=(0, 1)) - states["norm.offset"]).max() < 1e-12
    np.testing.assert_array_equal(after["norm.running_mean"], states["norm.running_mean"])


@pytest.mark.parametrize("purpose", ["forward", "pullback"])
def test_programs_can_be_run_again(purpose):
    programs = Programs(normalized_product().declaration(), dtype="float64", threads=2)
    bound = programs.bind(purpose, 3)
    inputs = draw_inputs(scheduled(programs.compile(purpose)).graph, classes=2, batch=3)
    for name, view in bound.inputs.items():
        view[...] = inputs[name]
    found = []
    for steps in (1, 3):
        for name, view in bound.outputs.items():
            if not name.startswith("input/"):
                view[...] = 7
        outcome = programs.tape.run([Segment(bound.program, steps)], 2)
        programs.check(outcome, purpose, bound)
        found.append({name: view.copy() for name, view in bound.outputs.items()})
    for name, first in found[0].items():
        np.testing.assert_array_equal(found[1][name], first)
        assert not (first == 7).all()
    states = {name: array.copy() for name, array in programs.store.arrays.items()}
    make = forward if purpose == "forward" else pullback
    expected, _ = interpret(make(lowered()), inputs, states)
    for name, first in found[0].items():
        np.testing.assert_allclose(first, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
