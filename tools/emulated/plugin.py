"""A plugin for pytest: the device behind ``device="cuda"`` is the processor, running a device's code."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from weakref import WeakSet

import numpy as np
from emulated.device_code import CAPABILITY, fibers, function_of
from numba import cuda, types

from nngraph.machines.cuda_kernels import CudaKernels
from nngraph.run.cuda import cublas
from nngraph.run.cuda import device as devices
from nngraph_kernels.cuda.target import ALIGNMENT
from tests.cuda.blas import NumpyBlas

MEMORY = 1e9  # bytes, free and in all
REVERSE = "EMULATED_REVERSE" in os.environ
NUMBERS = count()
Array = np.ndarray[Any, Any]


class DeviceArray(np.ndarray):
    """An array of the host that answers as one of a device does."""

    def copy_to_host(self) -> Array:
        """A copy."""
        return np.array(self)


class Kernel:
    """A kernel, compiled when it is first launched: ``kernel[blocks, threads, stream](*arguments)``."""

    def __init__(self, function: Callable[..., Any], bound: int) -> None:
        self.function, self.bound = function, bound
        self.made: tuple[int, int] | None = None

    def __getitem__(self, configuration: tuple[Any, ...]) -> Callable[..., None]:
        blocks, threads, *_ = configuration
        return lambda *arguments: self.launch(blocks, threads, arguments)

    def launch(self, blocks: int, threads: int, arguments: Sequence[Any]) -> None:
        """Run all threads of all blocks."""
        if self.made is None:
            self.made = function_of(self.function, tuple(map(type_of, arguments)), next(NUMBERS))
        address, expected = self.made
        words = np.array([word for given in arguments for word in words_of(given)], np.int64)
        assert len(words) == expected
        assert 1 <= threads <= self.bound
        with np.errstate(all="ignore"):
            failed = fibers().emulated_launch(address, words.ctypes.data, blocks, threads, REVERSE)
        assert not failed, f"{self.function.__name__}: a barrier that not all threads of a block reach ({failed})"


def type_of(given: Any) -> Any:
    """Numba's type of an argument."""
    dtype = getattr(given, "dtype", None)
    return types.int64 if dtype is None else types.Array(getattr(types, dtype.name), 1, "C")


def words_of(given: Any) -> list[int]:
    """What a kernel takes for an argument; see `nngraph.run.cuda.loaded`."""
    if not isinstance(given, np.ndarray):
        return [int(given)]
    assert given.ndim == 1
    assert given.flags.c_contiguous
    return [0, 0, given.size, given.itemsize, given.ctypes.data, given.size, given.itemsize]


def block_of(nbytes: int) -> Any:
    """Memory that begins where a device's would."""
    raw = np.zeros(max(nbytes, 1) + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + max(nbytes, 1)].view(DeviceArray)


def to_device(host: Array) -> Any:
    """A copy of an array."""
    made = block_of(host.nbytes)[: host.nbytes].view(host.dtype)
    made[...] = host.reshape(-1)
    return made


class Emulated(devices.Device):
    """The processor as a device: everything is done at once."""

    def __init__(self) -> None:
        self.simulated, self.name = False, "emulator"
        self._stream: Any = None
        self._launched: WeakSet[Any] = WeakSet()

    def about(self) -> devices.About:
        return devices.About(self.name, "none", CAPABILITY, MEMORY, MEMORY)

    def memory(self) -> tuple[float, float]:
        return MEMORY, MEMORY

    def array(self, host: Array) -> Any:
        return to_device(host if host.size else np.zeros(1, host.dtype))

    def zeros(self, nbytes: int) -> Any:
        return block_of(nbytes)

    def shared(self, shape: int | tuple[int, ...], dtype: Any) -> Any:
        return to_device(np.zeros(shape, dtype))

    def upload(self, block: Any, start: int, host: Array) -> None:
        block[start : start + host.size] = host.reshape(-1)

    def pinned(self, size: int, dtype: Any) -> Array:
        return np.zeros(size, dtype)

    def bring(self, block: Any, start: int, host: Array, after: Any) -> devices.Event:
        self.upload(block, start, host)
        return devices.AtOnce()

    def hold(self, event: Any) -> None: ...

    def event(self) -> devices.Event:
        return devices.AtOnce()

    def download(self, block: Any, start: int, host: Array) -> None:
        host.reshape(-1)[...] = block[start : start + host.size]

    def compiled(self, function: Any, threads: int) -> Kernel:
        return Kernel(function, threads)

    def graph(self, launches: Sequence[devices.Launch]) -> Callable[[], None]:
        return lambda: self._launch(launches, self._stream)

    def seconds(self, launch: Callable[[], None]) -> float:
        begun = time.perf_counter()
        launch()
        return time.perf_counter() - begun

    def cache_bytes(self) -> int:
        return 1 << 20

    def copy(self, target: Any, source: Any) -> None:
        target[...] = source

    def wait(self) -> None: ...


EMULATED = Emulated()
LIBRARY: Any = NumpyBlas()
devices.device = lambda: EMULATED  # before anything asks for them by name
cublas.library = lambda: LIBRARY
CudaKernels._loaded = lambda self, sources: {}  # type: ignore[method-assign]  # machine code is of no use here
cuda.to_device = to_device
