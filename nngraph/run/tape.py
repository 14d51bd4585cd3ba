"""The tape that runs bound programs through the native driver.

The driver (``nngraph_kernels.tape``) is a kernel like any other: its source is compiled, cached and loaded
with those of the program, and its address is given to `Tape`.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

import numpy as np

from nngraph.cores import available_cores
from nngraph.errors import ExecutionError
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Segment, Words
from nngraph.run.threads import Task, submit
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.record import record

DRIVER_NAME: Final = "ng_drive"
DRIVER_SOURCE: Final = '''"""The driver of every program; see nngraph_kernels/tape.py."""

from nngraph_kernels.tape import drive


def ng_drive(args, thread, threads):
    drive(args, thread, threads)
'''
EXIT_SECONDS: Final = 10.0  # for the calls that run when the interpreter exits
_Entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
Reason = Literal["done", "stopped", "failed"]
_REASONS: Final[dict[int, Reason]] = {
    layout.DONE: "done",
    layout.STOPPED: "stopped",
    layout.FAILED: "failed",
}


@record
class Outcome:
    """How a run ended: its finished steps, why it left, and what a failed call reported.

    Attributes
    ----------
    steps : int
        Steps finished in this run.
    reason : {"done", "stopped", "failed"}
    error : int
        The code that a kernel wrote, 0 unless the run failed.
    segment, call : int
        Where the run left; ``call`` is the index of the failed call in its program.
    """

    steps: int
    reason: Literal["done", "stopped", "failed"]
    error: int
    segment: int
    call: int


class Tape:
    """Runs segments of programs, one run at a time.

    Parameters
    ----------
    driver : int
        Address of the compiled driver.
    """

    def __init__(self, driver: int) -> None:
        self._driver = _Entry(driver)
        words = aligned_zeros(layout.CONTROL_WORDS, np.int64)
        self._address = words.ctypes.data
        self._control: memoryview[int] = words.data  # NumPy takes three times as long for one word
        self._busy = threading.Lock()

    @property
    def step(self) -> int:
        """Finished steps, across runs; it may be set between runs."""
        return self._control[layout.STEP]

    @step.setter
    def step(self, value: int) -> None:
        self._control[layout.STEP] = value

    @property
    def step_address(self) -> int:
        """Address of the number of finished steps, for the argument slots of kernels."""
        return self._address + 8 * layout.STEP

    @property
    def cursor_address(self) -> int:
        """Address of the first row of the current batch within the order of the data."""
        return self._address + 8 * layout.CURSOR

    @property
    def error_address(self) -> int:
        """Address of the word where a kernel writes a code that is not 0 to end the run."""
        return self._address + 8 * layout.ERROR

    def run(self, segments: Sequence[Segment], threads: int = 1, prepare: Callable[[], None] | None = None) -> Outcome:
        """Run on the calling thread, and on others beside it if ``threads`` is more than 1.

        `prepare` is called before, when no other run can begin or be under way.
        """
        running = Running(self._driver, self._control, self._address, self._busy, segments, threads)
        try:
            if prepare:
                prepare()
            running.begin(first=1)
        except BaseException:
            running.abandon()
            raise
        try:
            running.enter(0)
        finally:  # Ctrl-C comes when native code returns: the run is over, and the next must be possible
            running.leave()
            running.wait()
        return running.outcome

    def start(self, segments: Sequence[Segment], threads: int | None = None) -> Running:
        """Run on other threads; the calling thread enters no native code and can be interrupted."""
        count = available_cores() if threads is None else threads
        running = Running(self._driver, self._control, self._address, self._busy, segments, count)
        running.begin(first=0)
        return running


class Running:
    """A run of a tape: made by `Tape.start`, and over when all its threads have left."""

    def __init__(
        self,
        driver: Callable[[int, int, int], None],
        control: memoryview[int],
        address: int,
        busy: threading.Lock,
        segments: Sequence[Segment],
        threads: int,
    ) -> None:
        if not busy.acquire(blocking=False):
            raise ExecutionError("this tape is running already; wait for it, or stop it, first")
        self._driver, self._control, self._busy = driver, control, busy
        self._segments = tuple(segments)
        self._threads = min(max(1, threads), layout.THREADS) if any(s.program.parallel for s in self._segments) else 1
        self._table = _segment_table(self._segments)
        self._arguments = np.array([address, self._table.ctypes.data, len(self._segments)], np.int64)
        self._block = self._arguments.ctypes.data
        self._first_step = control[layout.STEP]
        self._inside = self._threads
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._process = os.getpid()
        for word in (layout.STOP, layout.ERROR, layout.ERROR_CALL, layout.SEGMENT, layout.LEAVE):
            control[word] = 0
        control[layout.OFFER] = layout.NO_OFFER
        _live.add(self)

    def begin(self, first: int) -> None:
        if first == self._threads:
            return
        submit([Task(partial(self.enter, thread), self.leave) for thread in range(first, self._threads)])

    def abandon(self) -> None:
        """Let another run begin in place of this one, which has not."""
        _live.discard(self)
        self._busy.release()

    def enter(self, thread: int) -> None:
        self._driver(self._block, thread, self._threads)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
        self._outcome = self._read_outcome()
        self._busy.release()
        self._done.set()

    @property
    def steps_done(self) -> int:
        """Steps finished so far in this run."""
        return self.outcome.steps if self.done else self._control[layout.STEP] - self._first_step

    @property
    def done(self) -> bool:
        """Whether all threads have left."""
        return self._done.is_set()

    def stop(self) -> None:
        """Ask the threads to leave; they finish the current step, or discard it if it wrote no state yet."""
        if not self.done:
            self._control[layout.STOP] = 1

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over, at most ``timeout`` seconds; return whether it is."""
        if os.getpid() != self._process:
            raise ExecutionError("this run belongs to the parent of this process")
        return self._done.wait(timeout)

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""
        if not self.done:
            raise ExecutionError("this run is not over yet")
        return self._outcome

    def _read_outcome(self) -> Outcome:
        control = self._control
        return Outcome(
            steps=control[layout.STEP] - self._first_step,
            reason=_REASONS[control[layout.LEAVE]],
            error=control[layout.ERROR],
            segment=control[layout.SEGMENT],
            call=control[layout.ERROR_CALL if control[layout.ERROR] else layout.CALL],
        )


_live: weakref.WeakSet[Running] = weakref.WeakSet()


def _segment_table(segments: Sequence[Segment]) -> Words:
    rows: list[tuple[int, ...]] = [
        (p.address, len(p.table), segment.steps, p.rows, p.first_write, segment.cursor)
        for segment in segments
        for p in (segment.program,)
    ]
    return np.array(rows, np.int64)


@atexit.register
def _stop_all() -> None:
    """No thread may be in native code when the interpreter frees what it works on."""
    for running in list(_live):
        running.stop()
    limit = time.monotonic() + EXIT_SECONDS
    for running in list(_live):
        running.wait(max(0.0, limit - time.monotonic()))
