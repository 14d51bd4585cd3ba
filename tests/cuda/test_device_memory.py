"""The one block of a device's memory: its size, and what happens when it has to grow."""

import gc
import weakref

import numpy as np
import pytest

import nngraph as ng

RNG = np.random.default_rng(0)


def line(**options):
    g = ng.Graph("line")
    g.output(g.linear(g.input("x", shape=(1,)), 1, name="y"))
    return ng.compile(g, loss="mean_squared_error", optimizer=ng.SGD(0.1), seed=0, **options)


def test_a_block_of_an_odd_number_of_floats_of_scratch_is_seen_as_every_type():
    x = RNG.normal(size=(48, 1)).astype(np.float32)
    found, expected = (line(device=device).loss_and_gradients(x, 2 * x) for device in ("cuda", "cpu"))
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(found[1]["y.weight"], expected[1]["y.weight"], rtol=1e-5)


def test_the_old_block_is_gone_before_a_larger_one_is_made(monkeypatch):
    model = line(device="cuda")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=1, batch_size=2, progress=False)
    model.predict(np.ones((1, 1)))
    memory = model.programs.machine.memory
    old, made, left = weakref.ref(memory.views[0]), memory.device.zeros, []

    def zeros(nbytes):
        gc.collect()
        left.append(old() is not None)
        return made(nbytes)

    monkeypatch.setattr(memory.device, "zeros", zeros)
    expected = model.parameters()["y.weight"]
    model.predict(np.ones((400, 1)), batch_size=400)
    assert left == [False]
    np.testing.assert_array_equal(model.parameters()["y.weight"], expected)


def test_a_program_whose_memory_is_gone_does_not_run():
    model = line(device="cuda")
    bound = model.programs.bind("predict", 1)
    model.predict(np.ones((400, 1)), batch_size=400)
    with pytest.raises(ng.NNGraphError, match="not there any more"):
        bound.ready.run()


def test_what_was_there_goes_on_where_something_larger_was_refused(monkeypatch):
    g = ng.Graph("line")
    g.output(g.linear(g.input("x", shape=(1,)), 1, name="y"))
    model, x = ng.compile(g, loss="mean_squared_error", optimizer=ng.Adam(0.1), seed=0, device="cuda"), np.ones((4, 1))
    expected = model.predict(x)
    with monkeypatch.context() as patch:
        patch.setattr(model.programs.machine.device, "memory", lambda: (0.0, 2000.0))
        with pytest.raises(ng.NNGraphError, match="are free; give a smaller batch_size"):
            model.fit(x, x, epochs=1, batch_size=4, progress=False)
    np.testing.assert_array_equal(model.predict(x), expected)
    model.fit(x, x, epochs=1, batch_size=4, progress=False)
    assert model.predict(x)[0, 0] != expected[0, 0]
