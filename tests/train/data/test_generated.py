import numpy as np
import pytest

from nngraph.errors import OptionError
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.generated import blobs, circles, images, moons, random, sine, spirals, step, xor

PLANAR = [moons, circles, spirals, xor, blobs]
CURVES = [sine, step, random]


@pytest.mark.parametrize("make", [*PLANAR, *CURVES])
def test_number_of_points_and_seed(make):
    data = make(n=101, seed=3)
    assert len(data) == len(data.y) == 101
    assert np.array_equal(data.x, make(n=101, seed=3).x)
    assert np.array_equal(data.y, make(n=101, seed=3).y)
    other = make(n=101, seed=4)
    assert not (np.array_equal(data.x, other.x) and np.array_equal(data.y, other.y))
    assert np.isfinite(data.x).all()
    assert data.description


@pytest.mark.parametrize("make", PLANAR)
def test_planar(make):
    data: Dataset = make(n=300)
    assert data.x.shape == (300, 2)
    assert data.y.dtype == np.int32
    assert data.task == "classification"
    assert data.classes == tuple(str(k) for k in range(len(data.classes)))
    counts = np.bincount(data.y)
    assert counts.min() > 80


def test_shapes_without_noise():
    upper = moons(noise=0).x[:250]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    assert (upper[:, 1] >= 0).all()
    lower = moons(noise=0).x[250:]
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.5], axis=1), 1)
    radii = np.linalg.norm(circles(noise=0, factor=0.3).x, axis=1)
    np.testing.assert_allclose(radii, np.repeat([1, 0.3], 250))
    square = xor(noise=0)
    assert np.array_equal(square.y == 1, (square.x[:, 0] > 0) != (square.x[:, 1] > 0))
    clouds = blobs(n=9, noise=0)
    assert len(np.unique(clouds.x.round(9), axis=0)) == 3
    arms = spirals(n=400, noise=0, classes=4, turns=0.5)
    np.testing.assert_allclose(np.linalg.norm(arms.x[:100], axis=1), np.linspace(0.05, 1, 100))
    np.testing.assert_allclose(arms.x[:100], -arms.x[200:300], atol=1e-12)


def test_xor_always_has_two_classes():
    assert xor(n=1).classes == ("0", "1")


def test_curves_without_noise():
    wave = sine(n=201, noise=0)
    np.testing.assert_allclose(wave.y, np.sin(2 * np.pi * wave.x))
    assert wave.x.shape == wave.y.shape == (201, 1)
    edge = step(n=201, noise=0)
    assert np.array_equal(edge.y, edge.x > 0)
    assert edge.task == "regression"


def test_random_numbers():
    data = random(n=30, inputs=200, outputs=3)
    assert data.x.shape == (30, 200)
    assert data.y.shape == (30, 3)
    assert abs(data.x.std() - 1) < 0.05
    assert data.task == "regression"


def test_noise_is_its_deviation():
    assert abs((sine(n=20000, noise=0.2).y - sine(n=20000, noise=0).y).std() - 0.2) < 0.01


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (moons, {"n": 1}, "moons: n is 1, but at least 2 points"),
        (sine, {"n": 0}, "sine: n is 0, but at least 1"),
        (xor, {"noise": -1.0}, "xor: noise is -1.0, but a deviation of at least 0"),
        (xor, {"noise": float("nan")}, "noise is nan"),
        (blobs, {"classes": 1}, "blobs: classes is 1, but at least 2"),
        (spirals, {"classes": 5, "n": 4}, "spirals: n is 4, but at least 5 points"),
        (spirals, {"turns": 0.0}, "spirals: turns is 0.0"),
        (circles, {"factor": 1.0}, "circles: factor is 1.0, but the inner radius lies between 0 and 1"),
        (circles, {"seed": -1}, "seed is -1"),
        (random, {"inputs": 0}, "random: inputs is 0"),
    ],
)
def test_errors(make, options, message: str):
    with pytest.raises(OptionError, match=message):
        make(**options)


def test_images():
    data = images(200, size=8, classes=4, noise=0.3)
    assert data.x.shape == (200, 8, 8, 3)
    assert data.x.dtype == np.uint8
    assert sorted(set(data.y.tolist())) == [0, 1, 2, 3]
    means = np.stack([data.x[data.y == label].mean(axis=0) for label in range(4)])
    distances = ((data.x[:, None].astype(float) - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == data.y).all()  # a class's images resemble each other
    assert images(20, size=3, channels=1, noise=0.0).x.shape == (20, 3, 3, 1)
    for options in ({"noise": 1.5}, {"size": 0}, {"channels": 0}):
        with pytest.raises(OptionError, match="noise up to 1 and at least 1 of the others"):
            images(**options)
