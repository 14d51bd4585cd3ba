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
from typing import Any, Final, Literal, Protocol

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
_CLEARED: Final = (layout.STOP, layout.ERROR, layout.ERROR_CALL, layout.SEGMENT, layout.LEAVE)
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
        words = aligned_zeros(layout.CONTROL_WORDS, np.int64)
        words[layout.OFFER] = layout.NO_OFFER
        self.address = words.ctypes.data
        self.control: memoryview[int] = words.data  # NumPy takes three times as long for one word
        self.driver = _Entry(driver)
        self.busy = threading.Lock()
        self.writes = 0  # runs of programs that write states
        self.followers = Followers(self.driver, self.control, self.address)
        _tapes.add(self)

    @property
    def step(self) -> int:
        """Finished steps, across runs; it may be set between runs."""
        return self.control[layout.STEP]

    @step.setter
    def step(self, value: int) -> None:
        self.control[layout.STEP] = value

    @property
    def step_address(self) -> int:
        """Address of the number of finished steps, for the argument slots of kernels."""
        return self.address + 8 * layout.STEP

    @property
    def cursor_address(self) -> int:
        """Address of the first row of the current batch within the order of the data."""
        return self.address + 8 * layout.CURSOR

    @property
    def error_address(self) -> int:
        """Address of the word where a kernel writes a code that is not 0 to end the run."""
        return self.address + 8 * layout.ERROR

    def ready(self, segments: Sequence[Segment], threads: int = 1) -> Ready:
        """All that can be done before a run, for one that is repeated."""
        return Ready(self, segments, threads)

    def run(self, segments: Sequence[Segment], threads: int = 1) -> Outcome:
        """Run on the calling thread, and on others beside it if ``threads`` is more than 1."""
        return self.ready(segments, threads).run()

    def start(self, segments: Sequence[Segment], threads: int | None = None) -> Running:
        """Run on other threads; the calling thread enters no native code and can be interrupted."""
        return Running(self.ready(segments, available_cores() if threads is None else threads))


class Followers:
    """The threads that do pieces of a tape's calls; they stay for a while after a run."""

    def __init__(self, driver: Callable[[int, int, int], None], control: memoryview[int], address: int) -> None:
        self._driver, self._control, self._address = driver, control, address
        self._question, self._arguments = np.zeros(1, np.int64), np.array([address], np.int64)
        self._asked, self._block = self._question.ctypes.data, self._arguments.ctypes.data
        self.submitted = 0
        self.process = os.getpid()
        _followers.add(self)

    def wake(self, count: int) -> None:
        """See to it that so many are there. One may be about to leave: a run that is over soon can do without it."""
        if self.process != os.getpid() or self.submitted - self._control[layout.EXITS] < count:
            self.gather(count)

    def gather(self, count: int) -> None:
        """See to it that at least so many are there, and stay until the run ends that begins now."""
        if self.process != os.getpid():  # a forked child has none of its parent's threads
            self.process, self.submitted = os.getpid(), self._control[layout.EXITS]
        self._question[0] = self._address
        self._driver(self._asked, layout.BEGIN, 0)
        missing = count - (self.submitted - int(self._question[0]))
        if missing > 0:
            self.submitted += missing
            submit([Task(self._follow, nothing)] * missing)

    def dismiss(self) -> None:
        """Tell all to leave; no run may be under way, or begin any more."""
        self._control[layout.OFFER] = layout.GONE

    def _follow(self) -> None:
        self._driver(self._block, layout.FOLLOW, 0)

    @property
    def gone(self) -> bool:
        """Whether all have left."""
        return self.process != os.getpid() or self._control[layout.EXITS] >= self.submitted


def nothing() -> None:
    """What there is to do when a follower has left."""


