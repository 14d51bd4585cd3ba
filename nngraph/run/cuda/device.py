"""The one place that knows numba-cuda: the device, its memory, launches and graphs, or the simulator in its stead."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

from nngraph.errors import DeviceError
from nngraph.run.cuda.loaded import Loaded
from nngraph_kernels.cuda.target import SIMULATOR, is_simulated
from nngraph_kernels.record import record

HOW = f"{SIMULATOR}=1 in the environment runs it in Numba's simulator, slowly"


@record(eq=False)
class Launch:
    """One launch: a compiled function, blocks, threads of each, and arguments."""

    function: Any
    blocks: int
    threads: int
    arguments: tuple[Any, ...]


@record
class About:
    """What there is to say of a device; sizes in bytes."""

    name: str
    driver: str
    capability: tuple[int, int]
    total: float
    free: float


class Event(Protocol):
    """A point in what a stream has to do."""

    def sync(self) -> None:
        """Wait for it."""


class AtOnce:
    """What comes after it was done in the simulator, which does everything at once."""

    def sync(self) -> None: ...


class Device:
    """A CUDA device, or the simulator: made by `device`."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self.simulated = is_simulated()
        self.name = "Numba's simulator"
        self._stream: Any = 0
        self._copies: Any = None
        self._launched: WeakSet[Any] = WeakSet()  # functions that are compiled, and loaded
        if self.simulated:
            import_module("nngraph.run.cuda.turns").take_turns()
        else:
            self._core: Any = import_module("cuda.core").Device()
            self._core.set_current()
            self.name = self._core.name
            self._stream = self._core.create_stream()
            # Numba warns of every launch of few blocks; how many there are follows from the sizes.
            config: Any = import_module("numba.cuda.core.config")
            config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

    def about(self) -> About:
        """Name, driver, compute capability, memory."""
        free, total = self.memory()
        if self.simulated:
            return About(self.name, "none", (0, 0), total, free)
        version = int(import_module("cuda.bindings.driver").cuDriverGetVersion()[1])
        own: Any = self._core.compute_capability
        text = f"CUDA {version // 1000}.{version % 1000 // 10}"
        return About(self.name, text, (int(own.major), int(own.minor)), total, free)

    def memory(self) -> tuple[float, float]:
        """Bytes that are free, and all; without bound in the simulator."""
        context = self._cuda.current_context()
        if not self.simulated:
            context.memory_manager.deallocations.clear()  # Numba keeps what nobody has any more for a while
        found = context.get_memory_info()
        return found.free, found.total

    def array(self, host: np.ndarray[Any, Any]) -> Any:
        """A copy on the device; arrays of no elements become one of one, which nothing reads."""
        whole = host if host.size else np.zeros(1, host.dtype)
        return self._cuda.to_device(np.ascontiguousarray(whole).reshape(-1), stream=self._stream)

    def zeros(self, nbytes: int) -> Any:
        """A block of zeros."""
        return self.array(np.zeros(max(nbytes, 1), np.uint8)) if self.simulated else self._cleared(nbytes)

    def _cleared(self, nbytes: int) -> Any:
        block = self._cuda.device_array(max(nbytes, 1), np.uint8, stream=self._stream)
        self._cuda.cudadrv.driver.device_memset(block, 0, nbytes, stream=self._stream)
        return block

    def shared(self, shape: int | tuple[int, ...], dtype: Any) -> Any:
        """Memory of the host that the device writes too: for a few numbers that are looked at while it works."""
        made = self._cuda.mapped_array(shape, dtype)
        made[:] = 0
        return made

    def upload(self, block: Any, start: int, host: np.ndarray[Any, Any]) -> None:
        """Copy an array to elements of a device array of the same type, from `start` on."""
        self._upload(block, start, host, self._stream)

    def _upload(self, block: Any, start: int, host: np.ndarray[Any, Any], stream: Any) -> None:
        if host.size:
            block[start : start + host.size].copy_to_device(np.ascontiguousarray(host).reshape(-1), stream=stream)

    def room(self) -> float:
        """Bytes that data may take: of what is free, all but a tenth of the device's memory."""
        free, total = self.memory()
        return free - (0 if self.simulated else total / 10)

    def pinned(self, size: int, dtype: Any) -> np.ndarray[Any, Any]:
        """An array of the host that the device copies from by itself."""
        return self._cuda.pinned_array(size, dtype)

    def bring(self, block: Any, start: int, host: np.ndarray[Any, Any], after: Event | None) -> Event:
        """Copy a pinned array to a device array beside what is computed, once `after` has come; when it is there."""
        if self.simulated:
            self._upload(block, start, host, 0)
            return AtOnce()
        if self._copies is None:
            self._copies = self._core.create_stream()
        if after is not None:
            self._copies.wait(after)
        self._upload(block, start, host, self._copies)
        return self._copies.record()

    def hold(self, event: Event) -> None:
        """Compute nothing more before `event`."""
        if not self.simulated:
            self._stream.wait(event)

    def event(self) -> Event:
        """When all that has been launched so far is done."""
        return AtOnce() if self.simulated else self._stream.record()

    def download(self, block: Any, start: int, host: np.ndarray[Any, Any]) -> None:
        """Copy elements of a device array into an array, and wait for it."""
        if host.size:
            found = block[start : start + host.size].copy_to_host(stream=self._stream)
            self.wait()
            host.reshape(-1)[...] = found

    def compiled(self, function: Any, threads: int) -> Any:
        """A function as a kernel, whose blocks have at most so many threads: it is compiled when it is first launched.

        It gets no more registers than such a block can have.
        """
        return self._cuda.jit(function) if self.simulated else self._cuda.jit(launch_bounds=threads)(function)

    def loaded(self, code: bytes, entry: str, parameters: int) -> Any:
        """A kernel that was compiled before, or None where it cannot be loaded as it should be.

        Parameters
        ----------
        code : bytes
            A cubin.
        entry : str
            The kernel's name in it.
        parameters : int
            How many words it takes.
        """
        core: Any = import_module("cuda.core")
        try:
            kernel = core.ObjectCode.from_cubin(code, name=entry).get_kernel(entry)
        except Exception:  # noqa: BLE001  # whatever it is, the kernel is compiled anew then
            return None
        return Loaded(core, kernel, parameters)

    def step(self, launches: Sequence[Launch]) -> Callable[[], None]:
        """A function that launches all of these, in order; what was never launched before is, once, at once."""
        fresh = {id(each.function): each for each in launches if each.function not in self._launched}
        self._launch(list(fresh.values()), self._stream)  # nothing may be compiled while the graph is taken down
        self._launched.update(each.function for each in fresh.values())
        return self.graph(launches)

    def graph(self, launches: Sequence[Launch]) -> Callable[[], None]:
        """All of these, in order, as one: in the simulator they are launched one after the other."""
        if self.simulated:
            return lambda: self._launch(launches, self._stream)
        builder = self._core.create_graph_builder()
        builder.begin_building()
        self._launch(launches, builder)
        graph = builder.end_building().complete()
        return lambda: graph.launch(self._stream)

    def _launch(self, launches: Sequence[Launch], stream: Any) -> None:
        for launch in launches:
            launch.function[launch.blocks, launch.threads, stream](*launch.arguments)

    def seconds(self, launch: Callable[[], None]) -> float:
        """How long the device is at work on what `launch` launches, by its own clock."""
        if self.simulated:
            begun = time.perf_counter()
            launch()
            return time.perf_counter() - begun
        options: Any = import_module("cuda.core").EventOptions
        timed = options(**{"timing_enabled" if hasattr(options, "timing_enabled") else "enable_timing": True})
        start = self._stream.record(options=timed)
        launch()
        end = self._stream.record(options=timed)
        end.sync()
        return (end - start) / 1e3

    def cache_bytes(self) -> int:
        """Size of the cache that all of the device shares."""
        return 0 if self.simulated else int(self._core.properties.l2_cache_size)

    def copy(self, target: Any, source: Any) -> None:
        """Copy a device array to another one of its size."""
        target.copy_to_device(source, stream=self._stream)

    def wait(self) -> None:
        """Wait for all that has been launched."""
        if not self.simulated:
            self._stream.sync()


@cache
def device() -> Device:
    """The device.

    Raises
    ------
    DeviceError
        If there is none, in one line that says how to go on.
    """
    if not is_simulated() and find_spec("numba_cuda") is None:
        raise DeviceError(f"device: 'cuda' needs numba-cuda; pip install \"nngraph[cuda]\", or: {HOW}")
    from numba import cuda

    if not is_simulated() and not cuda.is_available():
        raise DeviceError(f"device: 'cuda' given, but no CUDA device or driver is found; use device 'cpu', or: {HOW}")
    return Device(cuda)
