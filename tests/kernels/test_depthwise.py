"""Depthwise kernels against NumPy in float64: every window, ragged channels, lists of any length, threads, targets."""

from itertools import product

import numpy as np
import pytest

from tests.kernels import depthwise as d

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
IMAGES = [(1, 1), (1, 5), (4, 4), (7, 3), (9, 7), (6, 18)]
CHANNELS = [1, 3, 7, 17, 78]
# Size, stride, dilation, padding: what the generic kernel alone can do, and what has kernels of its own.
WINDOWS = [
    ((3, 1), (1, 2), 1, None), ((1, 4), (2, 1), (1, 2), None), (2, 3, 1, ((0, 0), (0, 0))),
    (3, 2, 1, ((0, 3), (4, 0))), ((2, 5), (3, 1), 2, ((3, 2), (5, 9))),
    *((*window, None) for window in product((1, 2, 3, 4, 5), (1, 2, 3), (1, 2))),
]  # fmt: skip
SQUARES = [
    (size, stride, 1, padding)
    for size in (3, 5)
    for stride in (1, 2)
    for padding in (None, ((size - 2,) * 2, (0, size - 1)), ((3, 0), (1, 4)))
]


def cases(dtype, square):
    """Each window on each image that it fits, the channels going round.

    To compile less: of the kernels for square windows one with few channels, and one for float64.
    """
    turn = 0
    for window in SQUARES if square else WINDOWS + SQUARES:
        one = window[:2] == (3, 2)
        channels = CHANNELS if one or not square else CHANNELS[3:]
        for image in IMAGES if one or not square or dtype == "float32" else ():
            g = d.geometry(image, channels[turn % len(channels)], *window)
            if min(g.result) >= 1:
                turn += 1
                yield g


def draw(seed, dtype, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def draw_mixed(g, images, values, dtype):
    """Values to mix, their weights, a convolution's weight and cotangent."""
    rng = np.random.default_rng(values)
    x = [
        (
            draw(10 * i, dtype, images, *g.image, g.channels), draw(10 * i + 1, dtype, g.channels),
            rng.uniform(0.5, 2, g.channels).astype(dtype), draw(10 * i + 2, dtype, g.channels),
        )
        for i in range(values)
    ]  # fmt: skip
    s = rng.uniform(0.1, 0.9, values).astype(dtype)
    return x, s, draw(3, dtype, *g.size, g.channels), draw(4, dtype, images, *g.result, g.channels)


def assert_close(found, expected, terms=1):
    tolerance = 8 * np.finfo(found.dtype).eps * (terms + 8) ** 0.5
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max(initial=0)))


@dtypes
@pytest.mark.parametrize("square", [False, True])
def test_convolution(dtype, square):
    for g in cases(dtype, square):
        x, weight = draw(1, dtype, 2, *g.image, g.channels), draw(2, dtype, *g.size, g.channels)
        assert_close(d.forward(g, x, weight, square=square), d.convolved(g, x, weight))


@dtypes
@pytest.mark.parametrize("square", [False, True])
def test_gradients(dtype, square):
    for k, g in enumerate(cases(dtype, square)):
        images = k % 3 + 1
        x, weight = draw(1, dtype, images, *g.image, g.channels), draw(2, dtype, *g.size, g.channels)
        dy = draw(3, dtype, images, *g.result, g.channels)
        (dx,) = d.backward("data", g, x, dy, weight, square=square)
        assert_close(dx, d.data_gradient(g, dy, weight))
        (partial,) = d.backward("weight", g, x, dy, weight, square=square)
        assert_close(partial.sum(0), d.weight_gradient(g, x, dy), x[..., 0].size)


