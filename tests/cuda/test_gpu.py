"""The whole registry, networks and trainings on a real device: ``pytest -m gpu``."""

import os

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DeviceError
from nngraph.machines.cuda_kernels import CudaKernels
from nngraph.run.cuda import streamed
from nngraph.run.cuda.device import Device
from nngraph.train import data
from tests import compiled
from tests.cuda import simulated, test_narrow
from tests.ops import cases
from tests.ops.test_every_kernel import SAMPLES, case_graph, dtypes

pytestmark = pytest.mark.gpu
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(autouse=True, scope="module")
def real_device():
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0":
        pytest.skip("needs a CUDA device: pytest -m gpu")
    from nngraph.run.cuda.device import device

    try:
        return device()
    except DeviceError as error:
        pytest.skip(str(error))


@dtypes
@pytest.mark.parametrize(("op", "sample"), SAMPLES)
def test_kernel_is_the_reference(op, sample, dtype):
    case, graph, inputs = case_graph(op, sample, dtype)
    states = {state.name: np.asarray(state.initial) for state in graph.states}
    found, _ = simulated.execute(compiled.scheduled(graph), inputs, states)
    results = cases.run(graph, inputs).values() if op.name == "dropout" else case.references()
    for name, array in zip(found, results, strict=True):
        cases.assert_close(found[name], array, TOLERANCE[dtype])


@pytest.mark.parametrize(("op", "sample", "storage"), test_narrow.cases())
def test_kernel_of_16_bits_is_the_reference(op, sample, storage):
    test_narrow.check(op, sample, storage)


MODELS = ["digits_mlp", "deep_mlp", "cnn_small", "randwire_cifar"]


def examples(model):
    """48 of random numbers, and their labels."""
    rng = np.random.default_rng(0)
    (shape,) = [value.shape for value in model.signature.inputs.values()]
    return rng.normal(size=(48, *shape)), rng.integers(0, 10, 48)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_trains_as_on_the_processor(name):
    graph = ng.load(f"models/{name}.json")
    models = [ng.compile(graph, seed=0, device=device) for device in ("cpu", "cuda")]
    x, y = examples(models[0])
    histories = [model.fit(x, y, epochs=1, batch_size=16, progress=False) for model in models]
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-3)


def trained():
    """A small training, with convolutions, dropout and validation."""
    g = ng.Graph("small")
    h = g.relu(g.batch_norm(g.conv2d(g.input("image", shape=(8, 8, 3)), 8, 3, bias=False)))
    g.output(g.linear(g.dropout(g.global_average_pool(h), 0.25), 4))
    model = ng.compile(g, loss="cross_entropy", optimizer=ng.Adam(0.01), seed=0, device="cuda")
    rng = np.random.default_rng(0)
    images = data.from_arrays(rng.integers(0, 256, (203, 8, 8, 3)).astype(np.uint8), rng.integers(0, 4, 203))
    model.fit(
        images, epochs=3, batch_size=16, validation=0.2, standardize=True, augment={"crop": 1, "flip": True},
        progress=False,
    )  # fmt: skip
    return model


def assert_same(one, other):
    for name, array in one.parameters().items():
        np.testing.assert_array_equal(other.parameters()[name], array, err_msg=name)


def test_kernels_from_disk_do_what_numbas_own_do(tmp_path, monkeypatch):
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path))
    loaded = []
    load = Device.loaded
    monkeypatch.setattr(Device, "loaded", lambda *given: loaded.append(load(*given)) or loaded[-1])
    models = [trained(), trained()]  # compiled, and found
    assert loaded
    assert None not in loaded
    assert not models[0].programs.machine.kernels._cache.complaint
    monkeypatch.setattr(CudaKernels, "_loaded", lambda *given: {})
    assert_same(models[0], trained())
    assert_same(*models)


def test_data_in_chunks_are_the_same_to_the_bit(monkeypatch):
    resident = trained()
    monkeypatch.setattr(Device, "room", lambda self: 0.0)
    assert_same(resident, trained())
    monkeypatch.setattr(streamed, "STEPS", 2)
    assert_same(resident, trained())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["deep_mlp", "randwire_cifar"])
def test_a_network_trains_in_16_bits_nearly_as_in_32(name, precision):
    graph = ng.load(f"models/{name}.json")
    models = [ng.compile(graph, seed=0, device="cuda", precision=given) for given in ("full", precision)]
    x, y = examples(models[0])
    histories = [model.fit(x, y, epochs=2, batch_size=16, progress=False) for model in models]
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=0.05)


def test_runs_are_equal_to_the_bit():
    parameters = []
    for _ in range(2):
        model = ng.compile(ng.load("models/cnn_small.json"), seed=0, device="cuda")
        model.fit(data.load("images:n=256"), epochs=1, batch_size=64, progress=False)
        parameters.append(model.parameters())
    for name, array in parameters[0].items():
        np.testing.assert_array_equal(parameters[1][name], array)
