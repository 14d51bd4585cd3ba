import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba.core.errors import TypingError
from numba.core.registry import cpu_target

from nngraph_kernels.target import has_fma, lanes, target
from tests.kernels.native import compiled

DTYPES = ("float32", "float64")
SIZES = (0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 67)
POISON = 77.0
X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw(rng, count, dtype):
    return rng.standard_normal(count).astype(dtype)


SCALE = """
def kernel(args, thread, threads):
    y = pointer(args, 0, DTYPE)
    x = pointer(args, 1, DTYPE)
    n = integer(args, 2)
    a = splat(number(args, 3), LANES, DTYPE)
    for i in range(0, n - LANES + 1, LANES):
        store(y, i, a * load(x, i, LANES) + 1.5)
    i = n // LANES * LANES
    tail = first(n - i, LANES)
    store_masked(y, i, a * load_masked(x, i, tail) + 1.5, tail)
"""


@pytest.mark.parametrize("dtype", DTYPES)
def test_ragged_sizes_touch_nothing_else(rng, dtype):
    kernel = compiled(SCALE, DTYPE=dtype, LANES=lanes(dtype))
    for n in SIZES:
        x, y = draw(rng, n, dtype), np.full(n + 64, POISON, dtype)
        kernel(y[32:], x, n, 2.0)
        assert (y[32 : 32 + n] == 2 * x + np.asarray(1.5, dtype)).all()
        assert (y[:32] == POISON).all()
        assert (y[32 + n :] == POISON).all()


ARITHMETIC = """
def kernel(args, thread, threads):
    y = pointer(args, 0, DTYPE)
    m = pointer(args, 1, "bool")
    x = pointer(args, 2, DTYPE)
    a = load(x, 0, LANES)
    b = load(x, LANES, LANES)
    s = x[0]
    t = x[LANES]
    store(y, 0, a + b)
    store(y, LANES, a - b)
    store(y, 2 * LANES, a * b)
    store(y, 3 * LANES, a / b)
    store(y, 4 * LANES, -a)
    store(y, 5 * LANES, 2 - a)
    store(y, 6 * LANES, b * 0.5)
    store(y, 7 * LANES, minimum(a, b))
    store(y, 8 * LANES, maximum(a, b))
    store(y, 9 * LANES, select((a < b) & ~(a == b) | (b != b), a, b))
    store(y, 10 * LANES, sqrt(absolute(a)))
    store(y, 11 * LANES, floor(a) + ceil(b) + rint(a))
    store(y, 12 * LANES, fma(a, b, 1.0))
    store(y, 13 * LANES, copy_sign(a, b))
    c = a
    c += b
    c *= 2
    store(y, 14 * LANES, c)
    store(m, 0, a < b)
    store(m, LANES, a <= b)
    store(m, 2 * LANES, a > b)
    store(m, 3 * LANES, a >= b)
    store(m, 4 * LANES, a == b)
    store(m, 5 * LANES, a != b)
    z = 15 * LANES
    y[z] = minimum(s, t)
    y[z + 1] = maximum(s, t)
    y[z + 2] = select(s < t, s, t)
    y[z + 3] = sqrt(absolute(s)) + floor(s)
    y[z + 4] = fma(s, t, s)
    y[z + 5] = sum_lanes(a)
    y[z + 6] = max_lanes(a)
    y[z + 7] = min_lanes(b)
"""


@pytest.fixture(scope="module", params=DTYPES)
def arithmetic(request):
    dtype = request.param
    return dtype, compiled(ARITHMETIC, DTYPE=dtype, LANES=lanes(dtype))


