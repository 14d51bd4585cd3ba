"""Training with numbers kept in 16 bits: on the device as by the interpreter, less memory, and the loss's scale."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.compiler import Compilation, compile_program
from nngraph.differentiate.loss_scale import LEAST, START, STEPS
from nngraph.ir.interpret import interpret

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)).astype("f"), RNG.integers(0, 3, 12).astype(np.int32)
IMAGES = RNG.normal(size=(3, 5, 5, 2)).astype("f")
SIXTEEN = ("bfloat16", "float16")
# Sums in another order now and then become another number of 16 bits: a step, of 2**-8 or 2**-11, in few of them.
TOLERANCE = {"bfloat16": 1e-2, "float16": 1e-3}
precisions = pytest.mark.parametrize("precision", SIXTEEN)


def perceptron(precision="full", device="cuda", **options):
    g = ng.Graph("perceptron")
    h = g.dropout(g.relu(g.linear(g.input("x", shape=(4,)), 8)), 0.25)
    g.output(g.linear(g.tanh(g.linear(h, 6)), 3))
    given = {"loss": "cross_entropy", "optimizer": ng.Adam(0.02), "seed": 3} | options
    return ng.compile(g, device=device, precision=precision, **given)


def wired(precision="full"):
    g = ng.Graph("wired")
    h = g.max_pool(g.relu(g.conv2d(g.input("x", shape=(5, 5, 2)), 4, 3, bias=False)), 2, stride=1)
    h = g.randwire(g.batch_norm(h), 5, ng.WS(3, 2, 0.75, seed=1))
    g.output(g.linear(g.global_average_pool(g.relu(h)), 3))
    optimizer = ng.SGD(0.1, momentum=0.9)
    return ng.compile(g, loss="cross_entropy", optimizer=optimizer, device="cuda", precision=precision)


def graph_of(model, purpose="train"):
    """What the model's program is scheduled from."""
    p = model.programs
    c = Compilation(
        p.declared, purpose, p.objective, p.optimizer, p.dtype, p.seed, checked=True, device="cuda",
        precision=p.precision,
    )  # fmt: skip
    return compile_program(c, "optimize").graph


def assert_near(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        scale = np.max(np.abs(array), initial=0.01)
        np.testing.assert_allclose(found[name] / scale, array / scale, rtol=0, atol=tolerance, err_msg=name)


@precisions
@pytest.mark.parametrize(("make", "inputs"), [(perceptron, X[:4]), (wired, IMAGES)], ids=["perceptron", "wired"])
def test_steps_are_those_of_the_interpreter(make, inputs, precision):
    tolerance = TOLERANCE[precision] * (1 if make is perceptron else 4)  # gradients of normalized sums nearly cancel
    model = make(precision)
    graph = graph_of(model)
    assert {v.narrow for v in graph.values()} == {"", precision}
    model.programs.compile("train")
    given = {"x": inputs, "target": Y[: len(inputs), None]}
    for _ in range(3):
        outputs, states = interpret(graph, given, model.programs.store.arrays)
        found = model.programs.call("train", given, len(inputs))
        assert_near(found, outputs, tolerance)
        assert_near(model.programs.store.arrays, states, tolerance)
    wide, _ = interpret(graph_of(make()), given, states)
    assert_near(model.programs.call("train", given, len(inputs)), wide, 5 * tolerance)


@precisions
def test_less_memory(precision):
    sizes = {}
    for given in ("full", precision):
        g = ng.Graph("deep")
        h = g.input("x", shape=(8,))
        for k in range(6):
            h = g.relu(g.linear(h, 256, name=f"h{k}"))
        g.output(g.linear(h, 3))
        model = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1), device="cuda", precision=given)
        sizes[given] = model.plan("train", 8192).nbytes
    assert sizes[precision] < 0.55 * sizes["full"]


def test_too_large_a_scale_leaves_a_step_out_and_is_halved():
    model = perceptron("float16", optimizer=ng.SGD(0.1, momentum=0.9, weight_decay=0.01))
    model.fit(X, Y, epochs=1, batch_size=6, progress=False)
    store = model.programs.store
    assert (store.arrays["loss_scale"], store.arrays["loss_scale_steps"]) == (START, 2)
    store.write("loss_scale", 2.0**24)
    before = {name: array.copy() for name, array in store.arrays.items()}
    history = model.fit(X, Y, epochs=1, batch_size=12, progress=False)
    assert np.isfinite(history["loss"]).all()
    after = dict(store.arrays)
    assert (after.pop("loss_scale"), after.pop("loss_scale_steps")) == (2.0**23, 0)
    for name, array in after.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    model.fit(X, Y, epochs=8, batch_size=12, progress=False)
    assert 2.0**15 <= store.arrays["loss_scale"] < 2.0**23
    assert any((store.arrays[name] != array).any() for name, array in before.items() if "weight" in name)