@dtypes
@pytest.mark.parametrize("square", [False, True])
def test_mixture_forward_and_backward(dtype, square):
    for k, g in enumerate(cases(dtype, square)):
        values, images = k % 7 + 1, k % 2 + 1
        x, s, weight, dy = draw_mixed(g, images, values, dtype)
        p = d.mixture(x, s)
        r = np.maximum(p, 0)
        assert_close(d.forward(g, x, weight, s, square), d.convolved(g, r, weight), 4 * values)
        dp, dweight, total, centered = d.backward("mixed", g, x, dy, weight, s, square)
        expected = np.where(p > 0, d.data_gradient(g, dy, weight), 0)
        unsure = np.abs(p) < 1e-5 if dtype == "float32" else np.abs(p) < 1e-13
        assert unsure.mean() < 1e-3
        assert_close(np.where(unsure, 0, dp), np.where(unsure, 0, expected))
        assert_close(dweight.sum(0), d.weight_gradient(g, r, dy), 4 * values * p[..., 0].size)
        assert_close(total.sum(0), dp.sum((0, 1, 2), "d"), p[..., 0].size)
        for i, (value, mean, _, _) in enumerate(x):
            assert_close(centered[:, i].sum(0), (dp * (value.astype("d") - mean)).sum((0, 1, 2)), p[..., 0].size)


def test_pieces_are_of_images():
    """Piece p is the images B p / 32 to B (p + 1) / 32; empty ones are zeros."""
    g = d.geometry((4, 5), 17, 3)
    for images in (1, 8, 40):
        x, s, weight, dy = draw_mixed(g, images, 2, "float32")
        _, *whole = d.backward("mixed", g, x, dy, weight, s, square=True)
        whole += d.backward("weight", g, x[0][0], dy, weight, square=True)
        for p in range(32):
            piece = slice(images * p // 32, images * (p + 1) // 32)
            part = [(v[piece], *rest) for v, *rest in x]
            _, *alone = d.backward("mixed", g, part, dy[piece], weight, s, square=True, pieces=1)
            alone += d.backward("weight", g, part[0][0], dy[piece], weight, square=True, pieces=1)
            for found, expected in zip(whole, alone, strict=True):
                np.testing.assert_array_equal(found[p], expected[0])
                assert (piece.start < piece.stop) == found[p].any()


@pytest.mark.parametrize("square", [False, True])
def test_same_bits_at_any_number_of_threads(square):
    for channels in (3, 17, 78):
        g = d.geometry((9, 7), channels, 3, 2)
        x, s, weight, dy = draw_mixed(g, 5, 3, "float32")
        runs = []
        for threads in (1, 2, 3, 8):
            run = [d.forward(g, x[0][0], weight, None, square, threads), d.forward(g, x, weight, s, square, threads)]
            for wanted in ("data", "weight"):
                run += d.backward(wanted, g, x[0][0], dy, weight, None, square, threads)
            runs.append([*run, *d.backward("mixed", g, x, dy, weight, s, square, threads)])
        for run in runs[1:]:
            assert all(a.tobytes() == b.tobytes() for a, b in zip(run, runs[0], strict=True))


def test_border_is_zero_after_the_rectifier():
    """A positive offset does not leak into the padding."""
    g = d.geometry((3, 4), 5, 3)
    one = np.ones(5, "f")
    x = [(np.zeros((1, 3, 4, 5), "f"), 0 * one, one, one)]
    y = d.forward(g, x, np.ones((3, 3, 5), "f"), np.ones(1, "f"), square=True)
    assert y[0, :, :, 0].tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]


def test_far_from_zero():
    """Normalized at mean / deviation = 1000, the sums of a piece lose no more than the inputs have."""
    g = d.geometry((8, 8), 16, 3)
    x, s, weight, dy = draw_mixed(g, 2, 2, "float32")
    far = [(v + np.float32(1000), mean + np.float32(1000), factor, offset) for v, mean, factor, offset in x]
    dp, _, _, centered = d.backward("mixed", g, far, dy, weight, s, square=True)
    for i, (value, mean, _, _) in enumerate(far):
        expected = (dp * (value.astype("d") - mean)).sum((0, 1, 2))
        assert_close(centered[:, i].sum(0), expected, dp[..., 0].size)
