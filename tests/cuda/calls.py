"""Launches one CUDA kernel in Numba's simulator, with arrays for its pointers and poison around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nngraph.emit.cuda.source import cuda_source, grid_of
from nngraph.ir.program import Kernel
from nngraph.run.cuda.device import device
from nngraph.run.cuda.kernels import launchable
from nngraph_kernels import tape_layout as layout

POISON, MARGIN = 0xFF, 64  # bytes of NaN
Array = np.ndarray[Any, Any]


def call(
    kernel: Kernel, shapes: Sequence[tuple[int, ...]], inputs: Sequence[Array], integers: Sequence[int],
    listed: Sequence[Array] = (), scratch: bool = False,
) -> list[Array]:  # fmt: skip
    """The outputs, of these shapes and of the dtype of the first input; nothing around them has been written."""
    from numba import cuda

    dtype = inputs[0].dtype
    outputs = [np.full(shape, np.nan, dtype) for shape in shapes]
    arrays = [*outputs, *inputs, *listed]
    places, before = memory_of(arrays)
    fixed = len(outputs) + len(inputs)
    slots = [0, *places[:fixed], *[0] * scratch, *integers, *places[fixed:]]
    words, block = cuda.to_device(np.array(slots, np.int64)), cuda.to_device(before)
    control = cuda.to_device(np.zeros(layout.CONTROL_WORDS, np.int64))
    views = [block.view(kind) for kind in (np.float32, np.float64, np.int32, np.uint8)]
    name, text = cuda_source(kernel)
    with np.errstate(all="ignore"):
        launchable({name: text}, device())[name][grid_of(kernel, tuple(integers))](
            *views, words, words.view(np.float64), control, 1
        )
    after = block.copy_to_host()
    found = []
    for place, array in zip(places, outputs, strict=False):
        found.append(after[place : place + array.nbytes].view(dtype).reshape(array.shape).copy())
        after[place : place + array.nbytes] = before[place : place + array.nbytes]
    np.testing.assert_array_equal(after, before)
    return found


def memory_of(arrays: Sequence[Array]) -> tuple[list[int], Array]:
    """Where each array stands, and all of them in one block, poison between them."""
    places, end = [], MARGIN
    for array in arrays:
        places.append(end)
        end += -(-array.nbytes // MARGIN) * MARGIN + MARGIN
    block = np.full(end, POISON, np.uint8)
    for place, array in zip(places, arrays, strict=True):
        block[place : place + array.nbytes] = array.reshape(-1).view(np.uint8)
    return places, block
