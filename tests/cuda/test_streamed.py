"""Data that the device has no room for: what is trained is the same to the bit, whatever stays on the host."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.ir.program import Kernel
from nngraph.machines.cuda_data import CudaData
from nngraph.run.cuda import streamed
from nngraph.run.cuda.device import device
from nngraph.run.cuda.streamed import Streamed, chunks
from nngraph.train import data
from nngraph_kernels import tape_layout as layout
from tests.cuda.calls import call, hole

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(37, 6)).astype(np.float32), RNG.integers(0, 3, 37)
IMAGES = RNG.integers(0, 256, (23, 4, 4, 2)).astype(np.uint8)


def test_chunks_hold_steps_that_follow_each_other():
    steps = [(0, 4), (4, 4), (8, 4), (12, 2), (40, 4), (44, 4), (0, 4)]
    assert chunks(steps, 8) == [[(0, 4), (4, 4)], [(8, 4), (12, 2)], [(40, 4), (44, 4)], [(0, 4)]]
    assert chunks(steps, 4) == [[step] for step in steps]
    assert chunks([], 4) == []


def test_rows_are_there_when_their_step_is():
    order = RNG.permutation(40)[:30].astype(np.int64)
    host, rows = RNG.normal(size=(40, 3)).astype(np.float32), RNG.permutation(40).astype(np.int64)
    found = Streamed(device(), order, 4, 24)
    sources = [found.add(host, None), found.add(host.astype(np.float64), rows)]
    steps = [(k, min(4, 30 - k)) for k in range(0, 30, 4)]
    for _ in range(2):
        found.begin(steps)
        for start, count in steps:
            found.before()
            numbers, place = order[start : start + count], start + int(found.shift.copy_to_host()[0])
            for source, expected in zip(sources, (host[numbers], host[rows[numbers]]), strict=True):
                there = source.there.copy_to_host().reshape(-1, 3)[place : place + count]
                np.testing.assert_array_equal(there, expected)
            found.after()


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_load_streamed(dtype):
    held = "uint8" if dtype == "bool" else dtype
    rows = RNG.integers(0, 2, (20, 3)).astype(held)
    control, y = np.zeros(layout.CONTROL_WORDS, np.int64), hole([6, 3], held)
    control[layout.CURSOR] = 40
    kernel = Kernel("feed", ("load_streamed", dtype))
    call(kernel, [y], [], [6, 3], (), [rows.reshape(-1), np.array([-31])], control)
    np.testing.assert_array_equal(y, rows[9:15])


def perceptron():
    g = ng.Graph("perceptron")
    g.output(g.linear(g.dropout(g.relu(g.linear(g.input("x", shape=(6,)), 5)), 0.25), 3))
    return ng.compile(g, loss="cross_entropy", optimizer=ng.Adam(0.02), seed=3, device="cuda")


def convolutional():
    g = ng.Graph("convolutional")
    h = g.relu(g.conv2d(g.input("image", shape=(4, 4, 2)), 2, 3))
    g.output(g.linear(g.global_average_pool(h), 3))
    return ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1), seed=0, device="cuda")


@pytest.fixture
def flows(monkeypatch):
    """What is decided to be streamed: the names of inputs, for each feed."""
    found, decide = [], CudaData._flow

    def flow(self, feed, batch):
        made = decide(self, feed, batch)
        found.append(sorted(made.sources) if made else [])
        return made

    monkeypatch.setattr(CudaData, "_flow", flow)
    return found


def trained(make, monkeypatch, room, fit):
    model = make()
    monkeypatch.setattr(model.programs.machine.device, "room", lambda: room)
    history = fit(model)
    return model.parameters(), {name: list(column) for name, column in history.items()}


def assert_same(one, other):
    for name, array in one[0].items():
        np.testing.assert_array_equal(other[0][name], array, err_msg=name)
    assert one[1] == other[1]


@pytest.mark.parametrize("steps", [1, 16])
def test_rows_of_numbers(monkeypatch, flows, steps):
    def fit(model):
        return model.fit(X, Y, epochs=2, batch_size=6, validation=0.25, progress=False, class_weight="balanced")

    monkeypatch.setattr(streamed, "STEPS", steps)
    assert_same(trained(perceptron, monkeypatch, 1e9, fit), trained(perceptron, monkeypatch, 0, fit))
    assert [len(names) for names in flows] == [0, 0, 3, 3]  # inputs, targets and weights; validation's too


def test_only_what_has_no_room_stays_on_the_host(monkeypatch, flows):
    def fit(model):
        return model.fit(X, Y, epochs=1, batch_size=8, progress=False)

    resident = trained(perceptron, monkeypatch, 1e9, fit)
    assert_same(resident, trained(perceptron, monkeypatch, Y.size * 4 + 10, fit))
    assert flows == [[], ["x"]]


def test_no_room_for_chunks_either(monkeypatch):
    model = perceptron()
    model.programs.bind("train", 8)
    monkeypatch.setattr(model.programs.machine.device, "memory", lambda: (100.0, 1000.0))
    with pytest.raises(ng.NNGraphError, match=r"two steps of batch size 8: [\d,]+ bytes needed, 100 free; give"):
        model.fit(X, Y, batch_size=8, progress=False)


def test_images_that_are_standardized_cropped_and_flipped(monkeypatch):
    images = data.from_arrays(IMAGES, RNG.integers(0, 3, 23))

    def fit(model):
        return model.fit(
            images, epochs=2, batch_size=5, validation=0.3, standardize=True, augment={"crop": 1, "flip": True},
            progress=False,
        )  # fmt: skip

    monkeypatch.setattr(streamed, "STEPS", 2)
    resident = trained(convolutional, monkeypatch, 1e9, fit)
    assert_same(resident, trained(convolutional, monkeypatch, 0, fit))


def test_evaluation_and_a_second_training(monkeypatch):
    def fit(model):
        model.fit(X, Y, epochs=1, batch_size=4, progress=False)
        found = model.evaluate(X, Y)
        history = model.fit(X, Y, epochs=2, batch_size=4, progress=False)
        history["evaluated"] = np.array([found["loss"]])
        return history

    assert_same(trained(perceptron, monkeypatch, 1e9, fit), trained(perceptron, monkeypatch, 0, fit))