def tree_sum(x):
    while len(x) > 1:
        x = x[: len(x) // 2] + x[len(x) // 2 :]
    return x[0]


def expected_arithmetic(a, b, exact_fma):
    product = a.astype(np.longdouble) * b + 1 if exact_fma else a * b + 1
    whole = [a + b, a - b, a * b, a / b, -a, 2 - a, b / 2, np.minimum(a, b), np.maximum(a, b)]
    whole += [np.where((a < b) | (b != b), a, b), np.sqrt(abs(a)), np.floor(a) + np.ceil(b) + np.rint(a)]
    whole += [product.astype(a.dtype), np.copysign(a, b), (a + b) * 2]
    return whole


def test_arithmetic_is_numpys(arithmetic, rng):
    dtype, kernel = arithmetic
    L = lanes(dtype)
    x = draw(rng, 2 * L, dtype) * 3
    x[L + 1] = x[1]
    y, masks = np.full(15 * L + 8, POISON, dtype), np.full(6 * L + 8, 9, np.uint8)
    kernel(y, masks, x)
    a, b = x[:L], x[L:]
    exact = has_fma() and (dtype == "float32" or np.finfo(np.longdouble).nmant > 60)
    for i, want in enumerate(expected_arithmetic(a, b, exact)):
        assert np.abs(y[i * L : i * L + L] - want).max() <= (np.finfo(dtype).eps * 8 if i == 12 else 0), i
    want = np.concatenate([a < b, a <= b, a > b, a >= b, a == b, a != b])
    assert (masks[: 6 * L] == want).all()
    assert (masks[6 * L :] == 9).all()
    scalars = [min(a[0], b[0]), max(a[0], b[0]), min(a[0], b[0]), np.sqrt(abs(a[0])) + np.floor(a[0])]
    assert (y[15 * L : 15 * L + 4] == scalars).all()
    assert y[15 * L + 5] == tree_sum(a)
    assert (y[15 * L + 6 :] == [a.max(), b.min()]).all()


def test_nan_wins_and_differs(arithmetic):
    dtype, kernel = arithmetic
    L = lanes(dtype)
    for place in (0, L):
        x = np.ones(2 * L, dtype)
        x[place] = np.nan
        y, masks = np.zeros(15 * L + 8, dtype), np.zeros(6 * L, np.uint8)
        kernel(y, masks, x)
        assert np.isnan(y[[7 * L, 8 * L, 15 * L, 15 * L + 1]]).all()
        assert masks[::L].tolist() == [0, 0, 0, 0, 0, 1]
        assert np.isnan(y[15 * L + 6 + (place > 0)])  # the maximum of a, the minimum of b


CASTS = """
def kernel(args, thread, threads):
    x = pointer(args, 0, "float32")
    wide = pointer(args, 1, "float64")
    whole = pointer(args, 2, "int32")
    long = pointer(args, 3, "int64")
    flags = pointer(args, 4, "bool")
    bytes = pointer(args, 5, "uint8")
    back = pointer(args, 6, "float32")
    n = integer(args, 7)
    v = load(x, 0, 8)
    store(wide, 0, cast(v, "float64"))
    store(whole, 0, cast(v, "int32"))
    store(long, 0, cast(cast(v, "int32"), "int64") << 33)
    store(flags, 0, cast(v, "mask"))
    store(back, 0, cast(load(bytes, 0, 8), "float32"))
    store(back, 8, cast(load(flags, 0, 8), "float32"))
    store(back, 16, bitcast_float(bitcast_int(v) ^ 1))
    store(whole, 8, (iota(n, 8) >> 1) - shift_right_logical(iota(-4, 8), 28))
    store(whole, 16, absolute(iota(-4, 8)) * 3 | 8)
    store(back, 24, cast(load(long, 0, 8) >> 33, "float32"))
    store(flags, 8, any_lane(first(n, 8)))
    store(flags, 9, all_lanes(first(n, 8)))
    store(flags, 10, any_lane(first(0, 8)))
    store(flags, 11, all_lanes(first(99, 8)))
    store(flags, 12, any_lane(first(-3, 8)))
    store(flags, 13, load_scalar(flags, 8))
    store(bytes, 8, iota(250, 8))
"""


def test_casts_and_integers():
    kernel = compiled(CASTS)
    x = np.array([0, 1.5, -2.5, 3.99, -0.0, 100, -7, 0.25], "f")
    wide, whole, long = np.zeros(8), np.zeros(24, np.int32), np.zeros(8, np.int64)
    flags, small, back = np.full(16, 5, np.uint8), np.arange(0, 160, 10, dtype=np.uint8), np.zeros(32, "f")
    kernel(x, wide, whole, long, flags, small, back, 3)
    i, near = np.arange(8, dtype=np.int32), np.arange(-4, 4, dtype=np.int32)
    assert (wide == x).all()
    assert (whole[:8] == x.astype(np.int32)).all()
    assert (long == x.astype(np.int64) << 33).all()
    assert (whole[8:16] == ((i + 3) >> 1) - (near.view(np.uint32) >> 28).astype(np.int32)).all()
    assert (whole[16:] == (abs(near) * 3 | 8)).all()
    assert flags.tolist() == [*(x != 0), 1, 0, 0, 1, 0, 1, 5, 5]
    assert (back[:8] == np.arange(0, 80, 10)).all()
    assert (back[8:16] == (x != 0)).all()
    assert (back[16:24].view(np.int32) == x.view(np.int32) ^ 1).all()
    assert (back[24:] == x.astype(np.int32)).all()
    assert (small[8:] == (np.arange(250, 258) & 255)).all()


MOVES = """
def kernel(args, thread, threads):
    y = pointer(args, 0, DTYPE)
    x = offset_pointer(pointer(args, 1, DTYPE), 3)
    index = pointer(args, 2, "int32")
    stride = integer(args, 3)
    n = integer(args, 4)
    tail = first(n, LANES)
    at = load(index, 0, LANES)
    store(y, 0, load_strided(x, 1, stride, LANES))
    store(y, LANES, load_strided_masked(x, 1, stride, tail))
    store(y, 2 * LANES, gather(x, at))
    store(y, 3 * LANES, gather_masked(x, at, tail))
    v = load(x, 0, LANES)
    w = load(x, LANES, LANES)
    store(y, 4 * LANES, interleave_low(v, w))
    store(y, 5 * LANES, interleave_high(v, w))
    store(y, 6 * LANES, insert(v, 1, extract(w, 0)))
    store(y, 7 * LANES, concatenate(high_half(v), low_half(w)))
    store(y, 8 * LANES, load_splat(x, 2, LANES))
    store(y, 9 * LANES, shuffle(v, w, REVERSED))
    store_strided(y, 10 * LANES, 2, v)
    store_strided_masked(y, 12 * LANES, 2, w, tail)
    scatter(offset_pointer(y, 14 * LANES), at, v)
    scatter_masked(offset_pointer(y, 16 * LANES), at, v, tail)
    store_masked(y, 18 * LANES, w, tail)
"""


@pytest.mark.parametrize("dtype", DTYPES)
def test_moves(rng, dtype):
    L = lanes(dtype)
    both = " ".join(str(i) for i in range(2 * L - 1, L - 1, -1))
    kernel = compiled(MOVES, DTYPE=dtype, LANES=L, REVERSED=both)
    n = L - 1
    data, index = draw(rng, 8 * L, dtype), rng.permutation(2 * L)[:L].astype(np.int32)
    y = np.full(19 * L + 8, POISON, dtype)
    kernel(y, data, index, 5, n)
    x, keep = data[3:], np.arange(L) < n
    v, w = x[:L], x[L : 2 * L]
    strided = x[1 : 1 + 5 * L : 5]
    want = [strided, strided * keep, x[index], x[index] * keep]
    mixed = np.stack([v, w], 1).ravel()
    want += [mixed[:L], mixed[L:], np.where(np.arange(L) == 1, w[0], v)]
    want += [np.concatenate([v[L // 2 :], w[: L // 2]]), np.full(L, x[2]), w[::-1]]
    assert (y[: 10 * L].reshape(10, L) == want).all()
    sparse = np.full((4, 2 * L), POISON, dtype)
    sparse[0, ::2] = v
    sparse[1, : 2 * n : 2] = w[:n]
    sparse[2, index] = v
    sparse[3, index[:n]] = v[:n]
    assert (y[10 * L : 18 * L].reshape(4, 2 * L) == sparse).all()
    assert (y[18 * L : 18 * L + n] == w[:n]).all()
    assert (y[18 * L + n :] == POISON).all()


TRACED = """
@traced
def both(a, b):
    return a + b, a * b

@traced
def tile(y, x, n):
    rows = [load(x, r * LANES, LANES) for r in range(3)]
    def body(i, rows):
        return [fma(row, 2.0, r) for r, row in enumerate(rows)]
    for r, row in enumerate(repeat(0, n, 1, rows, body)):
        store(y, r * LANES, row)

def kernel(args, thread, threads):
    y = pointer(args, 0, "float32")
    x = pointer(args, 1, "float32")
    tile(y, x, integer(args, 2))
    s, p = both(load(x, 0, LANES), 3)
    store(y, 3 * LANES, maximum(s, 0) - p)
"""


def test_traced_functions(rng):
    L = lanes("float32")
    kernel = compiled(TRACED, LANES=L)
    for n in (0, 1, 4):
        x, y = rng.integers(-9, 9, 3 * L).astype("f"), np.zeros(4 * L, "f")
        kernel(y, x, n)
        rows = x.reshape(3, L).copy()
        for _ in range(n):
            rows = rows * 2 + np.arange(3, dtype="f")[:, None]
        assert (y[: 3 * L].reshape(3, L) == rows).all()
        assert (y[3 * L :] == np.maximum(x[:L] + 3, 0) - x[:L] * 3).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("load(x, 0, 16) + load(x, 0, 8)", "No implementation|No match|different"),
        ("load(x, 0, integer(args, 1))", "number of lanes must be a literal"),
        ("store(x, 0, splat(1, 16))", "does not go through a pointer"),
        ("sqrt(iota(0, 16))", "floats are expected"),
        ("extract(load(x, 0, 4), 4)", "lane 4 of 4"),
        ('pointer(args, 0, "float16")', "no dtype"),
    ],
)
def test_wrong_types_are_named(line, message):
    source = f"def kernel(args, thread, threads):\n    x = pointer(args, 0, 'float32')\n    {line}\n"
    with pytest.raises(TypingError, match=message):
        compiled(source)


def test_nothing_is_contracted():
    kernel = compiled(SCALE, DTYPE="float32", LANES=lanes())
    assert "fma" not in kernel.entry._library.get_llvm_str().replace("fmax", "")


def test_the_target_is_numbas():
    codegen = cpu_target.target_context.codegen()
    assert (target().cpu, target().features) == codegen.magic_tuple()[1:]
    assert lanes("float64") * 2 == lanes("float32") == lanes("int32")


@pytest.mark.skipif(not X86, reason="names of x86 processors")
@pytest.mark.parametrize(
    ("name", "features", "expected"),
    [
        ("skylake-avx512", "", (16, True)),
        ("znver4", "-avx512f", (8, True)),
        ("haswell", "", (8, True)),
        ("sandybridge", "", (4, False)),
        ("x86-64", "", (4, False)),
        ("generic", None, (4, False)),
    ],
)
def test_targets_without_numba(name, features, expected):
    script = "import sys, nngraph_kernels.target as t; print(t.lanes(), t.has_fma(), 'numba' in sys.modules)"
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CPU_FEATURES"} | {"NUMBA_CPU_NAME": name}
    if features is not None:
        env["NUMBA_CPU_FEATURES"] = features
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    run = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"{expected[0]} {expected[1]} False"
