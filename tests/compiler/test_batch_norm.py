"""Batch normalization natively: how exact its sums are, and how few passes over the data a step takes."""

import numpy as np
import pytest

import nngraph as ng
import nngraph.ops  # fills the registry
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import BATCH, TensorType
from nngraph.lower.lower import lower
from tests import compiled

ROWS, CHANNELS = 20011, 21


def run(op, *arrays, threads=1):
    """The results of one op on these arrays, the first axis of all but vectors being the batch."""
    b = Builder()
    types = [TensorType((BATCH, *x.shape[1:]) if x.ndim > 1 else x.shape, str(x.dtype)) for x in arrays]
    inputs = tuple(Value(f"x{k}", type) for k, type in enumerate(types))
    results = b.results(op, *inputs)
    outputs = tuple((str(k), value) for k, value in enumerate(results))
    made = compiled.scheduled(Graph("case", inputs, tuple(b.nodes), outputs))
    given = {value.name: x for value, x in zip(inputs, arrays, strict=True)}
    return list(compiled.execute(made, given, batch=len(arrays[0]), threads=threads).outputs.values())


def far_from_zero(first):
    """Mean over deviation is 1000 in every channel; the first of each piece's rows is what `first` makes of it."""
    rng = np.random.default_rng(0)
    deviation = rng.uniform(0.1, 10.0, CHANNELS)
    x = (1000.0 + rng.normal(size=(ROWS, CHANNELS))) * deviation
    starts = [ROWS * p // 32 for p in range(32)]
    x[starts] = first(x[starts])
    return x.astype(np.float32)


@pytest.mark.parametrize(
    "first", [lambda x: x, lambda x: 0 * x, lambda x: 1.1 * x], ids=["alike", "zero", "a hundred deviations off"]
)
def test_moments_far_from_zero(first):
    x = far_from_zero(first)
    mean, variance = run("batch_moments", x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-7)
    np.testing.assert_allclose(variance, exact.var(0), rtol=1e-4)


def test_constant_channels_have_no_variance():
    mean, variance = run("batch_moments", np.full((1000, 5), 123.456, np.float32))
    assert np.array_equal(mean, np.full(5, 123.456, np.float32))
    assert not variance.any()


def test_what_is_not_finite_stays_in_its_channel():
    x = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    x[150, 3], x[7, 38] = np.nan, np.inf
    mean, variance = run("batch_moments", x)
    assert np.isnan(mean[3])
    assert not np.isfinite(mean[38])
    assert np.flatnonzero(~np.isfinite(variance)).tolist() == [3, 38]


@pytest.mark.parametrize("rows", [1, 5, 31, 32, 33, 1000, 5000])
@pytest.mark.parametrize("channels", [1, 3, 7, 17, 78, 130])
def test_sums_of_any_size(rows, channels):
    """The same with any number of threads, and what NumPy says."""
    rng = np.random.default_rng(rows * channels)
    dz, x = rng.normal(size=(2, rows, channels)).astype(np.float32)
    mean, variance = run("batch_moments", x)
    total, centered = run("scale_shift_backward", dz, x, mean)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), atol=1e-6)
    np.testing.assert_allclose(variance, exact.var(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(total, dz.sum(0, np.float64), atol=1e-6 * rows)
    np.testing.assert_allclose(centered, (dz * (exact - mean)).sum(0), atol=1e-6 * rows)
    found = [mean, variance, total, centered]
    for threads in (2, 3):
        again = run("batch_moments", x, threads=threads) + run("scale_shift_backward", dz, x, mean, threads=threads)
        assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


def calls_about(model, needle):
    """Families of the calls that compute nodes named so: those over images, with how many they touch, and the rest."""
    passes, small = [], []
    for call in model.schedule:
        images = sum(o.value.type.shape[1:] == (64, 32) for o in (*call.outputs, *call.inputs))
        if any(needle in id for id in call.nodes):
            (passes if images else small).append((call.kernel.family, images))
    return passes, [family for family, _ in small]


def test_a_step_passes_over_the_data_once_and_twice():
    """Forward the moments come with the product before, and all that is elementwise is one pass; backward one pass is
    for sums, one for the rest, and ReLU's is done by the product after it. What is small is two calls each way.
    """
    g = ng.Graph()
    h = g.linear(g.input("x", (64, 16)), 32, bias=False, name="before")
    h = g.linear(g.relu(g.batch_norm(h, name="normal")), 32, name="after")
    g.output(g.linear(g.mean(h, axis=1), 3, name="logits"))
    m = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1, momentum=0.9))
    passes, small = calls_about(m, "normal")
    assert passes == [("matmul", 1), ("rows", 2), ("channel_sums", 2), ("rows", 3)]
    assert small == ["channel_totals", "rows"] * 2


def test_moments_of_what_no_product_makes_take_a_pass():
    g = ng.Graph()
    h = g.relu(g.batch_norm(g.input("x", (64, 32)), name="normal"))
    g.output(g.linear(g.mean(h, axis=1), 3, name="logits"))
    m = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1, momentum=0.9))
    passes, small = calls_about(m, "normal")
    assert passes == [("channel_sums", 1), ("rows", 2), ("channel_sums", 2)]
    assert small == ["channel_totals", "rows"] * 2


def test_in_inference_the_product_does_all_of_it():
    g = ng.Graph()
    h = g.linear(g.input("x", (64, 16)), 32, name="before")
    g.output(g.relu(g.batch_norm(h, name="normal"), name="relu"))
    m = ng.compile(g)
    assert [call.kernel.family for call in m.schedule] == ["matmul"]
    assert m.schedule[0].nodes[-2:] == ("normal", "relu")


@pytest.mark.parametrize("channels", [3, 16, 21, 64])
def test_with_what_depends_on_the_place(channels):
    """Rows that share their factors are worked on in tiles; random numbers go by the place in the tensor."""
    g = ng.Graph()
    h = g.batch_norm(g.input("x", (7, channels)), trainable=False)
    g.output(g.dropout(h, rate=0.5), name="dropped")
    graph = lower(g.declaration(), training=True, seed=3)
    made = compiled.scheduled(graph)
    x = np.random.default_rng(0).normal(size=(19, 7, channels)).astype(np.float32)
    states = {state.name: np.ones(state.public_shape, state.old.type.dtype) for state in graph.states}
    expected, _ = interpret(graph, {"x": x}, states)
    for threads in (1, 3):
        found = compiled.execute(made, {"x": x}, states, batch=19, threads=threads).outputs
        np.testing.assert_allclose(found["dropped"], expected["dropped"], rtol=1e-5, atol=1e-6)
    assert any(call.kernel.family == "rows" and call.kernel.spec.tiled for call in made.calls)
