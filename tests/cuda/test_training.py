"""Training, prediction and evaluation on the device as on the processor: the same numbers, but for rounding."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.train import data

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.integers(0, 3, 12)
IMAGES = RNG.integers(0, 256, (5, 4, 4, 1)).astype(np.uint8)


def perceptron(device, **options):
    g = ng.Graph("perceptron")
    h = g.dropout(g.relu(g.linear(g.input("x", shape=(4,)), 5)), 0.25)
    g.output(g.linear(h, 3))
    given = {"loss": "cross_entropy", "optimizer": ng.Adam(0.02), "seed": 3} | options
    return ng.compile(g, device=device, **given)


def wired(device):
    g = ng.Graph("wired")
    h = g.batch_norm(g.conv2d(g.input("image", shape=(4, 4, 1)), 2, 3, bias=False))
    h = g.randwire(h, 3, ng.WS(4, 2, 0.75, seed=1))
    g.output(g.linear(g.global_average_pool(g.relu(h)), 3))
    return ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1, momentum=0.9), seed=0, device=device)


def assert_same(one, other, tolerance=1e-5):
    mine, theirs = (
        one.programs.store.public(("parameter", "statistic")),
        other.programs.store.public(("parameter", "statistic")),
    )
    for name, array in mine.items():
        np.testing.assert_allclose(theirs[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_perceptron_after_some_steps(dtype):
    models = [perceptron(device, dtype=dtype) for device in ("cpu", "cuda")]
    histories = [m.fit(X, Y, epochs=2, batch_size=6, validation=0.25, progress=False) for m in models]
    assert_same(*models, tolerance=1e-5 if dtype == "float32" else 1e-11)
    for name, column in histories[0].items():
        np.testing.assert_allclose(histories[1][name], column, rtol=1e-4)
    np.testing.assert_allclose(models[1].predict(X), models[0].predict(X), atol=1e-5)


def test_a_randomly_wired_network_after_three_steps():
    models = [wired(device) for device in ("cpu", "cuda")]
    images = data.from_arrays(IMAGES, Y[:5])
    for model in models:
        model.fit(images, epochs=1, batch_size=2, augment={"crop": 1, "flip": True}, progress=False)
    assert_same(*models)
    found, expected = (model.evaluate(images) for model in models[::-1])
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_states_go_back_and_forth(tmp_path):
    model, twin = perceptron("cuda"), perceptron("cpu")
    model.fit(X, Y, epochs=1, batch_size=8, progress=False)
    model.save(tmp_path / "model.safetensors")
    twin.set_parameters(model.parameters())
    np.testing.assert_allclose(model.predict(X), twin.predict(X), atol=1e-5)
    model.set_parameters({"linear_1.bias": np.full(5, 0.5)})
    twin.set_parameters({"linear_1.bias": np.full(5, 0.5)})
    np.testing.assert_allclose(model.predict(X), twin.predict(X), atol=1e-5)
    again = ng.load_model(tmp_path / "model.safetensors", device="cuda")
    again.fit(X, Y, epochs=1, batch_size=8, progress=False)


def test_data_that_were_changed_in_place_are_seen():
    found = []
    for device in ("cpu", "cuda"):
        model, x, y = perceptron(device), X.astype(np.float32), Y.astype(np.int32)
        model.fit(x, y, epochs=1, batch_size=12, progress=False)
        before = model.evaluate(x, y)["loss"]
        x *= 3
        found.append((before, model.evaluate(x, y)["loss"], model.fit(x, y, epochs=1, progress=False)["loss"][0]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)


def test_a_loss_that_is_not_finite_leaves_the_parameters():
    model = perceptron("cuda", optimizer=ng.SGD(0.1))
    before, bad = model.parameters(), X.copy()
    bad[3] = 3e38  # finite, its products are not
    with pytest.raises(ng.ExecutionError, match="epoch 1, step 1: the loss is not finite"):
        model.fit(bad[:8], Y[:8], epochs=1, batch_size=8, progress=False)
    for name, array in model.parameters().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_index_outside_of_its_table_names_the_node():
    g = ng.Graph("words")
    g.output(g.mean(g.embedding(g.input("words", shape=(3,), dtype="int32"), 5, 4, name="table"), axis=1))
    with pytest.raises(ng.ExecutionError, match="'table.*': an index outside of its table"):
        ng.compile(g, device="cuda").predict(np.array([[0, 1, 9]], np.int32))


def test_too_large_is_refused_before_anything_is_allocated(monkeypatch):
    model = perceptron("cuda")
    device = model.programs.machine.device
    monkeypatch.setattr(device, "memory", lambda: (1000.0, 2000.0))
    with pytest.raises(ng.NNGraphError, match=r"batch size 12 needs [\d,]+ bytes there.*1,000 are free.*batch_size"):
        model.predict(X)
    assert model.programs.arena is None


def test_values_lie_where_a_device_likes_to_read():
    planned = {device: perceptron(device).programs.plan("train", 6) for device in ("cpu", "cuda")}
    offsets = {device: [place.offset for place in p.placements.values()] for device, p in planned.items()}
    assert any(offset % 256 for offset in offsets["cpu"])
    assert not any(offset % 256 for offset in [*offsets["cuda"], planned["cuda"].scratch])


def test_scratch_memory_of_threads_is_for_the_processor():
    planned = {device: perceptron(device).programs.plan("train", 6) for device in ("cpu", "cuda")}
    assert planned["cpu"].scratch_nbytes > 0
    assert planned["cuda"].scratch_nbytes == 0
    assert planned["cuda"].nbytes == planned["cuda"].scratch


def test_a_device_that_is_not_known():
    with pytest.raises(ng.NNGraphError, match="device: 'gpu' given, one of cpu, cuda expected"):
        perceptron("gpu")


def test_what_breaks_on_the_device_is_told_in_one_line(monkeypatch):
    model = perceptron("cuda")

    def broken(launches):
        raise RuntimeError("out of resources\nand a long story")

    monkeypatch.setattr(model.programs.machine.device, "step", broken)
    with pytest.raises(ng.NNGraphError, match="^device: RuntimeError on Numba's simulator: out of resources$"):
        model.fit(X, Y, epochs=1, progress=False)
