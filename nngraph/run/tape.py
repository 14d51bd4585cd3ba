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
        words[layout.OFFER] = layout.NO_OFFER
        self._address = words.ctypes.data
        self._control: memoryview[int] = words.data  # NumPy takes three times as long for one word
        self._busy = threading.Lock()
        self._followers = Followers(self._driver, self._control, self._address)

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
        running = self._running(segments, threads)
        try:
            if prepare:
                prepare()
            running.begin()
        except BaseException:
            running.abandon()
            raise
        try:
            running.lead()
        finally:  # Ctrl-C comes when native code returns: the run is over, and the next must be possible
            running.end()
        return running.outcome

    def start(self, segments: Sequence[Segment], threads: int | None = None) -> Running:
        """Run on other threads; the calling thread enters no native code and can be interrupted."""
        running = self._running(segments, available_cores() if threads is None else threads)
        running.begin()
        submit([Task(running.lead, running.end)])
        return running

    def _running(self, segments: Sequence[Segment], threads: int) -> Running:
        if not self._busy.acquire(blocking=False):
            raise ExecutionError("this tape is running already; wait for it, or stop it, first")
        return Running(self._driver, self._control, self._address, self._busy, self._followers, segments, threads)


class Followers:
    """The threads that do pieces of a tape's calls; they stay for a while after a run."""

    def __init__(self, driver: Callable[[int, int, int], None], control: memoryview[int], address: int) -> None:
        self._driver, self._control = driver, control
        self._address = address
        self._question, self._arguments = np.zeros(1, np.int64), np.array([address], np.int64)
        self._asked, self._block = self._question.ctypes.data, self._arguments.ctypes.data
        self._submitted = 0
        self._process = os.getpid()
        _followers.add(self)

    def gather(self, count: int) -> None:
        """See to it that at least so many are there, and stay until the run ends that begins now."""
        if self._process != os.getpid():  # a forked child has none of its parent's threads
            self._process, self._submitted = os.getpid(), self._control[layout.EXITS]
        self._question[0] = self._address
        self._driver(self._asked, layout.BEGIN, 0)
        missing = count - (self._submitted - int(self._question[0]))
        if missing > 0:
            self._submitted += missing
            submit([Task(self._follow, nothing)] * missing)

    def _follow(self) -> None:
        self._driver(self._block, layout.FOLLOW, 0)

    def dismiss(self) -> None:
        """Tell all to leave; no run may be under way or begin any more."""
        self._control[layout.OFFER] = layout.GONE

    @property
    def gone(self) -> bool:
        return self._process != os.getpid() or self._control[layout.EXITS] >= self._submitted


def nothing() -> None:
    """What there is to do when a follower has left."""


class Running:
    """A run of a tape: made by `Tape.start`, and over when its leader has left."""

    def __init__(
        self,
        driver: Callable[[int, int, int], None],
        control: memoryview[int],
        address: int,
        busy: threading.Lock,
        followers: Followers,
        segments: Sequence[Segment],
        threads: int,
    ) -> None:
        self._driver, self._control, self._busy, self._followers = driver, control, busy, followers
        self._segments = tuple(segments)
        self._threads = min(max(1, threads), layout.THREADS) if any(s.program.parallel for s in self._segments) else 1
        self._table = _segment_table(self._segments)
        self._arguments = np.array([address, self._table.ctypes.data, len(self._segments)], np.int64)
        self._block = self._arguments.ctypes.data
        self._first_step = control[layout.STEP]
        self._done = threading.Event()
        self._process = os.getpid()
        for word in (layout.STOP, layout.ERROR, layout.ERROR_CALL, layout.SEGMENT, layout.LEAVE):
            control[word] = 0
        _live.add(self)

    def begin(self) -> None:
        if self._threads > 1:
            self._followers.gather(self._threads - 1)

    def abandon(self) -> None:
        """Let another run begin in place of this one, which has not."""
        _live.discard(self)
        self._control[layout.WANTED] = 0
        self._busy.release()

    def lead(self) -> None:
        self._driver(self._block, layout.LEAD, self._threads)

    def end(self) -> None:
        self._outcome = self._read_outcome()
        self._busy.release()
        self._done.set()

    @property
    def steps_done(self) -> int:
        """Steps finished so far in this run."""
        return self.outcome.steps if self.done else self._control[layout.STEP] - self._first_step

    @property
    def done(self) -> bool:
        """Whether it is over."""
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
_followers: weakref.WeakSet[Followers] = weakref.WeakSet()


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
    for followers in list(_followers):
        followers.dismiss()
    while time.monotonic() < limit and not all(followers.gone for followers in list(_followers)):
        time.sleep(1e-4)
