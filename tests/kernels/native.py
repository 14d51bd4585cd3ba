"""Compile kernels and call them, for the tests of kernels."""

import ctypes
from collections.abc import Callable

import numpy as np
from numba import cfunc, types

import nngraph_kernels.math
import nngraph_kernels.random
import nngraph_kernels.simd

SIGNATURE = types.void(types.CPointer(types.int64), types.int64, types.int64)


def compiled(source: str, **constants) -> Callable[..., None]:
    """The function ``kernel(args, thread, threads)`` of `source`, callable with arrays and numbers."""
    names = {}
    for module in (nngraph_kernels.simd, nngraph_kernels.math):
        names |= {n: f for n, f in vars(module).items() if not n.startswith("_")}
    names |= {"uniform": nngraph_kernels.random.uniform, "philox": nngraph_kernels.random.philox}
    names |= constants
    exec(source, names)
    entry = cfunc(SIGNATURE, nopython=True, error_model="numpy")(names["kernel"])
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(entry.address)

    def call(*slots):
        block = (ctypes.c_int64 * len(slots))()
        for i, slot in enumerate(slots):
            if isinstance(slot, np.ndarray):
                block[i] = slot.ctypes.data
            elif isinstance(slot, float):
                ctypes.c_double.from_buffer(block, 8 * i).value = slot
            else:
                block[i] = int(slot)
        function(ctypes.addressof(block), 0, 1)

    call.entry = entry
    return call
