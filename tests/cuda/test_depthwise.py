"""Depthwise kernels of CUDA devices in the simulator against NumPy in float64: more than one tile, piece and walk."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels.cpu import depthwise, depthwise_backward
from nngraph_kernels.cpu.depthwise import DepthwiseSpec
from nngraph_kernels.cpu.depthwise_backward import DepthwiseBackwardSpec
from nngraph_kernels.cpu.depthwise_layout import backward_layout, block_of, forward_layout
from nngraph_kernels.cuda import depthwise_layout as layout
from nngraph_kernels.cuda.target import DEVICE
from tests.cuda.calls import results
from tests.kernels import depthwise as d
from tests.kernels.test_depthwise import assert_close, draw, draw_mixed

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
# Image, channels, window, stride, dilation, padding: with a constant window, then with one that is an argument.
SQUARE = [
    ((6, 5), 3, 3, 1, 1, None), ((9, 3), 1, 3, 2, 1, None), ((5, 6), 5, 5, 1, 1, ((3, 0), (1, 4))),
    ((7, 4), 2, 5, 2, 1, ((3, 2), (0, 4))), ((1, 1), 2, 3, 1, 1, None), ((6, 4), 2, 3, 2, 1, ((3, 0), (0, 2))),
]  # fmt: skip
ANY = [
    ((4, 6), 3, (2, 3), (2, 1), (1, 2), ((0, 1), (2, 0))), ((5, 5), 1, 4, 3, 1, ((0, 3), (4, 0))),
    ((3, 4), 2, 5, 1, 3, ((6, 6), (7, 5))), ((6, 3), 5, (3, 1), (1, 2), 1, None),
]  # fmt: skip


def geometries():
    for k, (image, channels, *window) in enumerate(SQUARE + ANY):
        g = d.geometry(image, channels, *window)
        assert (g.square is not None) == (k < len(SQUARE))
        yield g


def integers(template, spec, laid, g, **numbers):
    named = d.sizes(g, laid, numbers["images"], numbers.get("values", 0), 1, "float32") | numbers
    names = template.arguments(spec)
    return [int(named[name]) for name in names[names.index("scratch") + 1 :]]


def forward(g, x, weight, s=None):
    values = 0 if s is None else len(s)
    dtype, images, mixed = str(weight.dtype), len(d.first_of(x)), s is not None
    spec = DepthwiseSpec(block_of(dtype, g.channels), g.square, mixed)
    given = integers(depthwise, spec, forward_layout(g, dtype, values), g, images=images, values=values)
    inputs = [s if mixed else x, weight]
    (y,) = results(
        Kernel("depthwise", spec), [(images, *g.result, g.channels)], inputs, given, d.listed(x, s), scratch=True
    )
    return y


def backward(wanted, g, x, dy, weight, s=None, pieces=3):
    dtype, images, values = str(weight.dtype), len(dy), 0 if s is None else len(s)
    spec = DepthwiseBackwardSpec(block_of(dtype, g.channels), wanted, g.square)
    laid = backward_layout(g, dtype, g.square, values)
    given = integers(
        depthwise_backward, spec, laid, g, images=images, values=values, pieces=images if wanted == "data" else pieces
    )
    image, sums = (images, *g.image, g.channels), (pieces, *g.size, g.channels)
    shapes = {
        "data": [image], "weight": [sums],
        "mixed": [image, sums, (pieces, g.channels), (pieces, values, g.channels)],
    }[wanted]  # fmt: skip
    inputs = {"data": [dy, weight], "weight": [x, dy], "mixed": [dy, s, weight]}[wanted]
    return results(Kernel("depthwise_backward", spec), shapes, inputs, given, d.listed(x, s), scratch=True)


def pieces_of(images, pieces):
    return [slice(images * p // pieces, images * (p + 1) // pieces) for p in range(pieces)]


@dtypes
def test_convolution(dtype):
    for g in geometries():
        x, weight = draw(1, dtype, 2, *g.image, g.channels), draw(2, dtype, *g.size, g.channels)
        assert_close(forward(g, x, weight), d.convolved(g, x, weight))


@dtypes
def test_gradients(dtype):
    """Of the data, and of the weight in pieces, some of which are empty."""
    for k, g in enumerate(geometries()):
        images = k % 4 + 1
        x, weight = draw(1, dtype, images, *g.image, g.channels), draw(2, dtype, *g.size, g.channels)
        dy = draw(3, dtype, images, *g.result, g.channels)
        (dx,) = backward("data", g, x, dy, weight)
        assert_close(dx, d.data_gradient(g, dy, weight))
        (partial,) = backward("weight", g, x, dy, weight)
        for found, piece in zip(partial, pieces_of(images, 3), strict=True):
            assert_close(found, d.weight_gradient(g, x[piece], dy[piece]), x[..., 0].size)


@dtypes
@pytest.mark.parametrize("values", [1, 3, 18])
def test_mixture_forward_and_backward(dtype, values):
    """With a list that is longer than the sums for which there is room at once."""
    chosen = list(geometries())
    for k, g in enumerate(chosen if values == 3 else chosen[values % 2 :: 3]):
        images, pieces = k % 3 + 1, 2
        x, s, weight, dy = draw_mixed(g, images, values, dtype)
        p = d.mixture(x, s)
        assert (np.abs(p) > (1e-5 if dtype == "float32" else 1e-13)).all()
        r = np.maximum(p, 0)
        assert_close(forward(g, x, weight, s), d.convolved(g, r, weight), 4 * values)
        dp, dweight, total, centered = backward("mixed", g, x, dy, weight, s, pieces)
        assert_close(dp, np.where(p > 0, d.data_gradient(g, dy, weight), 0))
        terms = 4 * values * p[..., 0].size
        for n, piece in enumerate(pieces_of(images, pieces)):
            assert_close(dweight[n], d.weight_gradient(g, r[piece], dy[piece]), terms)
            assert_close(total[n], dp[piece].sum((0, 1, 2), "d"), terms)
            for i, (value, mean, _, _) in enumerate(x):
                expected = (dp[piece] * (value[piece].astype("d") - mean)).sum((0, 1, 2))
                assert_close(centered[n, i], expected, terms)


def test_same_bits_every_time():
    g = d.geometry((6, 5), 5, 3, 2)
    x, s, weight, dy = draw_mixed(g, 3, 3, "float32")
    runs = [[forward(g, x, weight, s), *backward("mixed", g, x, dy, weight, s)] for _ in range(2)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*runs, strict=True))


@pytest.mark.parametrize("size", [3, (3, 2)])
def test_what_is_not_a_number(size):
    """It passes through the rectifier, and stays with the windows that see it; its own cotangent is 0."""
    g = d.geometry((5, 4), 2, size)
    x, s, weight, dy = draw_mixed(g, 1, 2, "float32")
    x[1][0][0, 0, 2, 1] = np.nan
    lost = np.isnan(d.convolved(g, np.maximum(d.mixture(x, s), 0), weight))
    assert lost.any()
    np.testing.assert_array_equal(np.isnan(forward(g, x, weight, s)), lost)
    dp, dweight, total, centered = backward("mixed", g, x, dy, weight, s)
    assert dp[0, 0, 2, 1] == 0
    assert np.isfinite(dp).all()
    assert np.isfinite(total).all()
    last = (np.isnan(array[2]).reshape(-1, 2).any(0) for array in (dweight, centered))
    assert [lost.tolist() for lost in last] == [[False, True]] * 2


def test_layouts_of_a_device(monkeypatch):
    """Tiles fit into shared memory, are whole strips, and many where there is much to do; few threads are idle."""
    exponent = DEVICE.columns.bit_length() - 1
    device = {"THREADS": DEVICE.threads, "ENOUGH": DEVICE.threads, "EDGE": DEVICE.columns // 2}
    for name, number in (device | {"WIDEST": exponent, "NARROWEST": exponent - 2}).items():
        monkeypatch.setattr(layout, name, number)
    assert [1 << layout.lanes_exponent(c) for c in (1, 2, 3, 5, 16, 32, 39, 78, 109)] == [1, 2, 4, 8, 16, 32, 8, 16, 16]
    for channels, edge, images in ((32, 16, 32), (128, 4, 32), (78, 28, 64), (3, 224, 2), (1, 1, 1)):
        for window in ((2, 2, 1, 1), (4, 4, 2, 2), (60, 60, 1, 1)):
            lanes, rows, columns = layout.tile_of(images, edge, edge, channels, window, 4, 8192)
            assert layout.seen(rows, columns, window) << lanes <= 8192
            assert rows % 4 == 0 < rows
            assert columns <= min(edge, 16)
    busy = layout.tile_of(32, 16, 16, 32, (2, 2, 1, 1), 4, 8192)
    assert layout.tiles(32, 16, 16, *busy[1:]) * layout.groups(32, busy[0]) >= layout.ENOUGH
    assert layout.tile_of(1, 9, 9, 4, (200, 200, 1, 1), 1, 8192)[1] == 0
    assert layout.piece_lanes(32, 32, 32 * 64) == 3
    assert layout.piece_lanes(32, 128, 32 * 4) == 5
