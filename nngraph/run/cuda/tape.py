"""The tape of a CUDA device: steps are launched one after the other, a few ahead of the device.

Once a kernel has written the error word all later ones do nothing, so that states stay as they were before the step
that failed; the host sees it when it next looks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from nngraph.errors import DeviceError, ExecutionError
from nngraph.run.cuda.device import Device, Event, Launch
from nngraph.run.cuda.memory import DeviceMemory
from nngraph.run.cuda.streamed import STEPS, Step, Streamed
from nngraph.run.program import Segment
from nngraph.run.tape import Outcome, Reason, Running, nothing
from nngraph_kernels import tape_layout as layout

AHEAD: Final = 2 * STEPS  # steps that are launched before the first of them is known to be done

Copy = tuple[int, np.ndarray[Any, Any]]  # an offset in bytes on the device, and an array of the host


@dataclass(slots=True, eq=False, weakref_slot=True)
class CudaProgram:
    """A bound program.

    Attributes
    ----------
    launches : list of Launch
    places : dict of int to int
        By where its arguments lie in the table of words, the number of each launch.
    rows : int
        Of a batch.
    writes : bool
        Whether it writes states.
    inputs, outputs : list of (int, ndarray)
        What is copied to the device before a run, and back after it.
    feed : list of (device array, ndarray)
        What is brought to the device before every run: arrays that change from run to run.
    ring : (device array, ndarray) or None
        What the program leaves numbers in, and where they belong.
    streamed : Streamed or None
        Data that does not fit on the device.
    """

    launches: list[Launch]
    places: dict[int, int]
    rows: int
    writes: bool
    inputs: list[Copy] = field(default_factory=list[Copy])
    outputs: list[Copy] = field(default_factory=list[Copy])
    feed: list[tuple[Any, np.ndarray[Any, Any]]] = field(default_factory=list[Any])
    ring: tuple[Any, np.ndarray[Any, Any]] | None = None
    streamed: Streamed | None = None
    step: Callable[[], None] | None = None

    def close(self) -> None:
        """Let go of the memory that it works on: it cannot be run any more."""
        self.launches.clear()
        self.step = None


class CudaTape:
    """Runs segments of programs, one run at a time; what it offers is what `nngraph.run.tape.Tape` does.

    Parameters
    ----------
    device : Device
    memory : DeviceMemory
        What the programs work on.
    """

    def __init__(self, device: Device, memory: DeviceMemory) -> None:
        self.device, self.memory = device, memory
        self.control = np.zeros(layout.CONTROL_WORDS, np.int64)
        self.words = device.array(self.control)
        self.progress = device.shared(1, np.int64)  # the number of finished steps
        self.busy = threading.Lock()
        self.writes = 0

    @property
    def step(self) -> int:
        """Finished steps, across runs; it may be set between runs."""
        return int(self.control[layout.STEP])

    @step.setter
    def step(self, value: int) -> None:
        self.control[layout.STEP] = value

    def ready(self, segments: Sequence[Segment], threads: int = 1) -> CudaReady:
        """All that can be done before a run, for one that is repeated."""
        return CudaReady(self, segments)

    def run(self, segments: Sequence[Segment], threads: int = 1) -> Outcome:
        """Run on the calling thread."""
        return self.ready(segments).run()

    def start(self, segments: Sequence[Segment], threads: int | None = None) -> Running:
        """Run on another thread; the calling thread can be interrupted."""
        return Running(self.ready(segments))


class CudaReady:
    """Segments, to be run any number of times."""

    def __init__(self, tape: CudaTape, segments: Sequence[Segment]) -> None:
        self.tape = tape
        self.first_step = 0
        self._segments = tuple(segments)
        self._programs: list[CudaProgram] = list({id(s.program): s.program for s in segments}.values())

    @property
    def control(self) -> np.ndarray[Any, Any]:
        """The tape's control block, as the host knows it."""
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
        tape = self.tape
        if not tape.busy.acquire(blocking=False):
            raise ExecutionError("this tape is running already; wait for it, or stop it, first")
        try:
            self.first_step = tape.step
            tape.control[layout.STOP] = tape.control[layout.ERROR] = tape.control[layout.SEGMENT] = 0
            prepare()
        except BaseException:
            tape.busy.release()
            raise

    def finish(self) -> Outcome:
        """Do the run, and give the tape back."""
        try:
            return self._run()
        except DeviceError:
            raise
        except Exception as error:
            said = str(error).partition("\n")[0]
            raise DeviceError(f"device: {type(error).__name__} on {self.tape.device.name}: {said}") from error
        finally:
            self.tape.busy.release()

    def _run(self) -> Outcome:
        tape = self.tape
        tape.memory.send()
        for program in self._programs:
            self._prepare(program)
        if any(program.writes for program in self._programs):
            tape.writes += 1
            tape.memory.written()
        tape.device.upload(tape.words, 0, tape.control)
        tape.progress[0] = tape.step
        for streamed, steps in self._streamed():
            streamed.begin(steps)
        stopped = self._launch()
        tape.device.wait()
        tape.device.download(tape.words, 0, tape.control)
        for program in self._programs:
            self._collect(program)
        return self._outcome(stopped)

    def _prepare(self, program: CudaProgram) -> None:
        tape, device = self.tape, self.tape.device
        if not program.launches:
            raise ValueError("a program was bound to memory that is not there any more")
        if program.step is None:
            tape.control[layout.ERROR] = 1  # before the graph is taken down kernels are launched, and do nothing
            device.upload(tape.words, 0, tape.control)
            program.step = device.step(program.launches)
            device.wait()
            tape.control[layout.ERROR] = 0
        for start, array in program.inputs:  # not before: a library's products are done, whatever the error word says
            device.upload(tape.memory.block, start, array.reshape(-1).view(np.uint8))
        for target, array in program.feed:
            device.upload(target, 0, array)

    def _streamed(self) -> list[tuple[Streamed, list[Step]]]:
        """What comes in pieces, with the steps that take it: where their rows begin in the order, and how many."""
        found: dict[Streamed, list[Step]] = {}
        cursor = int(self.tape.control[layout.CURSOR])
        for segment in self._segments:
            program: CudaProgram = segment.program
            cursor = segment.cursor if segment.cursor >= 0 else cursor
            steps = [(cursor + k * program.rows, program.rows) for k in range(segment.steps)]
            if program.streamed:
                found.setdefault(program.streamed, []).extend(steps)
            cursor += segment.steps * program.rows
        return list(found.items())

    def _launch(self) -> bool:
        """Launch all steps, unless the run fails or is stopped; whether it was stopped."""
        tape, marks, number = self.tape, deque[tuple[int, Event]](), self.first_step
        for segment in self._segments:
            if segment.cursor >= 0:
                tape.device.upload(tape.words, layout.CURSOR, np.array([segment.cursor], np.int64))
            for _ in range(segment.steps):
                if tape.control[layout.STOP]:
                    return True
                self._step(segment.program)
                number += 1
                marks.append((number, tape.device.event()))
                if len(marks) == AHEAD and not self._has_done(*marks.popleft(), segment.program):
                    return False
        return False

    def _step(self, program: CudaProgram) -> None:
        assert program.step
        if program.streamed:
            program.streamed.before()
        program.step()
        if program.streamed:
            program.streamed.after()

    def _has_done(self, number: int, event: Event, program: CudaProgram) -> bool:
        """Whether the step of this number, which the device is past, was done: no kernel has failed."""
        event.sync()
        self.tape.control[layout.STEP] = done = self.tape.progress[0]
        self._look(program)
        return done >= number

    def _look(self, program: CudaProgram) -> None:
        """Bring the numbers that steps have left so far to where they are looked at."""
        if program.ring:
            own, ring = program.ring
            ring.reshape(-1)[...] = own

    def _collect(self, program: CudaProgram) -> None:
        for start, array in program.outputs:
            self.tape.device.download(self.tape.memory.block, start, array.reshape(-1).view(np.uint8))
        self._look(program)

    def _outcome(self, stopped: bool) -> Outcome:
        control = self.tape.control
        steps, error = self.tape.step - self.first_step, int(control[layout.ERROR])
        reason: Reason = "failed" if error else "stopped" if stopped else "done"
        place, left = 0, steps
        while place < len(self._segments) - 1 and left >= self._segments[place].steps:
            left -= self._segments[place].steps
            place += 1
        call = self._segments[place].program.places[int(control[layout.ERROR_CALL])] if error else -1
        return Outcome(steps, reason, error, place, call)
