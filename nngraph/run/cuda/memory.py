"""One block of a device's memory: states and constants in front, the arena behind them."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

from nngraph.errors import DeviceError
from nngraph.ir.graph import Value
from nngraph.ir.program import Plan, Schedule
from nngraph.run.bind import Places
from nngraph.run.cuda.device import Device
from nngraph.run.store import Store
from nngraph_kernels.cuda.target import ALIGNMENT
from nngraph_kernels.cuda.text import VIEW_DTYPES


class Bound(Protocol):
    """What refers to the block."""

    def close(self) -> None:
        """Refer to it no longer."""


class DeviceMemory:
    """The block. Where it has to grow, it is made anew, and everything in it moves.

    Attributes
    ----------
    block : device array of uint8
    views : tuple of device arrays
        The block as each of `VIEW_DTYPES`: what kernels get.
    front, nbytes : int
        Where the arena begins, and where it ends.
    """

    def __init__(self, device: Device, store: Store) -> None:
        self.device, self.store = device, store
        self.front = self.nbytes = 0
        self.block: Any = None
        self.views: tuple[Any, ...] = ()
        self._constants: dict[Value, np.ndarray[Any, Any]] = {}
        self._offsets: dict[str | Value, int] = {}
        self._used = 0
        self._sent = -1
        self._behind = False  # the host's states are older than the device's
        self._bound: WeakSet[Bound] = WeakSet()
        store.fetch = self.fetch

    def reserve(self, schedule: Schedule, plan: Plan, scratch: int = 0) -> bool:
        """Have room for a program's states and constants, its arena and scratch; whether everything has moved.

        Raises
        ------
        DeviceError
            If there is not that much; nothing is allocated then.
        """
        self._constants |= schedule.constants
        held = {**self.store.arrays, **self._constants}
        front = sum(aligned(array.nbytes) for array in held.values())
        arena = aligned(plan.nbytes) + aligned(scratch)
        moves = front > self.front or self.front + arena > self.nbytes
        if moves:
            front, arena = max(self.front, front), max(self.nbytes - self.front, arena)
            self._allocate(front, arena, plan)
        self._place(held)
        return moves

    def _allocate(self, front: int, arena: int, plan: Plan) -> None:
        free = self.device.memory()[0] + self.nbytes
        if front + arena > free:
            raise DeviceError(
                f"device: batch size {plan.batch} needs {front + arena:,} bytes there, {front:,} for parameters and "
                f"{arena:,} for the arena, but {free:,.0f} are free; give a smaller batch_size"
            )
        for program in list(self._bound):
            program.close()  # its launches hold the old block, which is given back first
        self._bound.clear()
        self.block, self.views = None, ()
        self.block = self.device.zeros(front + arena)
        self.views = tuple(self.block.view(np.dtype(kind)) for kind in VIEW_DTYPES)
        self.front, self.nbytes = front, front + arena
        self._offsets, self._used, self._sent = {}, 0, -1

    def bound(self, program: Bound) -> None:
        """A program works on the block: it is closed before the block is given back."""
        self._bound.add(program)

    def _place(self, held: dict[Any, np.ndarray[Any, Any]]) -> None:
        """Give what has none an offset."""
        for key, array in held.items():
            if key in self._offsets:
                continue
            self._offsets[key] = self._used
            self._used += aligned(array.nbytes)
            self._sent = -1

    def places(self, schedule: Schedule, plan: Plan) -> Places:
        """Where a program's values lie: offsets in bytes."""
        fixed = {state.old: self._offsets[state.name] for state in schedule.graph.states}
        fixed |= {value: self._offsets[value] for value in schedule.constants}
        return Places(schedule, plan, fixed, self.front, 0, aligned(plan.nbytes))

    def send(self) -> None:
        """Bring states and constants to the device, if any was changed on the host since, or has a new place."""
        if self._sent != self.store.version:
            whole = np.zeros(self._used, np.uint8)  # many copies of a few bytes take much longer than one of all
            for key, array in {**self.store.arrays, **self._constants}.items():
                if key in self._offsets:  # not so where there was no room for what needs it
                    self._part(whole, key, array)[...] = as_bytes(array)
            self.device.upload(self.block, 0, whole)
            self._sent = self.store.version

    def written(self) -> None:
        """A program has written states."""
        self._behind = True

    def fetch(self) -> None:
        """Bring states back, if a program has written any since."""
        if self._behind:
            self._behind = False
            whole = np.empty(self._used, np.uint8)
            self.device.download(self.block, 0, whole)

            def take(name: str, array: np.ndarray[Any, Any]) -> None:
                if name in self._offsets:
                    as_bytes(array)[...] = self._part(whole, name, array)

            self.store.receive(take)

    def _part(self, whole: np.ndarray[Any, Any], key: str | Value, array: np.ndarray[Any, Any]) -> Any:
        """Where in a copy of the block's front an array lies."""
        return whole[self._offsets[key] : self._offsets[key] + array.nbytes]


def as_bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The memory of an array; of a copy where it does not lie in order."""
    return array.reshape(-1).view(np.uint8)


def aligned(nbytes: int) -> int:
    """`nbytes` rounded up to where something else may begin."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
