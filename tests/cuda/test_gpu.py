"""The whole registry, networks and trainings on a real device: ``pytest -m gpu``."""

import os
from functools import cache

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DeviceError
from nngraph.machines.cuda_kernels import CudaKernels
from nngraph.programs import Programs
from nngraph.run.cuda import cublas, streamed
from nngraph.run.cuda.device import Device
from nngraph.train import data
from tests import compiled
from tests.cuda import simulated, test_narrow
from tests.kernels.test_matmul import LAYOUTS
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


def cublas_or_skip():
    try:
        return cublas.library()
    except DeviceError as error:
        pytest.skip(str(error))


def product_of(a, b, products, transpose_a=False, transpose_b=False, **options):
    """A product with work fused to it, and without."""
    g = ng.Graph("product")
    given = g.input("a", shape=a.shape[1:]), g.input("b", shape=b.shape[1:])
    plain = g.matmul(*given, transpose_a=transpose_a, transpose_b=transpose_b)
    g.output(plain, name="plain")
    g.output(
        g.relu(g.matmul(given[0] * 2.0, given[1], transpose_a=transpose_a, transpose_b=transpose_b) + 1.0), name="fused"
    )
    programs = Programs(g.declaration(), device="cuda", products=products, **options)
    return [programs.call("predict", {"a": a, "b": b}, len(a)) for _ in range(2)]


@dtypes
@pytest.mark.parametrize(("transpose_a", "transpose_b"), LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 301, 257, 450), (3, 129, 130, 700), (1, 1, 8191, 4100), (8, 1024, 1024, 4)])
def test_products_by_cublas(dtype, transpose_a, transpose_b, shape):
    """Of 2**25 multiply-adds and a few more; again they are equal to the bit."""
    cublas_or_skip()
    batches, m, n, k = shape
    rng = np.random.default_rng(0)
    a = rng.normal(size=(batches, *((k, m) if transpose_a else (m, k)))).astype(dtype)
    b = rng.normal(size=(batches, *((n, k) if transpose_b else (k, n)))).astype(dtype)
    expected = (a.swapaxes(1, 2) if transpose_a else a).astype("d") @ (b.swapaxes(1, 2) if transpose_b else b)
    first, second = product_of(a, b, "cublas", transpose_a, transpose_b, dtype=dtype)
    for name, wanted in {"plain": expected, "fused": np.maximum(2 * expected + 1, 0)}.items():
        scale = np.abs(expected).max()
        assert np.abs(first[name] - wanted).max() <= TOLERANCE[dtype] * scale
        np.testing.assert_array_equal(first[name], second[name])


def test_the_first_call_finds_its_inputs():
    """Products are done before a graph is taken down, on what lies there: the inputs' place is taken for the third."""
    cublas_or_skip()
    g = ng.Graph("chain")
    h = g.input("x", shape=(512, 256))
    for _ in range(4):
        h = g.linear(h, 256, bias=False)
    g.output(h, name="y")
    x = np.random.default_rng(0).normal(size=(1, 512, 256)).astype("f")
    programs = Programs(g.declaration(), device="cuda", products="cublas")
    found, again = (programs.call("predict", {"x": x}, 1)["y"] for _ in range(2))
    expected = Programs(g.declaration(), device="cpu").call("predict", {"x": x}, 1)["y"]
    assert np.abs(found - expected).max() <= TOLERANCE["float32"] * np.abs(expected).max()
    np.testing.assert_array_equal(found, again)


def test_tf32_only_if_it_is_asked_for():
    cublas_or_skip()
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(1, 1024, 1024)).astype("f") for _ in range(2))
    expected = a.astype("d") @ b
    errors = [
        np.abs(product_of(a, b, given)[0]["plain"] - expected).max() / np.abs(expected).max()
        for given in ("cublas", "cublas_tf32")
    ]
    assert errors[0] < 1e-5
    assert 1e-5 < errors[1] < 5e-3


@cache
def wide_perceptron(products, precision="full", time=0):
    """Products of 256 examples go to the library, moments and long sums among them, those of fewer do not."""
    g = ng.Graph("wide")
    h = g.relu(g.batch_norm(g.linear(g.input("x", shape=(512,)), 256, bias=False)))
    h = g.gelu(g.linear(h, 512))
    g.output(g.linear(h, 10))
    model = ng.compile(
        g, loss="cross_entropy", optimizer=ng.Adam(1e-3), seed=0, device="cuda", products=products, precision=precision
    )
    rng = np.random.default_rng(0)
    history = model.fit(rng.normal(size=(300, 512)), rng.integers(0, 10, 300), epochs=2, batch_size=256, progress=False)
    return model, np.array(history["loss"])


@pytest.mark.parametrize(
    ("products", "precision"),
    [("cublas", "full"), ("cublas_tf32", "full"), ("cublas", "bfloat16"), ("cublas", "float16")],
)
def test_training_with_cublas(products, precision):
    library = type(cublas_or_skip())
    calls = []
    product = library.product
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "product", lambda *given: calls.append(given[1]) or product(*given))
        one, losses = wide_perceptron(products, precision)
    assert len(calls) >= 2 * 5  # of each, before the graph is taken down and for it
    other, again = wide_perceptron(products, precision, time=1)
    assert_same(one, other)
    np.testing.assert_array_equal(losses, again)
    exact = products == "cublas" and precision == "full"
    np.testing.assert_allclose(losses, wide_perceptron("own")[1], rtol=1e-4 if exact else 0.05)
