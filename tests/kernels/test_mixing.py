"""Weighted sums and inner products over lists: right at every size and length, and at any number of threads."""

import ctypes
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from nngraph.emit.cache import user_cache
from nngraph_kernels.cpu.mixing import InnerProductsSpec, MixSpec, inner_products_source, mix_source

POISON = 77.0
ELEMENTS = (1, 15, 128, 129, 4000, 4096 * 32 + 5)
LENGTHS = (1, 2, 7, 40)
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@cache
def kernels(dtype):
    texts = {
        f"ng_mix_{dtype}": mix_source(f"ng_mix_{dtype}", MixSpec(dtype)),
        f"ng_products_{dtype}": inner_products_source(f"ng_products_{dtype}", InnerProductsSpec(dtype)),
    }
    addresses = user_cache().entries(texts)
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return [signature(addresses[name]) for name in texts]


def run(kernel, slots, threads):
    block = np.array([slot.ctypes.data if isinstance(slot, np.ndarray) else slot for slot in slots], np.int64)
    for thread in reversed(range(threads)):
        kernel(block.ctypes.data, thread, threads)


def drawn(dtype, n, k):
    rng = np.random.default_rng(n + k)
    return rng.normal(size=(k, n)).astype(dtype), rng.normal(size=max(k, n)).astype(dtype)


@dtypes
@pytest.mark.parametrize("n", ELEMENTS)
def test_mix(dtype, n):
    for k in LENGTHS:
        x, weights = drawn(dtype, n, k)
        pairs = [slot for i in range(k) for slot in (weights[i:], x[i])]
        found = []
        for threads in (1, 2, 3):
            y = np.full(n + 9, POISON, dtype)
            run(kernels(dtype)[0], [y, n, k, *pairs], threads)
            assert (y[n:] == POISON).all()
            found.append(y[:n])
        expected = weights[:k].astype(float) @ x.astype(float)
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())
        assert all((y == found[0]).all() for y in found)


@dtypes
@pytest.mark.parametrize("n", ELEMENTS)
def test_mix_onto_one_of_its_tensors(dtype, n):
    x, weights = drawn(dtype, n, 3)
    expected = weights[:3].astype(float) @ x.astype(float)
    run(kernels(dtype)[0], [x[1], n, 3, weights, x[0], weights[1:], x[1], weights[2:], x[2]], 2)
    np.testing.assert_allclose(x[1], expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


@dtypes
@pytest.mark.parametrize("n", ELEMENTS)
def test_inner_products_of_pieces(dtype, n):
    for k in LENGTHS:
        x, dy = drawn(dtype, n, k)
        bounds = [n * p // 32 for p in range(33)]
        products = dy[:n].astype(float) * x.astype(float)
        expected = np.array([products[:, a:b].sum(axis=1) for a, b in pairwise(bounds)])
        found = []
        for threads in (1, 2, 3):
            partial = np.full(32 * k + 9, POISON, dtype)
            run(kernels(dtype)[1], [partial, dy, n, k, *x], threads)
            assert (partial[32 * k :] == POISON).all()
            found.append(partial[: 32 * k].reshape(32, k))
        scale = np.sqrt(max(n / 32, 1))
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=4 * TOLERANCE[dtype] * scale)
        assert all((partial == found[0]).all() for partial in found)
