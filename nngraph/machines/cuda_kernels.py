"""Kernels of a CUDA device: from the cache on disk where they can be had from there, or else compiled by Numba here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nngraph.emit.cuda.cache import CudaCache
from nngraph.run.cuda.device import Device
from nngraph.run.cuda.kernels import launchable


class CudaKernels:
    """All kernels that a machine has asked for.

    Parameters
    ----------
    device : Device
    on_progress : callable
        Called with the number of kernels compiled so far and in all, if any are.
    cache : CudaCache, optional
        By default the user's; the simulator has none.
    """

    def __init__(
        self, device: Device, on_progress: Callable[[int, int], None], cache: CudaCache | None = None
    ) -> None:  # fmt: skip
        self._device, self._on_progress = device, on_progress
        self._cache = cache or (None if device.simulated else CudaCache(device.about().capability))
        self._found: dict[str, Any] = {}

    def of(self, sources: Mapping[str, str]) -> dict[str, Any]:
        """What launches the kernels of these sources, by name."""
        fresh = {name: text for name, text in sources.items() if name not in self._found}
        if fresh:
            loaded = self._loaded(fresh)
            others = {name: text for name, text in fresh.items() if name not in loaded}
            self._found |= loaded | launchable(others, self._device)
        return {name: self._found[name] for name in sources}

    def _loaded(self, sources: Mapping[str, str]) -> dict[str, Any]:
        """Those that the cache has, or makes, and that the device takes."""
        if self._cache is None:
            return {}
        found = self._cache.objects(sources, self._on_progress)
        loaded = {name: self._device.loaded(o.code, o.entry, o.parameters) for name, o in found.items()}
        return {name: kernel for name, kernel in loaded.items() if kernel is not None}
