"""Where the window on an example lies: what `examples_reference.windows` says in NumPy."""

from __future__ import annotations

from numba import int64, uint64

from nngraph_kernels.cuda.math import LOW, device, philox4x32
from nngraph_kernels.examples_reference import STREAM


@device
def window(number, epoch, key0, key1, crop):
    """How far an example's window is moved down and to the right, and whether (1 or 0) it is mirrored."""
    low, high = uint64(number) & uint64(LOW), uint64(number) >> uint64(32)
    words = philox4x32(low, high, uint64(epoch) & uint64(LOW), uint64(STREAM), uint64(key0), uint64(key1))
    sides = 2 * crop + 1
    down, right = int64(words[0]) * sides >> 32, int64(words[1]) * sides >> 32
    return down - crop, right - crop, int64(words[2] >> uint64(31))
