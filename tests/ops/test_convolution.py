"""Convolutions and both gradients over a grid of windows, through the compiler, against NumPy in float64."""

from itertools import product

import numpy as np
import pytest

import nngraph as ng
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, TensorType
from nngraph.ir.verify import verify
from nngraph.ops.convolution import piece_count
from nngraph.ops.windows import Window, window_of
from tests import compiled
from tests.ops.cases import assert_close

TOLERANCE = {"float32": 4e-6, "float64": 1e-13}
GROUPS = ((1, 1, 3), (1, 3, 7), (1, 7, 17), (1, 17, 78), (2, 4, 6), (1, 78, 1), (3, 6, 51), (1, 5, 130))
IMAGES = ((5, 7), (9, 4), (1, 13), (6, 6))
PADDING = ("same", "valid", 1, ((2, 0), (1, 3)))


def draw_window(number, kernel, stride, dilation):
    """A rectangular window, on an image that it fits on."""
    image, padding = IMAGES[number % 4], PADDING[number // 4 % 4]
    size, step = (kernel, 1 + (kernel + number) % 5), (stride, 1 + (stride + number) % 3)
    apart = (dilation, 1 + number % 2)
    x = TensorType((1, *image, 1))
    try:
        return window_of(x, size, step, padding, apart)
    except ValueError:
        return window_of(x, size, step, "same", apart)


CASES = [
    (draw_window(number, *window), GROUPS[number % 8], 1 + number % 3)
    for number, window in enumerate(tuple(product((1, 2, 3, 4, 5), (1, 2, 3), (1, 2))) * 4)
]


def graph_of(window: Window, groups: int, channels: int, filters: int, dtype: str) -> Graph:
    """What the three core ops make of images, filters and a cotangent."""
    kernel = (*window.size, channels // groups, filters)
    shapes = {"x": (BATCH, *window.image, channels), "weight": kernel, "dy": (BATCH, *window.result, filters)}
    x, weight, dy = inputs = tuple(Value(name, TensorType(shape, dtype)) for name, shape in shapes.items())
    b = Builder(dtype=dtype)
    given = attributes_of(window, groups)
    made = {
        "y": b.add("convolution", x, weight, **given),
        "dx": b.add("convolution_backward_data", dy, weight, size=window.image, **given),
        "dw": b.add("convolution_backward_weight", x, dy, kernel_size=window.size, **given),
    }
    graph = Graph("case", inputs, tuple(b.nodes), tuple(made.items()), ())
    verify(graph)
    return graph


def attributes_of(window, groups):
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation, "groups": groups}


@pytest.fixture(scope="module", params=["float32", "float64"])
def schedules(request):
    found = [compiled.scheduled(graph_of(window, *groups, request.param)) for window, groups, _ in CASES]
    compiled.compiled(found)
    return request.param, found


@pytest.mark.parametrize("part", range(4))
def test_grid(schedules, part):
    dtype, made = schedules
    for number in range(part, len(CASES), 4):
        window, (groups, channels, filters), batch = CASES[number]
        rng = np.random.default_rng(number)
        x = rng.normal(size=(batch, *window.image, channels)).astype(dtype)
        weight = rng.normal(size=(*window.size, channels // groups, filters)).astype(dtype)
        dy = rng.normal(size=(batch, *window.result, filters)).astype(dtype)
        inputs = {"x": x, "weight": weight, "dy": dy}
        found = compiled.execute(made[number], inputs, batch=batch, threads=1 + number % 3).outputs
        expected = references(window, groups, *(array.astype("d") for array in inputs.values()))
        for name, array in expected.items():
            assert_close(found[name], array, TOLERANCE[dtype])


def references(window, groups, x, weight, dy):
    given = attributes_of(window, groups)
    return {
        "y": REGISTRY["convolution"].reference(x, weight, **given),
        "dx": REGISTRY["convolution_backward_data"].reference(dy, weight, size=window.image, **given),
        "dw": REGISTRY["convolution_backward_weight"].reference(x, dy, kernel_size=window.size, **given),
    }


def test_a_grid_needs_two_kernels_beside_copies(schedules):
    families = [kernel.family for kernel in {call.kernel for made in schedules[1] for call in made.calls}]
    assert sorted(f for f in families if f not in ("rows", "columns", "transpose", "memory")) == [
        "convolution_weight",
        "matmul",
    ]


def test_pieces_are_many_where_the_filters_are_few():
    cotangent = TensorType((BATCH, 32, 32, 64))
    assert piece_count(TensorType((3, 3, 3, 32)), cotangent) == 32
    assert piece_count(TensorType((3, 3, 512, 512)), cotangent) == 1
    assert piece_count(TensorType((3, 3, 3, 32)), TensorType((BATCH, 2, 2, 32))) == 1


def test_same_padding_follows_tensorflow():
    """The result is as large as the strides fit; what is odd of the padding comes after."""
    window = window_of(TensorType((1, 5, 6, 1)), 4, (1, 2), "same")
    assert window.result == (5, 3)
    assert window.padding == ((1, 2), (1, 1))
    assert window_of(TensorType((1, 7, 8, 1)), 2, 2, "same").padding == ((0, 1), (0, 0))


def declared(**attributes):
    g = ng.Graph("net")
    return g.conv2d(g.input("image", shape=(8, 8, 6)), name="layer", **attributes)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"filters": 8, "kernel_size": 3, "groups": 4},
            "groups 4 given, which do not divide the 6 channels",
        ),
        ({"filters": 8, "kernel_size": 3, "groups": 3}, "groups 3 given, which do not divide the 8 filters"),
        ({"filters": 8, "kernel_size": 9, "padding": "valid"}, "a window of 9×9 pixels, but the image has 8×8"),
        ({"filters": 8, "kernel_size": (3, 3, 3)}, "an integer or two of at least 1 expected"),
        ({"filters": 8, "kernel_size": 3, "padding": -1}, "'same', 'valid', a number of pixels"),
    ],
)
def test_bad_input_is_one_line(attributes, message):
    with pytest.raises(ng.DeclarationError) as caught:
        declared(**attributes)
    assert message in str(caught.value)
    assert "'layer'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_padding_in_all_its_forms():
    sizes = {
        (8, 8): {"padding": "same"}, (6, 6): {"padding": "valid"}, (10, 10): {"padding": 2},
        (6, 10): {"padding": (0, 2)}, (7, 9): {"padding": ((1, 0), (1, 2))},
        (4, 3): {"padding": "same", "stride": (2, 3)}, (4, 8): {"padding": (0, 2), "dilation": 2},
    }  # fmt: skip
    for (height, width), attributes in sizes.items():
        assert declared(filters=4, kernel_size=3, **attributes).type.shape == (BATCH, height, width, 4)
