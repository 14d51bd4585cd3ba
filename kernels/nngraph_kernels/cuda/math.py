"""Elementary functions for CUDA kernels: the device's own, and NumPy's where the simulator stands for a device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda, float32, float64, uint64

from nngraph_kernels.cuda.target import is_simulated
from nngraph_kernels.random_reference import MULTIPLIERS, ROUNDS, WEYL

ZERO, ONE = np.int8(0), np.int8(1)  # with which float32 stays float32: Numba adds it and a plain number in float64
LOW = 0xFFFFFFFF
M0, M1 = MULTIPLIERS
W0, W1 = WEYL


def itself(function: Any) -> Any:
    return function


device: Any = itself if is_simulated() else cuda.jit(device=True)

if is_simulated():  # Python's own raise where a result is not finite, and know no float32

    def _erf(x: Any) -> Any:
        return type(x)(math.erf(float(x)))

    own: Any = np
    _power: Any = np.power
else:
    own = math
    _power, _erf = math.pow, math.erf  # pyright: ignore[reportAssignmentType]
_exp, _expm1, _log, _log1p, _tanh = own.exp, own.expm1, own.log, own.log1p, own.tanh
_cos, _sqrt, _floor = own.cos, own.sqrt, own.floor


@device
def exp(x):
    return _exp(x)


@device
def expm1(x):
    return _expm1(x)


@device
def log(x):
    return _log(x)


@device
def log1p(x):
    return _log1p(x)


@device
def tanh(x):
    return _tanh(x)


@device
def cos(x):
    return _cos(x)


@device
def sqrt(x):
    return _sqrt(x)


@device
def power(x, y):
    return _power(x, y)


@device
def erf(x):
    return _erf(x)


@device
def floor(x):
    return _floor(x)


@device
def fma(a, b, c):
    """a * b + c, which the device's compiler makes one instruction of."""
    return a * b + c


@device
def absolute(x):
    return abs(x)


@device
def select(condition, a, b):
    return a if condition else b


@device
def maximum(a, b):
    """The larger; NaN where either is NaN."""
    return b if b > a or b != b else a


@device
def minimum(a, b):
    """The smaller; NaN where either is NaN."""
    return b if b < a or b != b else a


@device
def sigmoid(x):
    """1 / (1 + e**-x), without an exponential that is not finite."""
    e = exp(-abs(x))
    return (e if x < 0 else e * ZERO + ONE) / (e + ONE)


@device
def softplus(x):
    """log(1 + e**x), as max(x, 0) + log1p(e**-|x|)."""
    return maximum(x, ZERO) + log1p(exp(-abs(x)))


@device
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four random words for a counter of four words and a key of two, all of them uint64: see `random_reference`."""
    low = uint64(LOW)
    k0, k1 = k0 & low, k1 & low
    for _ in range(ROUNDS):
        product0, product1 = (c0 & low) * uint64(M0), (c2 & low) * uint64(M1)
        c0, c1 = (product1 >> uint64(32)) ^ c1 ^ k0, product1 & low
        c2, c3 = (product0 >> uint64(32)) ^ c3 ^ k1, product0 & low
        k0, k1 = (k0 + uint64(W0)) & low, (k1 + uint64(W1)) & low
    return c0, c1, c2, c3


@device
def uniform(element, step, key0, key1):
    """The first two words of Philox4x32-10 for an element: see `random_reference`."""
    low, high = uint64(element) & uint64(LOW), uint64(element) >> uint64(32)
    words = philox4x32(low, high, uint64(step) & uint64(LOW), uint64(0), uint64(key0), uint64(key1))
    return words[0], words[1]


@device
def uniform_float32(element, step, key0, key1):
    """A multiple of 2**-24 in [0, 1): the same number as on the CPU."""
    first, _ = uniform(element, step, key0, key1)
    return float32(first >> uint64(8)) * float32(2.0**-24)


@device
def uniform_float64(element, step, key0, key1):
    """A multiple of 2**-53 in [0, 1): the same number as on the CPU."""
    first, second = uniform(element, step, key0, key1)
    return (float64(first >> uint64(5)) * 2.0**26 + float64(second >> uint64(6))) * 2.0**-53
