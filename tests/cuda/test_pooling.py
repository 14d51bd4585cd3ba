"""Pooling kernels of CUDA devices in the simulator against a walk over windows in NumPy."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels.cpu.pooling import PoolingSpec
from tests.cuda.calls import results

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
kinds = pytest.mark.parametrize("kind", ["max", "average"])
# Image, windows, size, stride, zeros above and to the left; some windows reach over the border, some pixels have none.
CASES = [
    ((6, 6, 3), (3, 3), (2, 2), (2, 2), (0, 0)), ((7, 5, 1), (4, 3), (3, 3), (2, 2), (1, 1)),
    ((5, 4, 9), (5, 4), (3, 2), (1, 1), (1, 0)), ((9, 8, 2), (2, 2), (2, 3), (4, 5), (0, 2)),
    ((4, 4, 5), (1, 1), (4, 4), (1, 1), (0, 0)),
]  # fmt: skip


def windows(image, result, size, stride, corner):
    """The window of each result, cut off at the border."""
    for at in np.ndindex(result):
        begin = [at[a] * stride[a] - corner[a] for a in (0, 1)]
        yield at, tuple(slice(max(begin[a], 0), min(begin[a] + size[a], image[a])) for a in (0, 1))


def pooled(kind, x, counted, result, size, *rest):
    y = np.empty((len(x), *result, x.shape[3]))
    for at, (rows, columns) in windows(x.shape[1:3], result, size, *rest):
        seen = x[:, rows, columns].astype("d")
        taps = size[0] * size[1] if counted else seen.shape[1] * seen.shape[2]
        y[:, at[0], at[1]] = seen.max((1, 2)) if kind == "max" else seen.sum((1, 2)) / taps
    return y


def spread(kind, x, dy, counted, result, size, *rest):
    dx = np.zeros(x.shape)
    for at, (rows, columns) in windows(x.shape[1:3], result, size, *rest):
        part, value = dx[:, rows, columns], dy[:, at[0], at[1], :]
        taps = size[0] * size[1] if counted else part.shape[1] * part.shape[2]
        if kind == "average":
            part += value[:, None, None] / taps
            continue
        seen = x[:, rows, columns].reshape(len(x), -1, x.shape[3])
        for n, c in np.ndindex(len(x), x.shape[3]):
            won = np.unravel_index(seen[n, :, c].argmax(), part.shape[1:3])
            part[n, *won, c] += value[n, c]
    return dx


def integers(x, counted, result, size, stride, corner):
    return [*x.shape, *result, *size, *stride, *corner, int(counted)]


def draw(case, dtype):
    """Few different numbers, so that many pixels of a window are equal."""
    image, result, *_ = case
    rng = np.random.default_rng(len(CASES))
    x = rng.integers(-3, 3, (2, *image)).astype(dtype)
    return x, rng.standard_normal((2, *result, image[2])).astype(dtype)


@dtypes
@kinds
@pytest.mark.parametrize("case", CASES)
def test_there_and_back(case, kind, dtype):
    x, dy = draw(case, dtype)
    for counted in (False, True) if kind == "average" else (False,):
        given = integers(x, counted, *case[1:])
        (y,) = results(Kernel("pooling", PoolingSpec(kind, dtype)), [dy.shape], [x], given)
        close = {"rtol": 0, "atol": 16 * np.finfo(dtype).eps}
        np.testing.assert_allclose(y, pooled(kind, x, counted, *case[1:]), **close)
        back = Kernel("pooling_backward", PoolingSpec(kind, dtype))
        (dx,) = results(back, [x.shape], [x, dy] if kind == "max" else [dy], given)
        np.testing.assert_allclose(dx, spread(kind, x, dy, counted, *case[1:]), **close)


@kinds
def test_what_is_not_a_number(kind):
    """It is the result of all windows that see it; of the largest it takes the cotangent, the first of several."""
    case = CASES[1]
    x, dy = draw(case, "float32")
    x[0, 2, 2:4] = np.nan
    x[1] = -np.inf
    given = integers(x, False, *case[1:])
    (y,) = results(Kernel("pooling", PoolingSpec(kind)), [dy.shape], [x], given)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(pooled(kind, x, False, *case[1:])))
    if kind == "max":
        (dx,) = results(Kernel("pooling_backward", PoolingSpec(kind)), [x.shape], [x, dy], given)
        np.testing.assert_allclose(dx, spread(kind, x, dy, False, *case[1:]), rtol=0, atol=1e-6)
