"""Batch norm after products and convolutions, which leave the moments of their results themselves."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower
from nngraph.ops.channel_sums import PIECES
from nngraph_kernels.cpu import epilogue
from tests import compiled
from tests.ops.cases import assert_close
from tests.random_graphs import draw, draw_states


def pointwise(g, x):
    return g.conv2d(x, 37, 1, bias=False, name="product")


def with_offset_and_residual(g, x):
    h = g.linear(x, 19, name="product")
    return g.add(h, x, name="sum")


def window(g, x):
    return g.conv2d(x, 33, 3, stride=2, name="product")


def groups(g, x):
    return g.conv2d(g.concat([x, x, x]), 21, 3, groups=3, name="product")


def after_relu(g, x):
    """What is normalized is not what the product gives, and is stored nowhere else."""
    return g.relu(g.linear(x, 40, name="product"))


NETWORKS = (pointwise, with_offset_and_residual, window, groups, after_relu)


def normalized(network, dtype="float32"):
    g = ng.Graph(network.__name__)
    x = g.input("x", shape=(5, 6, 19))
    g.output(g.batch_norm(network(g, x), name="normal"), name="y")
    return lower(g.declaration(), training=True, dtype=dtype, seed=3)


def test_pieces_are_as_many_for_ops_and_kernels():
    assert epilogue.PIECES == PIECES


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_moments_come_with_the_product(network, dtype):
    graph = normalized(network, dtype)
    made = compiled.scheduled(graph)
    assert not any(call.kernel.family == "channel_sums" for call in made.calls)
    for batch in (1, 3, 20):
        inputs = {"x": draw((batch, 5, 6, 19), (-2.0, 2.0), batch, "x")}
        states = {s.name: s.from_public(draw_states(graph.states, 5)[s.name]) for s in graph.states}
        expected, new = interpret(graph, inputs, states)
        found = [compiled.execute(made, inputs, states, batch, threads) for threads in (1, 2, 3)]
        tolerance = {"float32": 1e-4, "float64": 1e-10}[dtype]
        assert_close(found[0].outputs["y"], expected["y"], tolerance)
        for name, array in new.items():
            assert_close(found[0].states[name], array, tolerance)
        assert all(other.outputs["y"].tobytes() == found[0].outputs["y"].tobytes() for other in found)


@pytest.mark.parametrize("shape", [(5, 1, 19), (1, 6, 19), (1, 6, 1)])
def test_what_varies_with_some_of_the_axes_is_added_without_moments(shape):
    def partly(g, x):
        return g.add(g.linear(x, 19, name="product"), g.input("other", shape))

    graph = normalized(partly)
    made = compiled.scheduled(graph)
    assert any(call.kernel.family == "channel_sums" for call in made.calls)
    inputs = {v.name: draw(v.type.numpy_shape(3), (-2.0, 2.0), 3, v.name) for v in graph.inputs}
    states = {s.name: s.from_public(draw_states(graph.states, 5)[s.name]) for s in graph.states}
    found = compiled.execute(made, inputs, states, 3)
    assert_close(found.outputs["y"], interpret(graph, inputs, states)[0]["y"], 1e-4)


def test_far_from_zero():
    """A mean of a thousand deviations."""
    graph = normalized(with_offset_and_residual)
    inputs = {"x": draw((40, 5, 6, 19), (-2.0, 2.0), 1, "x")}
    states = {s.name: s.from_public(draw_states(graph.states, 5)[s.name]) for s in graph.states}
    states["product.bias"] = np.full(19, 1500.0, "f")
    states |= {"normal.running_mean": np.zeros(19, "f"), "normal.running_variance": np.zeros(19, "f")}
    sums = inputs["x"] @ states["product.weight"].astype("d") + inputs["x"]
    found = compiled.execute(compiled.scheduled(graph), inputs, states, 40, 2)
    rows = sums.reshape(-1, 19)
    assert np.allclose(found.states["normal.running_mean"], 0.1 * (1500 + rows.mean(0)), rtol=1e-6)
    unbiased = rows.var(0) * len(rows) / (len(rows) - 1)
    # The sums themselves are rounded to 1500 · 2⁻²⁴.
    assert np.allclose(found.states["normal.running_variance"], 0.1 * unbiased, rtol=1e-4)
