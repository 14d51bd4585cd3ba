import numpy as np
import pytest

from nngraph.errors import DataError, OptionError
from nngraph.train.data.dataset import Dataset, from_arrays
from nngraph.train.data.specs import load
from nngraph.train.data.splits import split


def labelled(counts: list[int]) -> Dataset:
    labels = np.repeat(np.arange(len(counts)), counts)
    return from_arrays(np.arange(len(labels), dtype=float), labels)


def test_parts_are_disjoint_and_complete():
    data = labelled([40, 60])
    training, held_out = split(data, 0.3, seed=4)
    assert len(training) == 70
    assert len(held_out) == 30
    assert sorted([*training.x, *held_out.x]) == data.x.tolist()
    assert (np.diff(training.x) > 0).all()
    assert np.array_equal(held_out.x >= 40, held_out.y == 1)


def test_shares_of_classes_are_kept():
    training, held_out = split(labelled([10, 20, 70]), 0.2)
    assert np.bincount(held_out.y).tolist() == [2, 4, 14]
    assert np.bincount(training.y).tolist() == [8, 16, 56]


def test_digits():
    _, held_out = split(load("digits"), 0.2, seed=0)
    assert len(held_out) == 359
    whole = np.bincount(load("digits").y)
    assert abs(np.bincount(held_out.y) - whole * 359 / 1797).max() < 1


@pytest.mark.parametrize("counts", [[1, 99], [1, 1, 8], [3, 3, 3], [1] * 10, [3, 2]])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_the_count_is_exact_and_rare_classes_stay_in_training(counts: list[int], share: float):
    data = labelled(counts)
    training, held_out = split(data, share)
    assert len(held_out) == round(share * len(data))
    if len(training) >= len(counts):
        assert len(np.unique(training.y)) == len(counts)


def test_a_count():
    assert len(split(labelled([50, 50]), 7)[1]) == 7


def test_depends_on_the_seed_alone():
    data = labelled([50, 50])
    assert np.array_equal(split(data, 0.2, seed=1)[1].x, split(data, 0.2, seed=1)[1].x)
    assert not np.array_equal(split(data, 0.2, seed=1)[1].x, split(data, 0.2, seed=2)[1].x)


def test_without_strata():
    data = labelled([50, 50])
    parts = [np.bincount(split(data, 20, seed=s, stratify=False)[1].y).tolist() for s in range(5)]
    assert any(part != [10, 10] for part in parts)


def test_regression_and_weights():
    data = from_arrays(np.arange(10.0), np.arange(10.0), weights=np.arange(1.0, 11.0))
    _, held_out = split(data, 0.3)
    assert held_out.weights is not None
    assert np.array_equal(held_out.weights, held_out.x + 1)


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.1, float("nan")])
def test_fractions_out_of_range(share: float):
    with pytest.raises(OptionError, match="a fraction lies between 0 and 1"):
        split(labelled([5, 5]), share)


@pytest.mark.parametrize("held_out", [0, 10, 12, -1, 0.01])
def test_too_few(held_out: float):
    with pytest.raises(DataError, match="10 samples split into .* each part needs at least one"):
        split(labelled([5, 5]), held_out)