class Ready:
    """Segments with their tables, to be run any number of times."""

    def __init__(self, tape: Tape, segments: Sequence[Segment], threads: int) -> None:
        self.tape = tape
        self._segments = tuple(segments)
        self._threads = min(max(1, threads), layout.THREADS) if any(s.program.parallel for s in self._segments) else 1
        self._table = _segment_table(self._segments)
        self._arguments = np.array([tape.address, self._table.ctypes.data, len(self._segments)], np.int64)
        self._block = self._arguments.ctypes.data
        self.first_step = 0
        self._writes = any(s.program.first_write < len(s.program.table) for s in self._segments)
        steps = sum(segment.steps for segment in self._segments)
        last = len(self._segments[-1].program.table) - 1 if self._segments else 0
        self._done = Outcome(steps, "done", 0, len(self._segments) - 1, last)
        self._call = tape.followers.gather if steps > 1 else tape.followers.wake

    @property
    def control(self) -> memoryview[int]:
        """The tape's control block."""
        return self.tape.control

    def run(self, prepare: Callable[[], None] = nothing) -> Outcome:
        """Run on the calling thread; `prepare` is called before, when no other run can begin or be under way."""
        self.begin(prepare)
        return self.finish()

    def begin(self, prepare: Callable[[], None] = nothing) -> None:
        """Take the tape; what comes next must be `finish`.

        Raises
        ------
        ExecutionError
            If another run is under way.
        """
        if not self.tape.busy.acquire(blocking=False):
            raise ExecutionError("this tape is running already; wait for it, or stop it, first")
        control = self.tape.control
        try:
            self.tape.writes += self._writes
            self.first_step = control[layout.STEP]
            for word in _CLEARED:
                control[word] = 0
            prepare()
            if self._threads > 1:
                self._call(self._threads - 1)
        except BaseException:
            control[layout.WANTED] = 0
            self.tape.busy.release()
            raise

    def finish(self) -> Outcome:
        """Lead the run, and give the tape back."""
        try:
            self.tape.driver(self._block, layout.LEAD, self._threads)
        finally:  # Ctrl-C comes when native code returns: the run is over, and the next must be possible
            outcome = self._outcome()
            self.tape.busy.release()
        return outcome

    def _outcome(self) -> Outcome:
        control = self.tape.control
        if control[layout.LEAVE] == layout.DONE:
            return self._done
        return Outcome(
            steps=control[layout.STEP] - self.first_step,
            reason=_REASONS[control[layout.LEAVE]],
            error=control[layout.ERROR],
            segment=control[layout.SEGMENT],
            call=control[layout.ERROR_CALL if control[layout.ERROR] else layout.CALL],
        )


class Runnable(Protocol):
    """Segments that are ready to run: `Ready`, or what a device has in its stead."""

    first_step: int

    @property
    def control(self) -> Any:
        """The words in which a run says how far it is, and is told to stop."""
        ...

    def begin(self) -> None: ...

    def finish(self) -> Outcome: ...


class Running:
    """A run on other threads: made by `Tape.start`, and over when its leader has left."""

    def __init__(self, ready: Runnable) -> None:
        self._ready = ready
        self._control = ready.control
        self._done = threading.Event()
        self._process = os.getpid()
        self._error: Exception | None = None
        ready.begin()
        submit([Task(self._lead, self._done.set)])

    def _lead(self) -> None:
        try:
            self._outcome = self._ready.finish()
        except Exception as error:  # noqa: BLE001  # whoever asks for the outcome is told
            self._error = error

    @property
    def steps_done(self) -> int:
        """Steps finished so far in this run."""
        return (
            self.outcome.steps if self.done and not self._error else self._control[layout.STEP] - self._ready.first_step
        )

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
        if self._error:
            raise self._error
        return self._outcome


_tapes: weakref.WeakSet[Tape] = weakref.WeakSet()
_followers: weakref.WeakSet[Followers] = weakref.WeakSet()  # some are there longer than their tape


def _segment_table(segments: Sequence[Segment]) -> Words:
    rows: list[tuple[int, ...]] = [
        (p.address, len(p.table), segment.steps, p.rows, p.first_write, segment.cursor)
        for segment in segments
        for p in (segment.program,)
    ]
    return np.array(rows, np.int64)


@atexit.register
def _stop_all() -> None:
    """No thread may be in native code when the interpreter frees what it works on, and none may enter it again."""
    tapes = [tape for tape in list(_tapes) if tape.followers.process == os.getpid()]
    for tape in tapes:
        tape.control[layout.STOP] = 1
    limit = time.monotonic() + EXIT_SECONDS
    for tape in tapes:
        tape.busy.acquire(timeout=max(0.0, limit - time.monotonic()))
    left = list(_followers)
    for followers in left:
        followers.dismiss()
    while time.monotonic() < limit and not all(followers.gone for followers in left):
        time.sleep(1e-4)
