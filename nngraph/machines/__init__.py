"""What programs run on: the cores of this processor, or a CUDA device."""

from __future__ import annotations

from nngraph.emit.cache import KernelCache, Progress
from nngraph.machines.binding import Machine as Machine
from nngraph.machines.native import Native
from nngraph.run.store import Store


def machine(
    device: str, store: Store, cache: KernelCache, guard: bool, seed: int, on_progress: Progress, products: str = "own"
) -> Machine:
    """The machine for programs over one store of states; `on_progress` is told of kernels that it compiles itself.

    Raises
    ------
    DeviceError
        If there is no such device, or not the library that is to do products.
    """
    if device == "cuda":
        from nngraph.machines.cuda import Cuda  # numba-cuda, which only this asks for

        return Cuda(store, seed, on_progress, products)
    return Native(store, cache, guard, seed)
