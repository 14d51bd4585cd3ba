"""Running statistics: what changes them, what does not, and where they are kept."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DataError
from tests.train.networks import CLASSES, INPUTS, examples, same

X, Y = examples()
BATCH = 20


def network(**attributes) -> ng.Graph:
    g = ng.Graph("normalized")
    h = g.linear(g.input("x", (INPUTS,)), 8, name="hidden")
    h = g.relu(g.batch_norm(h, name="normal", **attributes))
    g.output(g.linear(h, CLASSES, name="logits"))
    return g


def model(graph=None, **options) -> ng.Model:
    return ng.compile(graph or network(), **({"loss": "cross_entropy", "optimizer": ng.Adam(0.01)} | options))


def hidden(m: ng.Model, x: np.ndarray) -> np.ndarray:
    """What the batch norm is applied to."""
    found = m.parameters()
    return x.astype(np.float64) @ found["hidden.weight"].T + found["hidden.bias"]


def normalized(m: ng.Model, h: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The scores, h being normalized by these moments."""
    found = m.parameters()
    h = (h - mean) / np.sqrt(variance + 1e-5) * found["normal.scale"] + found["normal.offset"]
    return np.maximum(h, 0) @ found["logits.weight"].T + found["logits.bias"]


def test_a_step_moves_them_as_pytorch_does():
    """The old ones weigh 0.9; the variance is that over one less than the rows."""
    m = model(optimizer=ng.SGD(0.0))
    h = hidden(m, X[:BATCH])
    m.fit(X[:BATCH], Y[:BATCH], epochs=2, batch_size=BATCH)
    mean, variance = 0.0, 1.0
    for _ in range(2):
        mean, variance = 0.9 * mean + 0.1 * h.mean(0), 0.9 * variance + 0.1 * h.var(0, ddof=1)
    found = m.statistics()
    assert set(found) == {"normal.running_mean", "normal.running_variance"}
    np.testing.assert_allclose(found["normal.running_mean"], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["normal.running_variance"], variance, rtol=1e-5)


def test_training_goes_by_the_batch_and_prediction_by_them():
    m = model(optimizer=ng.SGD(0.0), dtype="float64")
    m.fit(X, Y, epochs=1, batch_size=BATCH)
    h = hidden(m, X)
    running = m.statistics()
    expected = normalized(m, h, running["normal.running_mean"], running["normal.running_variance"])
    np.testing.assert_allclose(m.predict(X), expected, rtol=1e-9)
    scores = normalized(m, h, h.mean(0), h.var(0))
    shifted = scores - scores.max(1, keepdims=True)
    loss = (np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(Y)), Y]).mean()
    assert m.loss_and_gradients(X, Y)[0] == pytest.approx(loss, rel=1e-9)


def test_only_a_training_step_changes_them():
    m = model()
    m.fit(X, Y, epochs=1)
    before = m.statistics()
    m.predict(X)
    m.evaluate(X, Y)
    m.loss_and_gradients(X, Y)
    assert same(before, m.statistics())
    m.fit(X, Y, epochs=1)
    assert not same(before, m.statistics())


def test_a_step_without_a_finite_loss_leaves_them():
    m = model()
    m.fit(X, Y, epochs=1)
    before = m.statistics() | m.parameters()
    m.set_parameters({"logits.bias": np.full(CLASSES, np.finfo(np.float32).max)})
    m.set_parameters({"logits.weight": np.full((CLASSES, 8), np.finfo(np.float32).max)})
    with pytest.raises(ng.ExecutionError, match="not finite"):
        m.fit(X, Y, epochs=1)
    assert same({name: before[name] for name in m.statistics()}, m.statistics())


