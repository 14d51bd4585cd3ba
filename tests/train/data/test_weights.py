import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.dataset import from_arrays
from nngraph.train.data.weights import class_weights, weighted

LABELS = np.array([0, 0, 0, 1], np.int32)


def test_balanced_gives_classes_the_same_sum():
    weights = class_weights(LABELS, ("a", "b", "absent"), "balanced")
    np.testing.assert_allclose(weights, [4 / 6, 2, 0])
    np.testing.assert_allclose(np.bincount(LABELS, weights[LABELS]), [2, 2])


@pytest.mark.parametrize("given", [{"b": 3.0}, {1: 3.0}, {np.int64(1): 3.0}])
def test_by_name_or_label(given: dict[str, float]):
    assert class_weights(LABELS, ("a", "b"), given).tolist() == [1, 3]


def test_weights_multiply():
    data = from_arrays(np.zeros(4), LABELS, weights=[1, 2, 1, 1])
    result = weighted(data, sample_weight=[1, 1, 5, 1], class_weight={1: 7.0})
    assert result.weights is not None
    assert result.weights.tolist() == [1, 2, 5, 7]


def test_errors():
    data = from_arrays(np.zeros(4), LABELS, name="here")
    for given, message in [
        ({2: 1.0}, "names the class 2, but the classes are '0', '1'"),
        ({"c": 1.0}, "names the class 'c'"),
        ({0: -1.0}, r"class_weight\[0\] is -1.0, but a finite number >= 0"),
        ({0: float("nan")}, "is nan"),
        ("even", "is 'even', but 'balanced' or a mapping is expected"),
        ({0: 0.0, 1: 0.0}, "are all zero"),
    ]:
        with pytest.raises(DataError, match="here: .*" + message):
            weighted(data, class_weight=given)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="has no classes to weigh"):
        weighted(from_arrays(np.zeros(4), np.zeros(4)), class_weight="balanced")
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        weighted(data, sample_weight=[1, 1, 1])
