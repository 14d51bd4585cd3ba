"""Where the time of a network's step goes: its calls in the run itself, each between two readings of the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from nngraph.bench.peaks import Peaks
from nngraph.bench.timing import RUN_SECONDS, RUNS
from nngraph.compiler import Purpose
from nngraph.domains import random_inputs
from nngraph.emit.source import kernel_source
from nngraph.errors import ExecutionError
from nngraph.ir.program import KernelCall
from nngraph.ir.types import evaluate
from nngraph.programs import Bound, Programs, scalar_outputs, scheduled
from nngraph.run.feed import Feed
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Program, Segment, bind, pack_arguments
from nngraph.run.tape import Outcome
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.record import record

CLOCK_NAME: Final = "ng_clock"
CLOCK_SOURCE: Final = '''"""Notes when a step has come so far, as a struct timespec."""

from nngraph_kernels.clock import MONOTONIC, clock_gettime
from nngraph_kernels.simd import integer, pointer


def ng_clock(args, thread, threads):
    step = pointer(args, 0, "int64")
    times = integer(args, 1)
    reading = integer(args, 2)
    readings = integer(args, 3)
    steps = integer(args, 4)
    clock_gettime(MONOTONIC, times + 16 * (step[0] % steps * readings + reading))
'''
FEWEST, MOST, SECONDS = 20, 500, 1.0  # steps that are timed, and about how long that may take
WARM_UP: Final = 3


@record
class CallTime:
    """A call of a program, timed.

    Attributes
    ----------
    number : int
        Its place in the schedule.
    kernel : str
        The function's name in the emitted source.
    family : str
    nodes : tuple of str
        Ids of the nodes that it computes.
    shape : tuple of int
        Of its first result.
    threads : int
        On how many it runs.
    start, seconds : float
        Medians over the steps: since the step began, and how long.
    flops, traffic : int
        Operations, and bytes read and written.
    least : float
        Seconds at the roofline (S. Williams, A. Waterman, D. Patterson, 2009): the longer of what its operations
        take at the peak rate of multiply-adds, and its bytes at the rate of a triad over as many.
    """

    number: int
    kernel: str
    family: str
    nodes: tuple[str, ...]
    shape: tuple[int, ...]
    threads: int
    start: float
    seconds: float
    flops: int
    traffic: int
    least: float


@record
class Profile:
    """A step, call by call.

    Attributes
    ----------
    seconds : float
        Of a step without the clock: the best of several runs.
    steps : int
        How many were timed call by call.
    beside : float
        Seconds of a step that go to bringing the batch in, noting the loss, and copying new states onto old ones.
    """

    purpose: Purpose
    batch: int
    threads: int
    seconds: float
    steps: int
    calls: tuple[CallTime, ...]
    beside: float

    @property
    def least(self) -> float:
        """Seconds of a step whose calls all run at the roofline."""
        return sum(call.least for call in self.calls)


def profile(programs: Programs, purpose: Purpose, batch: int, seed: int = 0) -> Profile:
    """Time the calls of a step on random inputs.

    Parameters
    ----------
    programs : Programs
        With what the purpose needs; training changes its parameters.
    purpose : str
        As in `nngraph.compiler`.
    batch : int
    seed : int
        Of the inputs.

    Raises
    ------
    ExecutionError
        If a step fails.
    """
    feed = feed_of(programs, purpose, batch, seed)  # the program has its addresses
    bound = programs.current(purpose, batch, feed)
    programs.check(run(programs, bound.program, WARM_UP), purpose, bound)
    seconds = step_seconds(programs, bound.program)
    steps = max(FEWEST, min(MOST, int(SECONDS / seconds)))
    readings = clocked(programs, bound.program, steps)
    lengths = np.median(np.diff(readings, axis=1), axis=0).tolist()
    timed = tuple(timed_calls(programs, purpose, bound, readings, lengths))
    beside = sum(lengths) - sum(call.seconds for call in timed)
    return Profile(purpose, batch, programs.thread_count, seconds, steps, timed, beside)


def timed_calls(
    programs: Programs, purpose: Purpose, bound: Bound, readings: np.ndarray, lengths: list[float]
) -> Iterator[CallTime]:
    """The calls of the schedule, with the medians of when they began, and how long they took."""
    starts = np.median(readings[:, :-1] - readings[:, :1], axis=0).tolist()
    roofline, calls = Roofline(programs), scheduled(programs.compile(purpose)).calls
    launches = bound.program.table.tolist()
    # Launches behind the last call of the schedule have no origin.
    for number, (_, _, flags), start, seconds in zip(bound.origins, launches, starts, lengths, strict=False):
        if number >= 0:
            threads = programs.thread_count if flags & layout.PARALLEL else 1
            yield call_time(number, calls[number], bound.plan.batch, threads, start, seconds, roofline)


def feed_of(programs: Programs, purpose: Purpose, batch: int, seed: int) -> Feed:
    """The same random batch at each step."""
    inputs = scheduled(programs.compile(purpose)).graph.inputs
    drawn = random_inputs(programs.declared, programs.objective, inputs, batch, np.random.default_rng(seed))
    arrays = {value.name: np.ascontiguousarray(drawn[value.name], value.type.dtype) for value in inputs}
    columns = len(scalar_outputs(programs.compile(purpose)))
    return Feed(arrays, np.tile(np.arange(batch), MOST), np.zeros((1, columns)))


def run(programs: Programs, program: Program, steps: int) -> Outcome:
    programs.tape.step = 0
    return programs.tape.run([Segment(program, steps, cursor=0)], programs.thread_count)


def step_seconds(programs: Programs, program: Program) -> float:
    """Seconds of one step, in the best of several runs that are long enough for the clock."""

    def seconds_of(steps: int) -> float:
        begin = time.perf_counter()
        run(programs, program, steps)
        return (time.perf_counter() - begin) / steps

    steps = max(1, min(MOST, int(RUN_SECONDS / seconds_of(1))))
    return min(seconds_of(steps) for _ in range(RUNS))


def clocked(programs: Programs, program: Program, steps: int) -> np.ndarray:
    """Run a program with the clock read before each call and after the last: (steps, calls + 1) seconds."""
    times = aligned_zeros((steps, len(program.table) + 1, 2), np.int64)
    outcome = run(programs, between(programs, program, times), steps)
    if outcome.reason != "done":
        raise ExecutionError(
            f"step {outcome.steps + 1} of the measurement: the loss is not finite on random inputs; give the model a "
            "lower learning rate, or measure --purpose gradients"
        )
    return (times[..., 0] - times[0, 0, 0]) + 1e-9 * times[..., 1]


class Roofline:
    """What this machine does at most, with one thread or with all, whichever is faster."""

    def __init__(self, programs: Programs) -> None:
        self._peaks = [Peaks(programs.cache, programs.tape, count) for count in {1, programs.thread_count}]

    def least(self, dtype: str, flops: int, traffic: int) -> float:
        """Seconds that so many operations and bytes take at least."""
        rate = max(peaks.flops(dtype) for peaks in self._peaks)
        bandwidth = max(peaks.bandwidth(dtype, traffic) for peaks in self._peaks) if traffic else 1.0
        return max(flops / rate, traffic / bandwidth)


def call_time(
    number: int, call: KernelCall, batch: int, threads: int, start: float, seconds: float, roofline: Roofline
) -> CallTime:
    flops, traffic = evaluate(call.flops, batch), evaluate(call.traffic, batch)
    result = call.outputs[0].value.type
    dtype = result.dtype if result.dtype in ("float32", "float64") else "float32"
    return CallTime(
        number, kernel_source(call.kernel)[0], call.kernel.family, call.nodes, result.numpy_shape(batch), threads,
        start, seconds, flops, traffic, roofline.least(dtype, flops, traffic),
    )  # fmt: skip


def between(programs: Programs, program: Program, times: np.ndarray) -> Program:
    """A program with a reading of the clock before each of its calls and after the last."""
    steps, count, _ = times.shape
    clock = programs.cache.entries({CLOCK_NAME: CLOCK_SOURCE})[CLOCK_NAME]
    slots = [(programs.tape.step_address, times.ctypes.data, k, count, steps) for k in range(count)]
    words, addresses = pack_arguments(slots)
    kernels, blocks, shared = (np.zeros(2 * count - 1, np.int64) for _ in range(3))
    kernels[::2], blocks[::2] = clock, addresses
    kernels[1::2], blocks[1::2], shared[1::2] = program.table.T
    return bind(
        kernels, blocks, shared & layout.PARALLEL, rows=program.rows, first_write=2 * program.first_write,
        keep=(program, words, times),
    )  # fmt: skip
