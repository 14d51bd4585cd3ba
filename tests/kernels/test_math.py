import functools

import numpy as np
import pytest

from nngraph_kernels.target import lanes
from tests.kernels.native import compiled

WIDE = np.longdouble
DTYPES = ("float32", "float64")
# Units in the last place, as the docstrings promise.
BOUNDS = {"exp": 1, "expm1": 3, "log": 1, "log1p": 1, "sigmoid": 3, "tanh": 3, "softplus": 2}
BOUNDS |= {"erf": 2, "sin": 1, "cos": 1, "power": 1}
SUBNORMALS = {"float32": (1e-40, -1e-45), "float64": (1e-310, -5e-324)}
FAR = {"float32": 110.0, "float64": 760.0}  # exp over- and underflows before


@pytest.fixture(autouse=True)
def quiet():
    """NumPy warns of the very limits that are tested."""
    with np.errstate(all="ignore"):
        yield


KERNEL = """
def kernel(args, thread, threads):
    whole = pointer(args, 0, DTYPE)
    single = pointer(args, 1, DTYPE)
    x = pointer(args, 2, DTYPE)
    y = pointer(args, 3, DTYPE)
    n = integer(args, 4)
    for i in range(0, n, LANES):
        tail = first(n - i, LANES)
        store_masked(whole, i, CALL_ON_VECTORS, tail)
    for i in range(0, n, 7):
        single[i] = CALL_ON_SCALARS
"""


def kernel_of(name, dtype):
    second = (", load_masked(y, i, tail)", ", y[i]") if name == "power" else ("", "")
    source = KERNEL.replace("CALL_ON_VECTORS", f"{name}(load_masked(x, i, tail){second[0]})")
    source = source.replace("CALL_ON_SCALARS", f"{name}(x[i]{second[1]})")
    return compiled(source, DTYPE=dtype, LANES=lanes(dtype))


def evaluate(name, x, y=None):
    """The vector function; the scalar one has to give the same bits."""
    whole, single = np.full(len(x) + 8, 77, x.dtype), np.zeros_like(x)
    cached_kernel(name, x.dtype.name)(whole, single, x, x if y is None else y, len(x))
    assert (whole[len(x) :] == 77).all()
    result = whole[: len(x)]
    assert np.array_equal(result[::7], single[::7], equal_nan=True)
    return result


@functools.cache
def cached_kernel(name, dtype):
    return kernel_of(name, dtype)


def wide_erf(x):
    """2/sqrt(pi) exp(-x²) sum of 2**n x**(2n+1) / (2n+1)!!, all terms of one sign."""
    x = np.clip(x, -7, 7)
    term = total = x.astype(WIDE)
    for n in range(1, 180):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return total * np.exp(-(x.astype(WIDE) ** 2)) * 2 / np.sqrt(WIDE("3.141592653589793238462643383279502884"))


REFERENCES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": lambda x: np.where(x < 0, np.exp(-abs(x)), 1) / (1 + np.exp(-abs(x))),
    "tanh": np.tanh,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "erf": wide_erf,
    "sin": np.sin,
    "cos": np.cos,
}


def specials(dtype):
    limits = np.finfo(dtype)
    values = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, -2, 0.5, limits.max, -limits.max, limits.tiny]
    values += [-limits.tiny, limits.eps, *SUBNORMALS[dtype], 88.722, 88.73, -87.3366, -103.97, -103.98]
    return np.array([*values, 709.78, 709.79, -708.4, -745.1, -745.2], dtype)


def domain(name, dtype, count=8_000):
    rng = np.random.default_rng(0)
    small = np.exp(rng.uniform(-60, 0, count))
    around = [np.linspace(-3, 3, count), small, -small]
    if name in ("log", "log1p"):
        limits = np.log([np.finfo(dtype).tiny / 1e5, np.finfo(dtype).max / 2])
        everywhere = np.exp(rng.uniform(*limits, count))
        parts = [everywhere, *(abs(a) for a in around)] if name == "log" else [everywhere, *around]
        return np.concatenate([p[p > -1] for p in parts]).astype(dtype)
    far = {"erf": 7, "tanh": 30, "sin": 3e6, "cos": 3e6}.get(name, FAR[dtype])
    return np.concatenate([*around, np.linspace(-far, far, count)]).astype(dtype)


def ulps(got, want):
    """Distance in units in the last place of the result, where that is a number."""
    rounded = want.astype(got.dtype)
    normal = np.isfinite(rounded)
    assert np.array_equal(got[~normal], rounded[~normal], equal_nan=True)
    spacing = np.spacing(np.abs(rounded[normal])).astype(WIDE)
    return float((np.abs(got[normal].astype(WIDE) - want[normal]) / spacing).max())


def wide_enough(dtype):
    if np.finfo(WIDE).nmant < 60 and dtype == "float64":
        pytest.skip("no float type here is more precise than float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_error_is_within_its_bound(name, dtype):
    wide_enough(dtype)
    x = domain(name, dtype)
    want = REFERENCES[name](x.astype("float64" if dtype == "float32" and name != "erf" else WIDE))
    error = ulps(evaluate(name, x), want)
    assert error <= BOUNDS[name]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_limits(name, dtype):
    x = specials(dtype)
    want = REFERENCES[name](x.astype(WIDE)).astype(dtype)
    if name == "erf":
        want[np.isinf(x)] = np.sign(x[np.isinf(x)])
    got = evaluate(name, x)
    infinite = ~np.isfinite(want)
    assert np.array_equal(got[infinite], want[infinite], equal_nan=True)
    spacing = np.spacing(np.abs(want[~infinite])) * BOUNDS[name]
    assert (np.abs(got[~infinite] - want[~infinite]) <= spacing).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_power(dtype):
    wide_enough(dtype)
    rng = np.random.default_rng(0)
    x = np.concatenate([np.exp(rng.uniform(-80, 80, 20_000)), rng.uniform(0.5, 2, 20_000)])
    largest = np.minimum(FAR[dtype] / np.abs(np.log(x)), 1e6)
    y = (largest * rng.uniform(-1, 1, len(x))).astype(dtype)
    x = x.astype(dtype)
    want = np.power(x.astype(WIDE), y.astype(WIDE))
    assert ulps(evaluate("power", x, y), want) <= BOUNDS["power"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_of_power_are_numpys(dtype):
    values = np.concatenate([specials(dtype), [2, 3, -3, -0.5, -1.5, 4, 1e10, 3e10 + 1]]).astype(dtype)
    x, y = np.repeat(values, len(values)), np.tile(values, len(values))
    want = np.power(x.astype(WIDE), y.astype(WIDE)).astype(dtype)
    got = evaluate("power", x, y)
    assert (np.isnan(got) == np.isnan(want)).all()
    known = ~np.isnan(want)
    assert (np.signbit(got) == np.signbit(want))[known].all()
    near = np.abs(got - want) <= np.spacing(np.abs(want))
    assert (near | (got == want))[known].all()


def test_exponential_does_not_call_the_library():
    assembly = cached_kernel("exp", "float32").entry._library.get_asm_str()
    assert "expf" not in assembly
