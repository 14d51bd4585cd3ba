"""Calls a single CUDA kernel on arrays, in Numba's simulator, in memory where poison stands between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.ir.program import Kernel
from nngraph.run.cuda.device import device
from nngraph.run.cuda.kernels import launchable
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cuda.text import VIEW_DTYPES
from tests.compiled import POISON

Array = np.ndarray[Any, Any]
GAP = 256


def call(
    kernel: Kernel, pointers: Sequence[Array | None], integers: Sequence[int], numbers: Sequence[float] = ()
) -> None:
    """Run a kernel; arrays take what it leaves. One that is given twice is one place in memory; None is a slot."""
    from numba import cuda

    places: dict[int, int] = {}
    at = GAP
    for array in pointers:
        if array is not None and id(array) not in places:
            places[id(array)] = at
            at += -(-array.nbytes // GAP) * GAP + GAP
    block = np.full(at, POISON, np.uint8)
    arrays = {id(array): array for array in pointers if array is not None}
    for key, array in arrays.items():
        view(block, places[key], array)[...] = array
    slots = [0 if array is None else places[id(array)] for array in pointers]
    words = np.array([0, *slots, *integers, *np.array(numbers, np.float64).view(np.int64)], np.int64)
    there = cuda.to_device(block)
    views = [there.view(np.dtype(dtype)) for dtype in VIEW_DTYPES]
    table, control = cuda.to_device(words), cuda.to_device(np.zeros(layout.CONTROL_WORDS, np.int64))
    name, text = cuda_source(kernel)
    with np.errstate(all="ignore"):
        run = launchable({name: text}, device())[name]
        run[grid_of(kernel, tuple(integers))](*views, table, table.view(np.float64), control, 1)
    after = there.copy_to_host()
    for key, array in arrays.items():
        array[...] = view(after, places[key], array)
        view(after, places[key], array).view(np.uint8)[...] = POISON
    assert (after == POISON).all()


def view(block: Array, place: int, array: Array) -> Array:
    return np.ndarray(array.shape, array.dtype, block.data, place)
