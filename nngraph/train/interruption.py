"""Ctrl-C while the tape runs: the run is stopped at once, and what follows sees a consistent state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Self

from nngraph.programs import Programs
from nngraph.run.program import Segment
from nngraph.run.tape import Outcome, Running


class Interruption:
    """What Ctrl-C does while a loop runs: it is noted, and the running tape is stopped.

    The loop asks `wanted` between runs. Within `at_once`, where code of the user runs, Ctrl-C raises as ever.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.running: Running | None = None
        self.immediate = False

    def __enter__(self) -> Self:
        self.mine = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self.mine:
            signal.signal(signal.SIGINT, self.note)
        return self

    def __exit__(self, *_: object) -> None:
        if self.mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def note(self, number: int, frame: FrameType | None) -> None:
        self.wanted = True
        if self.running is not None:
            self.running.stop()
        if self.immediate:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Generator[None]:
        self.immediate = True
        try:
            yield
        finally:
            self.immediate = False


def run_to_end(programs: Programs, segments: Sequence[Segment]) -> Outcome:
    """Run segments on the tape's threads while the caller waits.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, when the tape's threads have left.
    """
    running = programs.tape.start(segments, programs.thread_count)
    try:
        running.wait()
    except BaseException:
        running.stop()
        running.wait()
        raise
    return running.outcome
