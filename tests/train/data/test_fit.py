import numpy as np
import pytest

from nngraph.errors import DataError
from nngraph.train.data.dataset import from_arrays
from nngraph.train.data.fit import check_fit, one_hot
from nngraph.train.data.specs import load

F4 = "float32"


def test_flat_models_take_images_and_say_so():
    fitted = check_fit(load("digits"), {"pixels": ((64,), F4)}, {"logits": ((10,), F4)})
    assert fitted.dataset.inputs["pixels"].shape == (1797, 64)
    assert np.shares_memory(fitted.dataset.inputs["pixels"], fitted.dataset.inputs["pixels"].base)
    assert fitted.dataset.targets["logits"].dtype == np.int32
    assert fitted.notes == ("digits: input 'image' of shape (8, 8) is taken as (64,)",)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((8, 8), (8, 8, 1)), ((64,), (8, 8, 1)), ((1, 8, 8), (8, 8)), ((), (1,)), ((3, 4, 5), (60,))],
)
def test_shapes_that_can_only_mean_one_thing(given: tuple[int, ...], wanted: tuple[int, ...]):
    x = np.arange(2.0 * np.prod(given, dtype=int)).reshape(2, *given)
    fitted = check_fit(from_arrays(x), {"x": (wanted, "float64")})
    assert np.array_equal(fitted.dataset.x, x.reshape(2, *wanted))
    assert len(fitted.notes) == 1


def test_nothing_to_adapt_copies_nothing():
    data = from_arrays(np.zeros((2, 3), F4), [0, 1])
    fitted = check_fit(data, {"x": ((3,), F4)}, {"y": ((2,), F4)})
    assert fitted.dataset.x is data.x
    assert fitted.notes == ()


@pytest.mark.parametrize("given", ["uint8", "bool", "int32", "float64"])
@pytest.mark.parametrize("wanted", ["float32", "float64", "int32"])
def test_types(given: str, wanted: str):
    data = from_arrays(np.ones((2, 3), given))
    x = check_fit(data, {"x": ((3,), wanted)}).dataset.x
    assert x.dtype == (given if given == "uint8" and wanted != "int32" else wanted)  # bytes stay what they are
    assert (x == 1).all()


@pytest.mark.parametrize("shape", [(1,), ()])
def test_an_output_of_one_unit_takes_two_labels_as_numbers(shape: tuple[int, ...]):
    y = check_fit(from_arrays([[1.0]] * 2, [0, 1]), {"x": ((1,), F4)}, {"p": (shape, F4)}).dataset.y
    assert y.dtype == F4
    assert y.shape == (2, *shape)
    with pytest.raises(
        DataError, match="the label 2 at row 1, but the model's output has one unit; end the model in 3"
    ):
        check_fit(from_arrays([[1.0]] * 2, [0, 2]), {"x": ((1,), F4)}, {"p": (shape, F4)})


def test_targets():
    one = {"x": ((1,), F4)}
    x = [[1.0]] * 2
    assert check_fit(from_arrays(x, [0.5, 1]), one, {"v": ((1,), F4)}).dataset.y.shape == (2, 1)
    assert check_fit(from_arrays(x, np.eye(2)), one, {"v": ((2,), F4)}).dataset.y.shape == (2, 2)
    assert check_fit(from_arrays(x, [[0], [1]]), one, {"v": ((2,), F4)}).dataset.y.shape == (2,)
    sequence = check_fit(from_arrays(x, [[0, 1, 2], [2, 1, 0]]), one, {"v": ((3, 4), F4)}).dataset.y
    assert sequence.shape == (2, 3)
    assert check_fit(from_arrays(x, [0, 1]), one).dataset.targets == {}


def test_names():
    data = from_arrays({"a": np.zeros((2, 1)), "b": np.ones((2, 1))}, {"s": [0.0, 1.0], "t": [0, 1]})
    inputs = {"b": ((1,), F4), "a": ((1,), F4)}
    fitted = check_fit(data, inputs, {"t": ((2,), F4), "s": ((1,), F4)})
    assert list(fitted.dataset.inputs) == ["b", "a"]
    assert fitted.dataset.inputs["b"].all()
    with pytest.raises(DataError, match="data: the input 'a' is given, but only 'b' is expected; leave it out"):
        check_fit(data, {"b": ((1,), F4)})
    with pytest.raises(DataError, match="data: the target 's' is given, but only 't' is expected; leave it out"):
        check_fit(data, inputs, {"t": ((2,), F4)})
    assert check_fit(data, inputs).dataset.targets == {}
    with pytest.raises(
        DataError, match="has the inputs 'a', 'b', but the model's inputs are 'a', 'c'; name the inputs"
    ):
        check_fit(data, {"a": ((1,), F4), "c": ((1,), F4)})
    with pytest.raises(DataError, match="has the targets 's', 't', but the model's outputs are 'u'"):
        check_fit(data, inputs, {"u": ((1,), F4)})
    with pytest.raises(DataError, match="has the targets none, but the model's outputs are 'u'"):
        check_fit(from_arrays([1.0]), {"x": ((), F4)}, {"u": ((1,), F4)})


@pytest.mark.parametrize(
    ("x", "y", "shape", "dtype", "message"),
    [
        (
            np.zeros((2, 5)),
            [0, 1],
            (4,),
            F4,
            r"input 'x': has samples of shape \(5,\), but the model's input expects \(4,\)$",
        ),
        (
            np.zeros((2, 9, 8, 3)),
            [0, 1],
            (16, 12, 3),
            F4,
            r"expects \(16, 12, 3\); resize the images \(of a folder: size=16x12\)",
        ),
        (
            np.zeros((2, 3, 8, 9)),
            [0, 1],
            (8, 9, 3),
            F4,
            r"\(8, 9, 3\); transpose it \(images are height, width, channels\)",
        ),
        (np.zeros((2, 4, 6)), [0, 1], (3, 8), F4, r"expects \(3, 8\); reshape it"),
        (
            np.full((2, 1), 0.5),
            [0, 1],
            (1,),
            "int32",
            "holds 0.5 at row 0, column 0, but the model expects int32",
        ),
        (np.full((2, 1), 1e10), [0, 1], (1,), "int32", "do not fit int32"),
        (np.full((2, 1), 1e300), [0, 1], (1,), F4, "input 'x' as float32: holds an infinity at row 0"),
        (
            np.zeros((2, 1)),
            [0, 3],
            (1,),
            F4,
            "has the label 3 at row 1, but the model's output has 3 units, for labels 0 to 2",
        ),
        (
            np.zeros((2, 1)),
            [[0, 1], [1, 2]],
            (1,),
            F4,
            r"shape \(2,\), but labels for the model's output \(3,\) expects \(\)",
        ),
        (
            np.zeros((2, 1)),
            [0.5, 1.5],
            (1,),
            F4,
            r"target 'y': has samples of shape \(\), but the model's output expects \(3,\)",
        ),
    ],
)
def test_errors(x: np.ndarray, y: object, shape: tuple[int, ...], dtype: str, message: str):
    data = from_arrays(x, y, name="here")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="here: .*" + message):
        check_fit(data, {"x": (shape, dtype)}, {"y": ((3,), F4)})


def test_one_hot():
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(np.array([[1], [0]]), 2, "float64").shape == (2, 1, 2)
    with pytest.raises(DataError, match="label 3 at row 0"):
        one_hot(np.array([3]), 3)
