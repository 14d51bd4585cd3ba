import numpy as np
import pytest

from nngraph.errors import DataError, OptionError
from nngraph.train.data.dataset import from_arrays
from nngraph.train.data.specs import load
from nngraph.train.data.splits import split
from nngraph.train.data.standardizer import Standardizer, fit_standardizer, standardize, standardizer_from_tensors

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("over", "axes", "shape"),
    [("feature", (0,), (4, 3)), ("channel", (0, 1), (3,)), ("all", (0, 1, 2), ())],
)
def test_mean_and_deviation(over: str, axes: tuple[int, ...], shape: tuple[int, ...]):
    data = from_arrays(RANDOM.normal(1000, 3, (50, 4, 3)))
    standardizer = fit_standardizer(data, over)  # pyright: ignore[reportArgumentType]
    assert standardizer.mean["x"].shape == shape
    np.testing.assert_allclose(standardizer.mean["x"], data.x.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(standardizer.std["x"], data.x.std(axes), rtol=1e-9)
    z = standardize(data, standardizer).x
    np.testing.assert_allclose(z.mean(axes), 0, atol=1e-10)
    np.testing.assert_allclose(z.std(axes), 1, rtol=1e-10)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    data = from_arrays(RANDOM.normal(size=(101, 7)))
    whole = fit_standardizer(data)
    monkeypatch.setattr("nngraph.train.data.standardizer._BLOCK", 70)
    parts = fit_standardizer(data)
    np.testing.assert_allclose(whole.std["x"], parts.std["x"], rtol=1e-13)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_constants_are_only_centered(value: float):
    data = from_arrays(np.full((1001, 2), value, np.float32))
    standardizer = fit_standardizer(data)
    assert standardizer.std["x"].tolist() == [1, 1]
    assert not standardize(data, standardizer).x.any()


def test_types():
    data = from_arrays({"a": np.ones((2, 1), np.uint8), "b": np.ones((2, 1)), "c": np.ones((2, 1), np.int32)})
    result = standardize(data, fit_standardizer(data))
    assert [array.dtype.name for array in result.inputs.values()] == ["float32", "float64", "int32"]


def test_held_out_data_is_not_seen():
    training, held_out = split(load("digits"), 0.2)
    standardizer = fit_standardizer(training)
    np.testing.assert_allclose(standardizer.mean["image"], training.x.mean(0), rtol=1e-5, atol=1e-7)
    z = standardize(held_out, standardizer).x
    assert z.dtype == np.float32
    assert np.isfinite(z).all()


def test_round_trip_through_tensors():
    standardizer = fit_standardizer(from_arrays({"a/b": RANDOM.normal(size=(9, 2)), "c": RANDOM.normal(size=9)}))
    tensors = standardizer.tensors()
    again = standardizer_from_tensors({"h1.weight": np.ones(2), **tensors})
    assert isinstance(again, Standardizer)
    assert all(np.array_equal(again.mean[key], standardizer.mean[key]) for key in ("a/b", "c"))
    assert all(np.array_equal(again.std[key], standardizer.std[key]) for key in ("a/b", "c"))
    assert standardizer_from_tensors({"h1.weight": np.ones(2)}) is None


def test_errors():
    data = from_arrays(np.ones((2, 3)))
    standardizer = fit_standardizer(data)
    with pytest.raises(OptionError, match="over is 'rows'"):
        fit_standardizer(data, "rows")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="has no input 'x'"):
        standardize(from_arrays({"z": np.ones((2, 3))}), standardizer)
    with pytest.raises(DataError, match=r"has samples of shape \(4,\), but was standardized .* shape \(3,\)"):
        standardize(from_arrays(np.ones((2, 4))), standardizer)
    with pytest.raises(DataError, match=r"with shape \(3,\); transpose it \(images are height, width, channels\)"):
        standardize(from_arrays(np.ones((2, 3, 5, 5))), standardizer)
    with pytest.raises(DataError, match="is incomplete: means for 'x', deviations for none"):
        standardizer_from_tensors({"standardizer/mean/x": np.ones(3)})
