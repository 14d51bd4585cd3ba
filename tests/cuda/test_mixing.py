"""Weighted sums and inner products over lists, at sizes around those of a block, with lists of any length."""

from itertools import pairwise

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels.cpu.mixing import InnerProductsSpec, MixedCotangentSpec, MixSpec
from tests.cuda.calls import call, hole

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def drawn(seed, dtype, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def assert_close(found, expected, dtype, scale=1.0):
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(expected).max()) * scale
    )


@dtypes
@pytest.mark.parametrize("n", [1, 3, 15, 16, 17, 40, 100])
def test_mix(dtype, n):
    for k in (1, 2, 7, 40):
        x, weights = drawn(n + k, dtype, (k, n), k)
        y = hole([n], dtype)
        pairs = [array for i in range(k) for array in (weights[i : i + 1], x[i])]
        call(Kernel("mix", MixSpec(dtype)), [y], [], [n, k], pairs)
        assert_close(y, weights.astype(float) @ x.astype(float), dtype)


@dtypes
@pytest.mark.parametrize("n", [5, 33])
def test_mix_onto_one_of_its_tensors(dtype, n):
    x, weights = drawn(n, dtype, (3, n), 3)
    rows, expected = list(x), weights.astype(float) @ x.astype(float)
    pairs = [array for i in range(3) for array in (weights[i : i + 1], rows[i])]
    call(Kernel("mix", MixSpec(dtype)), [rows[1]], [], [n, 3], pairs)
    assert_close(rows[1], expected, dtype)


@dtypes
@pytest.mark.parametrize(("rows", "channels"), [(1, 1), (3, 5), (4, 1), (6, 7), (9, 4), (17, 3)])
@pytest.mark.parametrize("onto", [False, True])
def test_mixed_cotangent(dtype, rows, channels, onto):
    for k in (1, 3, 12):
        dp, x, weights, vectors = drawn(rows, dtype, (k, rows, channels), (rows, channels), k, (4, channels))
        mean, factor, slope, base = vectors.astype(float)
        mixed = np.tensordot(weights.astype(float), dp.astype(float), 1)
        expected = factor * mixed + slope * (x - mean) + base
        tensors = list(dp)
        pairs = [array for i in range(k) for array in (weights[i : i + 1], tensors[i])]
        y = tensors[-1] if onto else hole([rows, channels], dtype)
        call(Kernel("mixed_cotangent", MixedCotangentSpec(dtype)), [y], [x, *vectors], [rows, channels, k], pairs)
        assert_close(y, expected, dtype)


@dtypes
@pytest.mark.parametrize("n", [1, 31, 100, 32 * 32, 32 * 70 + 5])
def test_inner_products_of_pieces(dtype, n):
    for k in (1, 3):
        x, dy = drawn(n + k, dtype, (k, n), n)
        bounds = [n * p // 32 for p in range(33)]
        products = dy.astype(float) * x.astype(float)
        expected = np.array([products[:, a:b].sum(axis=1) for a, b in pairwise(bounds)])
        partial = hole([32, k], dtype)
        call(Kernel("inner_products", InnerProductsSpec(dtype)), [partial], [dy], [n, k], list(x))
        assert_close(partial, expected, dtype)


@dtypes
@pytest.mark.parametrize(("values", "channels"), [(1, 1), (5, 3), (2, 4), (3, 21)])
def test_weights_gradient(dtype, values, channels):
    total, centered, factors, offsets = drawn(
        values, dtype, channels, (values, channels), (values, channels), (values, channels)
    )
    ds = hole([values], dtype)
    pairs = [array for pair in zip(factors, offsets, strict=True) for array in pair]
    call(Kernel("mixed_sums", ("weights_gradient", dtype)), [ds], [total, centered], [values, channels], pairs)
    assert_close(ds, (factors.astype(float) * centered + offsets.astype(float) * total).sum(1), dtype)


@dtypes
@pytest.mark.parametrize(("triples", "channels"), [(1, 1), (2, 3), (5, 7), (23, 2)])
def test_mixed_sums(dtype, triples, channels):
    weights, p, q = drawn(triples, dtype, triples, (triples, channels), (triples, channels))
    found = [hole([channels], dtype) for _ in range(2)]
    listed = [array for j in range(triples) for array in (weights[j : j + 1], p[j], q[j])]
    call(Kernel("mixed_sums", ("sums", dtype)), found, [], [triples, channels], listed)
    for result, terms in zip(found, (p, q), strict=True):
        assert_close(result, weights.astype(float) @ terms, dtype)
