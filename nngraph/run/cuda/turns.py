"""Numba's simulator with threads that take turns: one runs until it waits for the others of its block, then the next.

Numba lets all threads of a block run at once and looks at each of them without rest, which is what nearly all of the
time goes into. After each barrier the threads here go on in the opposite order, so that what is read before its
writer has come to a barrier is not there yet in every second case: a barrier that is missing shows, in every run.
"""

from __future__ import annotations

import os
from inspect import currentframe
from threading import Event, Lock, Thread
from typing import Any, Final

import numpy as np
from numba.cuda.simulator import kernel, kernelapi

POLL: Final = 0.1  # seconds: a signal that comes just before a thread of Python falls asleep does not wake it
simulator: Any = kernel  # untyped, like all of Numba
api: Any = kernelapi


class _Abandoned(BaseException):
    """Another thread of the block has failed."""


class Runner(simulator.BlockThread):
    """A thread of Python, lent to one CUDA thread after the other."""

    def __init__(self) -> None:
        Thread.__init__(self, daemon=True)
        self._turn = Lock()
        self._turn.acquire()
        self._manager: Any = None

    def begin(self, block: Block) -> None:
        """Take the turn in a block."""
        self._manager = block
        if not self.is_alive():
            self.start()
        self.go_on()

    def go_on(self) -> None:
        """Take the turn again."""
        self._turn.release()

    def run(self) -> None:
        """Run the threads of blocks, which `begin` tells of."""
        np.seterr(all="ignore")  # a device says nothing of numbers that are not finite
        while True:
            self._turn.acquire()
            self._run_threads(self._manager)

    def _run_threads(self, block: Block) -> None:
        """Run those that have not begun, one after the other."""
        while block.fresh:
            self.blockIdx, self.threadIdx = block.place, simulator.Dim3(*block.fresh.pop())
            self.thread_id = block.number(self.threadIdx)
            block.attempt(self)
        self._manager = None  # nor are its arrays held any longer
        _idle.append(self)
        block.pass_on()

    def syncthreads(self) -> None:
        """Wait for all other threads of the block that are not at their end."""
        block: Block = self._manager
        block.waiting.append(self)
        block.pass_on()
        self._turn.acquire()
        if block.error:
            raise _Abandoned


class Block(simulator.BlockManager):
    """The threads of a block: one has the turn, the others wait for theirs or have not begun."""

    def run(self, grid_point: tuple[int, ...], *arguments: Any) -> None:
        """Run all threads.

        Raises
        ------
        Exception
            The first that a thread raised, with a note that names the thread.
        """
        self.place = simulator.Dim3(*grid_point)
        self.fresh = list(np.ndindex(*self._block_dim))[::-1]
        self.waiting: list[Runner] = []  # at the barrier
        self.error: BaseException | None = None
        self._ready: list[Runner] = []  # past the barrier
        self._arguments = arguments
        self._over = Event()
        self.pass_on()
        try:
            while not self._over.wait(POLL):
                pass
        except BaseException:  # Ctrl-C
            self._give_up(_Abandoned())
            self._over.wait()
            raise
        if self.error:
            raise self.error

    def number(self, index: Any) -> int:
        """The thread's number in its block."""
        x, y, _ = self._block_dim
        return index.x + x * (index.y + y * index.z)

    def attempt(self, thread: Runner) -> None:
        """Run the thread that `thread` is now; where it fails, the others are abandoned."""
        try:
            self._f(*self._arguments)
        except _Abandoned:
            pass
        except Exception as error:  # noqa: BLE001  # `run` raises it
            error.add_note(f"in thread {list(thread.threadIdx)} of block {list(thread.blockIdx)}")
            self._give_up(error)

    def pass_on(self) -> None:
        """Give the turn to a thread that has not begun, or to one that is past the barrier, or end."""
        if self.fresh:
            (_idle.pop() if _idle else Runner()).begin(self)
            return
        if not self._ready:
            self._ready, self.waiting = self.waiting, self._ready
        if self._ready:
            self._ready.pop().go_on()
        else:
            self._over.set()

    def _give_up(self, error: BaseException) -> None:
        self.error = self.error or error
        self.fresh = []


_idle: list[Runner] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # they are the parent's


def shared_array(shared: Any, shape: Any, dtype: Any) -> Any:
    """The array in shared memory that the line of the caller stands for; Numba would read the file of each caller."""
    here = currentframe()
    assert here is not None
    assert here.f_back is not None
    caller = here.f_back
    place = caller.f_code.co_filename, caller.f_lineno
    if place not in shared._allocations:
        given = api.numpy_support.as_dtype(dtype) if isinstance(dtype, api.types.Type) else dtype
        shared._allocations[place] = np.empty(shape, given)
    return shared._allocations[place]


def take_turns() -> None:
    """Have the simulator's threads take turns, in this process."""
    simulator.BlockManager = Block
    api.FakeCUDAShared.array = shared_array
