"""Pooling and its gradients over a grid of windows, through the compiler, against NumPy in float64."""

from itertools import product

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DeclarationError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, TensorType
from nngraph.ops.pooling import places, window_at
from tests import compiled
from tests.ops.cases import assert_close

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
CHANNELS = (1, 3, 7, 17, 78, 32, 130)
IMAGES = ((5, 7), (9, 4), (6, 6), (1, 13), (8, 5))
PADDING = ("same", "valid", 1, ((2, 0), (1, 3)))


def draw_window(number, size, stride):
    """A rectangular window with an image and a padding that go together."""
    image, padding = IMAGES[number % 5], PADDING[number % 4]
    given = {"size": (size, 1 + (size + number) % 5), "stride": (stride, 1 + (stride + number // 3) % 3)}
    try:
        return window_at(TensorType((1, *image, 1)), padding=padding, **given)
    except ValueError:
        return window_at(TensorType((1, *image, 1)), padding="same", **given)


CASES = [
    (draw_window(number, size, stride), CHANNELS[number % 7], 1 + number % 3)
    for number, (size, stride) in enumerate(list(product((1, 2, 3, 4, 5), (1, 2, 3))) * 4)
]


def graph_of(window, channels, dtype):
    """Both poolings, the mean also over the padding, and what each makes of a cotangent."""
    shapes = {"x": (BATCH, *window.image, channels), "dy": (BATCH, *window.result, channels)}
    x, dy = inputs = tuple(Value(name, TensorType(shape, dtype)) for name, shape in shapes.items())
    b, at = Builder(dtype=dtype), places(window)
    made = {"max": b.add("max_pool", x, **at), "max_dx": b.add("max_pool_backward", x, dy, **at)}
    for name, counted in (("mean", False), ("counted", True)):
        how = at | {"include_padding": counted}
        made[name] = b.add("average_pool", x, **how)
        made[f"{name}_dx"] = b.add("average_pool_backward", dy, image=window.image, **how)
    return Graph("case", inputs, tuple(b.nodes), tuple(made.items()))


def references(window, x, dy):
    """The same in NumPy."""
    at, found = places(window), dict[str, np.ndarray]()
    found["max"] = REGISTRY["max_pool"].reference(x, **at)
    found["max_dx"] = REGISTRY["max_pool_backward"].reference(x, dy, **at)
    for name, counted in (("mean", False), ("counted", True)):
        how = at | {"include_padding": counted}
        found[name] = REGISTRY["average_pool"].reference(x, **how)
        found[f"{name}_dx"] = REGISTRY["average_pool_backward"].reference(dy, image=window.image, **how)
    return found


@pytest.fixture(scope="module", params=["float32", "float64"])
def schedules(request):
    found = [compiled.scheduled(graph_of(window, channels, request.param)) for window, channels, _ in CASES]
    compiled.compiled(found)
    return request.param, found


def test_four_kernels_serve_all_windows(schedules):
    assert len({call.kernel for made in schedules[1] for call in made.calls}) == 4


@pytest.mark.parametrize("part", range(4))
def test_grid(schedules, part):
    dtype, made = schedules
    for number in range(part, len(CASES), 4):
        window, channels, batch = CASES[number]
        rng = np.random.default_rng(number)
        x = rng.integers(-5, 5, (batch, *window.image, channels)).astype(dtype)  # with many ties
        dy = rng.normal(size=(batch, *window.result, channels)).astype(dtype)
        found = compiled.execute(made[number], {"x": x, "dy": dy}, batch=batch, threads=1 + number % 3).outputs
        for name, array in references(window, x.astype("d"), dy.astype("d")).items():
            assert_close(found[name], array, TOLERANCE[dtype])


def run(channels, x, dy, **given):
    """Largest pixels and gradient of one image."""
    window = window_at(TensorType(x.shape, str(x.dtype)), **given)
    made = compiled.scheduled(graph_of(window, channels, str(x.dtype)))
    return compiled.execute(made, {"x": x, "dy": dy}).outputs


def test_what_is_not_a_number_wins():
    x = np.array([[3, np.nan, 1, 2], [5, np.nan, -np.inf, -np.inf]], np.float32).reshape(1, 2, 4, 1)
    dy = np.array([1, 10, 100], np.float32).reshape(1, 1, 3, 1)
    found = run(1, x, dy, size=2, stride=1)
    assert np.array_equal(found["max"].ravel(), np.array([np.nan, np.nan, 2]), equal_nan=True)
    assert found["max_dx"].reshape(2, 4).tolist() == [[0, 11, 0, 100], [0, 0, 0, 0]]


def test_padding_never_wins():
    """Not even against minus infinity: the gradient stays in the image."""
    x = np.full((1, 2, 2, 1), -np.inf, np.float32)
    dy = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1)
    found = run(1, x, dy, size=2, stride=1, padding=1)
    assert (found["max"] == -np.inf).all()
    assert found["max_dx"].reshape(2, 2).tolist() == [[1 + 2 + 4 + 5, 3 + 6], [7 + 8, 9]]
    x[...] = -7
    assert (run(1, x, dy, size=2, stride=1, padding=1)["max"] == -7).all()


def test_the_same_with_any_number_of_threads():
    """Overlapping windows add up in one order."""
    rng = np.random.default_rng(0)
    window = window_at(TensorType((3, 9, 9, 78)), 3, 1, "same")
    made = compiled.scheduled(graph_of(window, 78, "float32"))
    x, dy = rng.normal(size=(2, 3, 9, 9, 78)).astype(np.float32)
    found = [compiled.execute(made, {"x": x, "dy": dy}, batch=3, threads=n).outputs for n in (1, 2, 3, 5)]
    for other in found[1:]:
        assert all(np.array_equal(found[0][name], other[name]) for name in other)


def test_defaults():
    """Windows side by side, no padding; a mean is over what it sees."""
    x = np.arange(15.0).reshape(1, 3, 5, 1)
    assert REGISTRY["max_pool"].reference(x, 2).tolist() == [[[[6], [8]]]]
    means = REGISTRY["average_pool"].reference(x, 2, padding="same")[0, :, :, 0]
    assert means.tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]
    counted = REGISTRY["average_pool"].reference(x, 2, padding="same", include_padding=True)[0, :, :, 0]
    assert counted.tolist() == [[3, 5, 3.25], [5.25, 6.25, 3.5]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 9}, "size (9, 9) given, a window of 9×9 pixels, but the image has 8×8 and padding 'valid'"),
        ({"size": 2, "padding": (0, 2)}, "padding (0, 2) given, on each side less than the window (2, 2) expected"),
        ({"size": (2, 2, 2)}, "attribute 'size': (2, 2, 2) given, an integer or two of at least 1 expected"),
    ],
)
def test_messages(given, said):
    g = ng.Graph()
    x = g.input("x", (8, 8, 3))
    with pytest.raises(DeclarationError) as caught:
        g.max_pool(x, **given, name="pool")
    assert str(caught.value).startswith(f"node 'pool' (max_pool): {said}")
