import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.dataset import from_arrays, take


def test_integers_are_labels_and_floats_are_values():
    labels = from_arrays(np.zeros((3, 2)), np.array([0, 2, 1], np.int64))
    assert labels.task == "classification"
    assert labels.y.dtype == np.int32
    assert labels.classes == ("0", "1", "2")
    values = from_arrays(np.zeros((3, 2)), [0.0, 2.0, 1.0])
    assert values.task == "regression"
    assert values.classes == ()


def test_task_overrides_the_type():
    assert from_arrays([[1.0]] * 2, [0, 1], task="regression").y.dtype == np.float64
    data = from_arrays([[1.0]] * 2, [0.0, 1.0], task="classification")
    assert data.y.dtype == np.int32
    with pytest.raises(DataError, match="holds fractions .*loss like mean_squared_error .*task=regression"):
        from_arrays([[1.0]] * 2, [0.5, 1.0], task="classification")


@pytest.mark.parametrize("labels", [["b", "a", "b"], np.array(["b", "a", "b"], object), np.array([b"b", b"a", b"b"])])
def test_names_become_sorted_classes(labels: object):
    data = from_arrays(np.zeros((3, 1)), labels)  # pyright: ignore[reportArgumentType]
    assert data.classes == ("a", "b")
    assert data.y.tolist() == [1, 0, 1]


def test_names_are_looked_up_among_known_classes():
    data = from_arrays(np.zeros((2, 1)), ["b", "c"], classes=["a", "b", "c"])
    assert data.y.tolist() == [1, 2]
    with pytest.raises(DataError, match="label 'd' at row 1, but the classes are 'a', 'b', 'c'"):
        from_arrays(np.zeros((2, 1)), ["b", "d"], classes=["a", "b", "c"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("uint8", "uint8"),
        ("int64", "int32"),
        ("bool", "bool"),
        ("uint16", "int32"),
        (">f4", "float32"),
    ],
)
def test_types_of_inputs(given: str, kept: str):
    assert from_arrays(np.ones((2, 2), given)).x.dtype == np.dtype(kept)


def test_several_inputs_and_targets_go_by_name():
    data = from_arrays({"a": np.zeros((2, 1)), "b": np.zeros((2, 3))}, {"y": [0, 1], "z": [0.0, 1.0]})
    assert set(data.inputs) == {"a", "b"}
    with pytest.raises(DataError, match="has 2 inputs \\('a', 'b'\\), not one: take them by name"):
        _ = data.x
    with pytest.raises(DataError, match="has 2 targets"):
        _ = data.y


def test_prediction_needs_no_targets():
    data = from_arrays(np.zeros((2, 1)))
    assert len(data) == 2
    assert not data.targets


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (
            [[1.0, 2.0], [3.0, np.nan]],
            [0, 1],
            r"input 'x': holds NaN at row 1, column 1 \('b'\); remove that row",
        ),
        ([[1.0, 2.0], [np.inf, 1.0]], [0, 1], r"input 'x': holds an infinity at row 1, column 0 \('a'\)"),
        (np.full((2, 2, 2), np.nan), [0, 1], r"holds NaN at row 0, position \(0, 0\)"),
        ([1.0, 2.0], [0.0, np.nan], "target 'y': holds NaN at row 1;"),
        ([[1.0], [2.0]], [0, 1, 1], "lengths differ: input 'x' has 2, target 'y' has 3"),
        (np.zeros((0, 2)), np.zeros(0, int), "is empty; at least one sample"),
        (3.0, [1], "is a single number"),
        ([["a"], ["b"]], [0, 1], "input 'x': holds values of type <U1, but numbers are expected"),
        ([{}, {}], [0, 1], "values of type object"),
        ([[1.0], [2.0, 3.0]], [0, 1], "its rows differ in length"),
        ([[1.0], [2.0]], [0, -1], "has the label -1 at row 1, but labels start at 0"),
        ([[1], [2**40]], [0, 1], "do not fit int32"),
        ([[1.0], [2.0]], [1j, 2j], "values of type complex128"),
        ({}, [1], "has no inputs"),
    ],
)
def test_errors(inputs: object, targets: object, message: str):
    with pytest.raises(DataError, match=message) as raised:
        from_arrays(inputs, targets, name="here", columns=["a", "b"])  # pyright: ignore[reportArgumentType]
    assert str(raised.value).startswith("here: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"have shape \(1,\), but \(2,\) is expected, one a sample"),
        ([1.0, -1.0], "hold -1 at row 1, but a weight is at least 0"),
        ([0.0, 0.0], "are all zero"),
        ([1.0, np.nan], "holds NaN at row 1"),
    ],
)
def test_weights_are_checked(weights: list[float], message: str):
    with pytest.raises(DataError, match="sample weights: " + message):
        from_arrays([[1.0], [2.0]], [0, 1], weights=weights)


def test_take_keeps_rows_together():
    data = from_arrays([[0.0], [1.0], [2.0]], [0, 1, 2], weights=[1, 2, 3])
    part = take(data, np.array([2, 0]))
    assert part.x.ravel().tolist() == [2, 0]
    assert part.y.tolist() == [2, 0]
    assert part.weights is not None
    assert part.weights.tolist() == [3, 1]
    assert part.classes == data.classes
