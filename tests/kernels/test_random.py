import numpy as np
import pytest

from nngraph_kernels import random_reference
from nngraph_kernels.target import lanes
from tests.kernels.native import compiled

# Random123's kat_vectors: counter, key, output.
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

PHILOX = """
def kernel(args, thread, threads):
    y = pointer(args, 0, "int32")
    x = pointer(args, 1, "int32")
    a, b, c, d = load_splat(x, 0, 4), x[1], load_splat(x, 2, 4), x[3]
    store(y, 0, philox(a, b, c, d, x[4], x[5], 0))
    store(y, 4, philox(a, b, c, d, x[4], x[5], 1))
    store(y, 8, philox(a, b, c, d, x[4], x[5], 2))
    store(y, 12, philox(a, b, c, d, x[4], x[5], 3))
    y[16] = philox(x[0], x[1], x[2], x[3], x[4], x[5], 0)
"""
UNIFORM = """
def kernel(args, thread, threads):
    y = pointer(args, 0, DTYPE)
    n = integer(args, 1)
    start = integer(args, 2)
    step = integer(args, 3)
    key0 = integer(args, 4)
    key1 = integer(args, 5)
    for i in range(0, n, LANES):
        index = iota(start + i, LANES, "int64")
        store_masked(y, i, uniform(index, step, key0, key1, DTYPE), first(n - i, LANES))
    y[n] = uniform(start, step, key0, key1, DTYPE)
    store(y, n + 1, uniform(iota(start, LANES), step, key0, key1, DTYPE))
"""


@pytest.fixture(scope="module")
def philox():
    return compiled(PHILOX)


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_known_answers(philox, counter, key, output):
    assert tuple(int(w) for w in random_reference.philox4x32(counter, key)) == output
    words = np.zeros(17, np.uint32)
    philox(words, np.array([*counter, *key], np.uint32))
    assert words.tolist() == [*np.repeat(np.array(output, np.uint32), 4), output[0]]


@pytest.fixture(scope="module", params=["float32", "float64"])
def uniform(request):
    return request.param, compiled(UNIFORM, DTYPE=request.param, LANES=lanes(request.param))


@pytest.mark.parametrize("start", [0, 2**32 - 10, 2**40 + 3])
@pytest.mark.parametrize("key", [(0, 0), (0xDEADBEEF, 2**31), (-1, 2**33 + 7)])
def test_kernels_give_the_references_numbers(uniform, start, key):
    dtype, kernel = uniform
    n, L = 1003, lanes(dtype)
    y = np.full(n + 1 + L + 8, 7, dtype)
    kernel(y, n, start, 12345, *key)
    index = start + np.arange(n)
    assert (y[:n] == random_reference.uniform(index, 12345, *key, dtype)).all()
    assert y[n] == y[0]
    low = (start + np.arange(L)) % 2**32
    assert (y[n + 1 : n + 1 + L] == random_reference.uniform(low, 12345, *key, dtype)).all()
    assert (y[n + 1 + L :] == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_uniform_and_differ(dtype):
    n = 100_000
    numbers = random_reference.uniform(np.arange(n), 3, 1, 2, dtype)
    assert numbers.dtype == dtype
    assert 0 <= numbers.min() < 1e-3
    assert 1 - 1e-3 < numbers.max() < 1
    counts, _ = np.histogram(numbers, 64, (0, 1))
    assert ((counts - n / 64) ** 2 / (n / 64)).sum() < 110  # 63 degrees of freedom, p < 1e-3
    for other in ((4, 1, 2), (3, 2, 2), (3, 1, 3)):
        assert abs(np.corrcoef(numbers, random_reference.uniform(np.arange(n), *other, dtype))[0, 1]) < 0.02
