"""Calls of single kernels in Numba's simulator, in memory full of NaN, none of which may change beside the outputs."""

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
GAP = 64


def hole(shape: Sequence[int], dtype: str) -> Array:
    """An output that nothing is in yet."""
    array = np.empty(shape, dtype)
    array.view(np.uint8)[...] = POISON
    return array


def call(
    kernel: Kernel,
    outputs: Sequence[Array],
    inputs: Sequence[Array],
    integers: Sequence[int],
    listed: Sequence[Array] = (),
    arrays: Sequence[Array] = (),
    control: Array | None = None,
) -> None:
    """Launch `kernel` once; outputs, `arrays` (those beside the device's one block) and `control` are changed.

    An array that is given twice is one place in memory.
    """
    from numba import cuda

    control = np.zeros(layout.CONTROL_WORDS, np.int64) if control is None else control
    block, places = laid_out([*outputs, *inputs, *listed])
    slots = [places[id(array)] for array in (*outputs, *inputs)]
    slots = [0, 0, *slots, *integers, *(places[id(array)] for array in listed)]
    there, words = cuda.to_device(block), cuda.to_device(np.array(slots, np.int64))
    views = [there.view(np.dtype(dtype)) for dtype in VIEW_DTYPES]
    others = [cuda.to_device(array) for array in (control, *arrays)]
    name, text = cuda_source(kernel)
    function = launchable({name: text}, device())[name]
    function[grid_of(kernel, tuple(integers))](*views, words, words.view(np.float64), others[0], 2, *others[1:])
    for array, other in zip((control, *arrays), others, strict=True):
        array[...] = other.copy_to_host()
    after = there.copy_to_host()
    for array in outputs:
        part = slice(places[id(array)], places[id(array)] + array.nbytes)
        array[...] = after[part].view(array.dtype).reshape(array.shape)
        block[part] = after[part]
    np.testing.assert_array_equal(after, block)


def laid_out(arrays: Sequence[Array]) -> tuple[Array, dict[int, int]]:
    """A block of memory with these arrays, apart from each other, and where each of them begins."""
    places: dict[int, int] = {}
    at = GAP
    for array in arrays:
        if id(array) not in places:
            places[id(array)] = at
            at = -(-(at + array.nbytes) // GAP) * GAP + GAP
    block = np.full(at, POISON, np.uint8)
    for array in arrays:
        start = places[id(array)]
        block[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return block, places


def results(
    kernel: Kernel, shapes: Sequence[tuple[int, ...]], inputs: Sequence[Array], integers: Sequence[int],
    listed: Sequence[Array] = (), scratch: bool = False,
) -> list[Array]:  # fmt: skip
    """The outputs, of these shapes and of the dtype of the first input."""
    outputs = [hole(shape, str(inputs[0].dtype)) for shape in shapes]
    unused = [np.zeros(1, inputs[0].dtype)] if scratch else []  # the slot is there
    call(kernel, outputs, [*inputs, *unused], integers, listed)
    return outputs
