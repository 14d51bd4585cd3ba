"""Numbers that lie in 16 bits as float32, and back: what kernels call where they read and write such numbers.

Rounding is to the nearest, of two as near to the even one, as `nngraph_kernels.storage_reference` has it. A device has
instructions for float16; bfloat16, the upper half of a float32, takes integer arithmetic, a few operations that cost
nothing beside the access to memory.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numba import float32, int16, int32, uint16, uint32

from nngraph_kernels.cuda.math import device
from nngraph_kernels.cuda.target import is_simulated


def simulated_bits(x: Any) -> Any:
    return np.float32(x).view(np.int32)


def simulated_float(bits: Any) -> Any:
    return np.int32(bits).view(np.float32)


def simulated_from_half(bits: Any) -> Any:
    return np.float32(np.int16(bits).view(np.float16))


def simulated_to_half(x: Any) -> Any:
    return np.float16(x).view(np.int16)


if is_simulated():
    _bits, _float, _from_half, _to_half = simulated_bits, simulated_float, simulated_from_half, simulated_to_half
else:
    libdevice: Any = import_module("numba.cuda.libdevice")
    _bits, _float = libdevice.float_as_int, libdevice.int_as_float
    _from_half, _to_half = libdevice.half2float, libdevice.float2half_rn


@device
def from_bfloat16(bits):
    return _float(int32(uint32(bits) << uint32(16)))


@device
def to_bfloat16(x):
    bits = uint32(_bits(float32(x)))
    upper = uint32(bits >> uint32(16))
    rounded = uint32(bits + (uint32(0x7FFF) + (upper & uint32(1)))) >> uint32(16)
    return uint16(upper | uint32(0x40)) if x != x else uint16(rounded)


@device
def from_float16(bits):
    return _from_half(int16(bits))


@device
def to_float16(x):
    return uint16(_to_half(float32(x)))
