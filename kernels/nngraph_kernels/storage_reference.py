"""What 16-bit storage makes of float32 numbers: the meaning, in NumPy; NumPy itself knows no bfloat16."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

STORAGE = ("bfloat16", "float16")  # in which float32 numbers may lie in memory


def encode(x: Array, storage: str) -> Array:
    """The bits, uint16, of the nearest numbers of 16 bits, of two as near the even one; NaN stays NaN.

    What is too large for float16 (65,520 and more) becomes an infinity, as IEEE 754 has it.
    """
    x = np.asarray(x, np.float32)
    if storage == "float16":
        with np.errstate(over="ignore", invalid="ignore"):
            return x.astype(np.float16).view(np.uint16)
    bits = x.view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))) >> np.uint32(16)
    return np.where(np.isnan(x), (bits >> np.uint32(16)) | np.uint32(0x40), rounded).astype(np.uint16)


def decode(bits: Array, storage: str) -> Array:
    """The float32 numbers that 16 bits stand for."""
    if storage == "float16":
        with np.errstate(invalid="ignore"):  # NumPy minds NaNs that signal
            return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def stored(x: Array, storage: str) -> Array:
    """What is read again of float32 numbers that have been stored in 16 bits."""
    return decode(encode(x, storage), storage).reshape(np.shape(x))
