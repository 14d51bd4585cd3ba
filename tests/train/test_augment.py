"""Images in training: standardized, cropped and mirrored while a batch is gathered, and only there."""

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DataError, OptionError
from nngraph.run.program import Segment
from nngraph.run.tape import Running, Tape
from nngraph.train.data.dataset import from_arrays
from nngraph.train.data.splits import split
from nngraph.train.data.stored import Stored
from nngraph_kernels.examples_reference import shown, windows
from tests.train.networks import same

SIDE, COUNT, BATCH = 16, 75, 32
CROPS = ng.Augment(crop=3, flip=True)


def images(count: int = COUNT, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of which one class is brighter on the left, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count).astype(np.int32)
    x = rng.integers(0, 156, (count, SIDE, SIDE, 3))
    for image, label in zip(x, labels, strict=True):
        image[:, slice(None, SIDE // 2) if label else slice(SIDE // 2, None)] += 100
    return x.astype(np.uint8), labels


X, Y = images()


def model(**options) -> ng.Model:
    g = ng.Graph("images")
    x = g.linear(g.reshape(g.input("image", (SIDE, SIDE, 3)), (SIDE * SIDE * 3,)), 2, name="scores")
    g.output(x)
    return ng.compile(g, **({"loss": "cross_entropy", "optimizer": ng.SGD(0.001, momentum=0.9), "seed": 5} | options))


def augmented(x: np.ndarray, epoch: int, seed: int = 5, augment: ng.Augment = CROPS) -> np.ndarray:
    """What training sees of `x` in an epoch."""
    drawn = zip(x, *windows(np.arange(len(x)), epoch, seed, augment.crop), strict=True)
    return np.stack([shown(image, down, right, augment.flip and bool(m)) for image, down, right, m in drawn])


@pytest.mark.parametrize("augment", [CROPS, ng.Augment(crop=1), ng.Augment(flip=True), {"crop": 15}])
def test_training_sees_what_numpy_gives(augment):
    """An augmented training is one of images that were augmented before, epoch by epoch."""
    one, other = model(), model()
    one.fit(X, Y, epochs=3, batch_size=BATCH, shuffle=False, augment=augment)
    chosen = augment if isinstance(augment, ng.Augment) else ng.Augment(**augment)
    for epoch in range(3):
        other.fit(augmented(X, epoch, augment=chosen), Y, epochs=1, batch_size=BATCH, shuffle=False)
    assert same(one.parameters(), other.parameters())
    plain = model()
    plain.fit(X, Y, epochs=3, batch_size=BATCH, shuffle=False)
    assert not same(one.parameters(), plain.parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_as_good_as_floats(dtype: str):
    """Standardized or not, split or not, bytes give what floats give that were made of them before."""
    mean, std = X.mean(axis=(0, 1, 2)), X.std(axis=(0, 1, 2))
    floats = (X.astype(dtype) - mean.astype(dtype)) * (1 / std).astype(dtype)
    one, other = model(dtype=dtype), model(dtype=dtype)
    one.fit(X, Y, epochs=2, batch_size=BATCH, standardize=True)
    other.fit(floats, Y, epochs=2, batch_size=BATCH)
    held = one.trainee.standardizer
    assert held
    np.testing.assert_allclose(held.mean["x"], mean, rtol=1e-14)
    for name, x in one.parameters().items():
        np.testing.assert_allclose(x, other.parameters()[name], rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)
    np.testing.assert_array_equal(one.predict(X, batch_size=10), one.predict(X))
    assert one.evaluate(X, Y) == pytest.approx(other.evaluate(floats, Y), rel=1e-4)
    assert one.loss_and_gradients(X, Y)[0] == pytest.approx(one.evaluate(X, Y)["loss"], rel=1e-5)


def test_only_training_is_augmented():
    one, other = model(), model()
    for m, augment in ((one, CROPS), (other, None)):
        m.fit(X, Y, epochs=1, batch_size=COUNT, validation=images(20, 1), standardize=True, augment=augment)
    m = model()
    m.fit(X, Y, epochs=1, batch_size=COUNT, standardize=True)
    m.set_parameters(one.parameters())
    assert m.evaluate(*images(20, 1))["loss"] == pytest.approx(one.history["validation_loss"][0], rel=1e-6)
    assert np.array_equal(m.predict(X), one.predict(X))


def test_threads_and_shares_change_nothing():
    found: list[dict[str, np.ndarray]] = []
    for threads in (1, 2):
        m = model(threads=threads)
        m.fit(X, Y, epochs=3, batch_size=BATCH, validation=0.2, standardize=True, augment=CROPS)
        found.append(m.parameters())
    assert same(*found)


def test_a_part_is_not_copied():
    part, _ = split(from_arrays(X, Y), 0.2, seed=5)
    stored = part.inputs["x"]
    assert isinstance(stored, Stored)
    assert np.shares_memory(stored.array, X)
    assert np.array_equal(part.x, X[stored.rows])


def test_a_mapped_file(tmp_path: Path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found: list[dict[str, np.ndarray]] = []
    for x in (X, mapped):
        m = model()
        m.fit(x, Y, epochs=3, batch_size=BATCH, validation=0.2, standardize=True, augment=CROPS)
        found.append(m.parameters())
        m.predict(x)
    assert same(*found)


def stopped_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Ctrl-C when this many steps are done, in a run of the tape that is cut off there."""
    start, total = Tape.start, 0

    def interrupted(self: Tape, segments: Sequence[Segment], threads: int = 1) -> Running:
        nonlocal total
        cut: list[Segment] = []
        for segment in segments:
            taken = min(segment.steps, steps - total)
            total += taken
            cut += [Segment(segment.program, taken, segment.cursor)] if taken else []
        running = start(self, cut, threads)
        if total == steps:
            running.wait()
            os.kill(os.getpid(), signal.SIGINT)
        return running

    patch.setattr(Tape, "start", interrupted)


@pytest.mark.parametrize("steps", [2, 7])
def test_goes_on_in_the_midst_of_an_epoch(steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    options = {"epochs": 4, "batch_size": BATCH, "standardize": True, "augment": CROPS}
    unbroken, first = model(), model()
    unbroken.fit(X, Y, **options)
    with monkeypatch.context() as patch:
        stopped_after(patch, steps)
        with pytest.raises(KeyboardInterrupt):
            first.fit(X, Y, **options, run=tmp_path / "run")
    assert first.trainee.position.step == steps % 3
    again = ng.load_model(tmp_path / "run")
    again.fit(X, Y, **options, run=tmp_path / "run", resume=True)
    assert same(again.parameters(), unbroken.parameters())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["augment"] == {"crop": 3, "flip": True}


def test_floats_are_augmented_too():
    """Outside of an image there is black, which standardized is not 0."""
    floats = X.astype(np.float32) / 255
    one, other = model(), model()
    one.fit(floats, Y, epochs=2, batch_size=BATCH, shuffle=False, augment=CROPS)
    for epoch in range(2):
        other.fit(augmented(floats, epoch), Y, epochs=1, batch_size=BATCH, shuffle=False)
    assert same(one.parameters(), other.parameters())
    one, other = model(), model()
    one.fit(floats, Y, epochs=2, batch_size=BATCH, standardize=True, augment=CROPS)
    other.fit(X, Y, epochs=2, batch_size=BATCH, standardize=True, augment=CROPS)
    for name, x in one.parameters().items():
        np.testing.assert_allclose(x, other.parameters()[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ({"crop": -1}, "crop is -1, but a whole number"),
        ({"flip": 1}, "flip is 1, but True or False"),
        ({"crops": 1}, "no option 'crops'; did you mean 'crop'"),
        ("flip", "'flip' given, ng.Augment"),
    ],
)
def test_options_that_are_not_accepted(augment, message: str):
    with pytest.raises(OptionError, match=message):
        model().fit(X, Y, augment=augment)


def test_only_images_are_augmented():
    with pytest.raises(DataError, match="crop is 16, but the images of input 'image' are of 16 x 16"):
        model().fit(X, Y, augment=ng.Augment(crop=16))
    g = ng.Graph("rows")
    g.output(g.linear(g.input("x", (4,)), 2))
    m = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1))
    with pytest.raises(DataError, match="'x' of shape \\(4,\\); only images"):
        m.fit(np.zeros((5, 4)), np.zeros(5, int), augment=ng.Augment(flip=True))
