"""Examples that are neither copied nor computed until they are needed."""

import numpy as np
import pytest

from nngraph.train.data.dataset import from_arrays, take
from nngraph.train.data.splits import split
from nngraph.train.data.standardizer import fit_standardizer, standardize, standardizer_from_tensors
from nngraph.train.data.stored import Stored
from nngraph.train.gathers import gather_of

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 4, 5, 3), dtype=np.uint8)
IMAGES[..., 1] //= 3
ROWS = np.array([7, 3, 3, 49, 0])


@pytest.mark.parametrize("over", ["feature", "channel", "all"])
@pytest.mark.parametrize("rows", [None, ROWS])
def test_moments_of_bytes_are_those_of_floats(over, rows):
    data = from_arrays(IMAGES)
    data = data if rows is None else take(data, rows)
    found = fit_standardizer(data, over)
    expected = fit_standardizer(from_arrays(data.x.astype(np.float64)), over)
    np.testing.assert_allclose(found.mean["x"], expected.mean["x"], rtol=1e-14)
    np.testing.assert_allclose(found.std["x"], expected.std["x"], rtol=1e-12)
    assert found.mean["x"].shape == expected.mean["x"].shape


def test_bytes_that_do_not_vary():
    found = fit_standardizer(from_arrays(np.full((100_000, 2), 255, np.uint8)))
    assert found.mean["x"].tolist() == [255.0, 255.0]
    assert found.std["x"].tolist() == [1.0, 1.0]


def test_images_go_by_channel_and_other_examples_by_feature():
    assert fit_standardizer(from_arrays(IMAGES)).mean["x"].shape == (3,)
    assert fit_standardizer(from_arrays(IMAGES[..., 0])).mean["x"].shape == (4, 5)
    assert fit_standardizer(from_arrays(IMAGES.reshape(50, -1).astype(np.float32))).mean["x"].shape == (60,)


def test_parts_of_parts():
    first, _ = split(from_arrays(IMAGES, np.arange(50) % 2), 0.2, seed=1)
    second, held_out = split(first, 0.5, seed=2)
    array = second.inputs["x"]
    assert isinstance(array, Stored)
    assert np.shares_memory(array.array, IMAGES)
    assert np.array_equal(np.sort(np.concatenate([second.y, held_out.y])), np.sort(first.y))
    assert np.array_equal(second.x, IMAGES[array.rows])
    assert np.array_equal(array[2:4], second.x[2:4])


@pytest.mark.parametrize("over", ["feature", "channel", "all"])
@pytest.mark.parametrize("shape", [(4, 5, 3), (60,), (1, 20, 3)])
def test_standardized_and_of_another_shape(over, shape):
    data = take(from_arrays(IMAGES), ROWS)
    scale = fit_standardizer(data, over)
    again = standardizer_from_tensors(scale.tensors())
    assert again
    found = standardize(data, again).inputs["x"]
    assert isinstance(found, Stored)
    assert found.dtype == np.float32
    expected = ((data.x - scale.mean["x"]) / scale.std["x"]).astype(np.float32).reshape(5, *shape)
    reshaped = found.reshape(5, *shape)
    np.testing.assert_allclose(reshaped[:], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gather_of(reshaped, "float32").part(1, 4), expected[1:4], rtol=1e-5, atol=1e-5)


def test_standardized_twice():
    data = from_arrays(IMAGES)
    once = standardize(data, fit_standardizer(data))
    twice = standardize(once, fit_standardizer(once))
    np.testing.assert_allclose(twice.x, once.x, atol=1e-5)
    assert isinstance(twice.inputs["x"], Stored)