def test_good_steps_double_the_scale():
    model = perceptron("float16")
    model.fit(X, Y, epochs=1, batch_size=12, progress=False)
    model.programs.store.write("loss_scale_steps", STEPS - 1)
    model.fit(X, Y, epochs=1, batch_size=12, progress=False)
    assert model.programs.store.arrays["loss_scale"] == 2 * START
    assert model.programs.store.arrays["loss_scale_steps"] == 0


def test_what_is_no_fault_of_the_scale_is_no_secret():
    """At the least scale a step is done as it would be without one, and the next loss says so."""
    g = ng.Graph("steep")
    h = g.linear(g.input("x", shape=(2,)), 2, name="h")
    g.output(g.linear(g.sqrt(g.square(h)), 1))  # whose slope at 0 is infinity times 0
    model = ng.compile(g, loss="mean_squared_error", optimizer=ng.SGD(0.1), device="cuda", precision="float16")
    model.set_parameters({"h.weight": np.zeros((2, 2))})
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model.fit(x, y, epochs=2, batch_size=4, progress=False)
    assert model.programs.store.arrays["loss_scale"] == START / 4
    model.programs.store.write("loss_scale", LEAST)
    with pytest.raises(ng.ExecutionError, match="epoch 4, step 1: the loss is not finite"):
        model.fit(x, y, epochs=2, batch_size=4, progress=False)


@precisions
def test_a_run_goes_on_bit_for_bit(precision, tmp_path):
    whole, part = perceptron(precision), perceptron(precision)
    whole.fit(X, Y, epochs=2, batch_size=5, progress=False)
    part.fit(X, Y, epochs=1, batch_size=5, progress=False)
    part.save(tmp_path / "part.safetensors")
    rest = ng.load_model(tmp_path / "part.safetensors", device="cuda")
    assert rest.programs.precision == precision
    rest.save(tmp_path / "again.safetensors")  # what waits for the training step is saved too
    rest = ng.load_model(tmp_path / "again.safetensors", device="cuda")
    rest.fit(X, Y, epochs=1, batch_size=5, progress=False)
    for name, array in whole.programs.store.arrays.items():
        np.testing.assert_array_equal(rest.programs.store.arrays[name], array, err_msg=name)
    plain = ng.load_model(tmp_path / "part.safetensors")  # parameters are as exact as any
    assert plain.programs.precision == "full"
    np.testing.assert_allclose(plain.predict(X), part.predict(X), atol=0.02)


def test_gradients_are_those_of_the_loss():
    wide, found = perceptron().loss_and_gradients(X, Y)[1], perceptron("float16").loss_and_gradients(X, Y)[1]
    assert_near(found, wide, 5e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "half"}, "precision: 'half' given, one of full, mixed, bfloat16, float16 expected"),
        ({"precision": "mixed", "device": "cpu"}, "which device 'cpu' does not have; give device 'cuda', or precision"),
        ({"precision": "float16", "dtype": "float64"}, "'float16' given with dtype 'float64'; it keeps float32"),
    ],
)
def test_precisions_that_cannot_be_had(options, message):
    with pytest.raises(ng.NNGraphError, match=message):
        perceptron(**options)


def test_mixed_is_bfloat16():
    assert perceptron("mixed").programs.precision == "bfloat16"


@precisions
def test_large_gradients_of_a_maximum(precision):
    """Its gradient goes to those that are equal to it, of which there is one; the scale of the loss is too large."""

    def model(given):
        g = ng.Graph("largest")
        h = g.exp(g.linear(g.input("x", shape=(4,)), 9, name="h"))
        g.output(g.linear(g.concat([g.multiply(h, g.max(h, axis=-1, keepdims=True)), h]), 2))
        return ng.compile(g, loss="mean_squared_error", device="cuda", precision=given)

    targets = np.ones((12, 2), "f")
    narrow = model(precision)
    found, wide = (made.loss_and_gradients(X, targets)[1] for made in (narrow, model("full")))
    assert_near(found, wide, 10 * TOLERANCE[precision])
    assert narrow.programs.store.arrays.get("loss_scale", START) == START  # which is as it was
