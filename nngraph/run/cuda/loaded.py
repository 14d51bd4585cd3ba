"""Kernels that were compiled before, launched as Numba launches its own: their arguments written out as words.

An array becomes what Numba's kernels take for one: two words without a use on a device, the number of elements, the
bytes of one, the address, and for each axis its length and its stride in bytes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any


class Loaded:
    """A kernel in the device's memory; ``kernel[blocks, threads, stream](*arguments)`` launches it.

    Parameters
    ----------
    core : module
        ``cuda.core``.
    kernel : cuda.core.Kernel
    parameters : int
        How many words it takes.
    """

    def __init__(self, core: Any, kernel: Any, parameters: int) -> None:
        self._core, self._kernel, self._parameters = core, kernel, parameters

    def __getitem__(self, configuration: tuple[int, int, Any]) -> Callable[..., None]:
        blocks, threads, stream = configuration
        config = self._core.LaunchConfig(grid=blocks, block=threads)

        def launch(*arguments: Any) -> None:
            words = words_of(arguments)
            if len(words) != self._parameters:  # it would read what is not there
                raise ValueError(f"a kernel takes {self._parameters} words, {len(words)} given")
            # Of a graph that is being taken down it is the stream that is launched on.
            self._core.launch(getattr(stream, "stream", stream), config, self._kernel, *words)

        return launch


def words_of(arguments: Sequence[Any]) -> list[Any]:
    """The words that a kernel takes for integers and arrays of one axis, all without gaps."""
    words: list[Any] = []
    for argument in arguments:
        if isinstance(argument, int):
            words.append(ctypes.c_int64(argument))
            continue
        (size,), nbytes = argument.shape, argument.dtype.itemsize
        words += [0, 0, size, nbytes, argument.device_ctypes_pointer.value, size, nbytes]
    return words