def test_a_frozen_node_goes_by_them_in_training_too():
    m = model(network(trainable=False))
    given = {"normal.running_mean": np.full(8, 0.3), "normal.running_variance": np.full(8, 2.0)}
    m.set_parameters(given)
    h = hidden(m, X)
    scores = normalized(m, h, given["normal.running_mean"], given["normal.running_variance"])
    np.testing.assert_allclose(m.predict(X), scores, rtol=1e-4, atol=1e-5)
    before = m.evaluate(X, Y)["loss"]
    assert m.loss_and_gradients(X, Y)[0] == pytest.approx(before, rel=1e-5)
    m.fit(X, Y, epochs=2)
    assert all(np.array_equal(m.statistics()[name], x.astype(np.float32)) for name, x in given.items())
    assert (m.parameters()["normal.scale"] == 1).all()


def test_a_node_that_is_used_twice_counts_both():
    g = ng.Graph()
    x = g.input("x", (INPUTS,))
    first = g.batch_norm(x, name="normal")
    g.output(g.linear(g.batch_norm(g.add(first, 3.0), name="again", shared_with="normal"), CLASSES))
    m = model(g, optimizer=ng.SGD(0.0))
    m.fit(X[:BATCH], Y[:BATCH], epochs=1, batch_size=BATCH)
    mean = 0.9 * 0.1 * X[:BATCH].mean(0, np.float64) + 0.1 * 3.0
    np.testing.assert_allclose(m.statistics()["normal.running_mean"], mean, rtol=1e-5)
    assert set(m.statistics()) == {"normal.running_mean", "normal.running_variance"}


def test_a_batch_of_one():
    """Its own mean leaves nothing but the offset, and its variance of zero is no news."""
    m = model()
    m.fit(X[:1], Y[:1], epochs=1, batch_size=1)
    assert all(np.isfinite(x).all() for x in (m.statistics() | m.parameters()).values())
    np.testing.assert_allclose(m.statistics()["normal.running_variance"], 0.9)


def test_they_are_saved(tmp_path):
    m = model()
    m.fit(X, Y, epochs=2, batch_size=BATCH)
    m.save(tmp_path / "model")
    again = ng.load_model(tmp_path / "model")
    assert same(again.statistics(), m.statistics())
    assert np.array_equal(again.predict(X), m.predict(X))


def test_training_resumes_with_them(tmp_path):
    whole = model()
    whole.fit(X, Y, epochs=4, batch_size=BATCH)
    part = model()
    part.fit(X, Y, epochs=2, batch_size=BATCH, run=tmp_path / "run")
    resumed = model()
    resumed.fit(X, Y, epochs=4, batch_size=BATCH, run=tmp_path / "run", resume=True)
    assert same(resumed.statistics(), whole.statistics())
    assert same(resumed.parameters(), whole.parameters())


def test_the_best_epoch_has_its_own():
    m = model(optimizer=ng.Adam(0.5))
    kept = {}
    history = m.fit(
        X, Y, epochs=6, batch_size=BATCH, validation=(X, Y), early_stopping=ng.EarlyStopping(patience=6),
        callbacks=lambda epoch, metrics: kept.update({epoch: m.statistics()}),
    )  # fmt: skip
    assert same(m.statistics(), kept[history.best_epoch])
    assert len({x["normal.running_mean"].tobytes() for x in kept.values()}) == 6


def test_they_are_set_and_copied_by_name():
    m, other = model(), model(seed=1)
    m.fit(X, Y, epochs=1)
    other.set_parameters(m.parameters() | m.statistics())
    assert np.array_equal(other.predict(X), m.predict(X))
    assert not m.parameters().keys() & m.statistics().keys()
    with pytest.raises(DataError, match="running_mean': shape \\(3,\\) given, \\(8,\\) expected"):
        m.set_parameters({"normal.running_mean": np.zeros(3)})


def test_threads_change_nothing():
    one, two = model(threads=1), model(threads=2)
    for m in (one, two):
        m.fit(X, Y, epochs=2, batch_size=BATCH)
    assert same(one.parameters() | one.statistics(), two.parameters() | two.statistics())
