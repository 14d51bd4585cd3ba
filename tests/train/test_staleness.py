"""Predictions are always of the parameters and statistics as they are, however those have changed."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import ExecutionError
from tests.train.networks import CLASSES, INPUTS, examples

X, Y = examples()


def network() -> ng.Graph:
    g = ng.Graph("normalized")
    h = g.linear(g.input("x", (INPUTS,)), 8, name="hidden")
    h = g.relu(g.batch_norm(h, name="normal"))
    g.output(g.linear(h, CLASSES, name="logits"))
    return g


@pytest.fixture
def model():
    found = ng.compile(network(), loss="cross_entropy", optimizer=ng.Adam(0.01))
    found.predict(X)
    return found


def is_current(m: ng.Model) -> bool:
    """Whether it predicts what a model does that has never had other parameters."""
    fresh = ng.compile(network())
    fresh.set_parameters(m.parameters() | m.statistics())
    return np.array_equal(m.predict(X), fresh.predict(X))


def test_after_training(model):
    before = model.predict(X)
    for _ in range(2):
        model.fit(X, Y, epochs=2)
        assert is_current(model)
    assert not np.array_equal(before, model.predict(X))


def test_after_parameters_are_set(model):
    before = model.predict(X)
    model.set_parameters({"normal.running_mean": np.full(8, 0.5)})
    assert not np.array_equal(before, model.predict(X))
    assert is_current(model)


def test_a_predictor_from_before_training(model):
    ask = model.predictor(len(X))
    before = ask(X)
    model.fit(X, Y, epochs=1)
    after = ask(X)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, model.predict(X))
    assert is_current(model)


def test_between_epochs(model):
    found = []
    model.fit(X, Y, epochs=3, callbacks=lambda epoch, metrics: found.append(is_current(model)))
    assert found == [True] * 3


def test_after_validation_and_evaluation(model):
    model.fit(X, Y, epochs=2, validation=(X, Y))
    assert is_current(model)
    model.evaluate(X, Y)
    model.loss_and_gradients(X, Y)
    assert is_current(model)


def test_after_the_best_epoch_is_restored(model):
    seen = []
    stopping = ng.EarlyStopping(patience=1)
    model.fit(
        X, Y, epochs=9, validation=(X, Y[::-1]), early_stopping=stopping,
        callbacks=lambda *_: seen.append(model.predict(X)),
    )  # fmt: skip
    assert len(seen) < 9
    assert not np.array_equal(seen[-1], model.predict(X))
    assert is_current(model)


def test_after_a_checkpoint_is_loaded(model, tmp_path):
    model.fit(X, Y, epochs=1, run=tmp_path / "run")
    loaded = ng.load_model(tmp_path / "run")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    other = ng.compile(network(), loss="cross_entropy", optimizer=ng.Adam(0.01))
    other.predict(X)
    other.fit(X, Y, epochs=2, run=tmp_path / "run", resume=True)
    assert is_current(other)


def test_after_training_failed(model):
    model.fit(X, Y, epochs=1)
    with pytest.raises(ExecutionError, match="not finite"):
        model.fit(np.full_like(X, 3e38), Y, epochs=1)
    assert is_current(model)


def test_batches_that_need_a_larger_arena(model):
    model.fit(X, Y, epochs=1)
    large = model.predict(np.tile(X, (30, 1)), batch_size=3000)
    np.testing.assert_allclose(large[: len(X)], model.predict(X), rtol=1e-5, atol=1e-6)


def test_states_are_changed_through_the_store_alone(model):
    with pytest.raises(ValueError, match="read-only"):
        model.programs.store.arrays["hidden.weight"][...] = 0.0


def test_what_is_prepared_is_no_parameter(model, tmp_path):
    assert not any(name.startswith("prepared") for name in model.parameters() | model.statistics())
    model.save(tmp_path / "saved.safetensors")
    assert np.array_equal(ng.load_model(tmp_path / "saved.safetensors").predict(X), model.predict(X))
