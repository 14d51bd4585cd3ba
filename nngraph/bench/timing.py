"""How long a program takes: the best of several runs, each long enough for the clock."""

from __future__ import annotations

import time
from typing import Final

from nngraph.run.program import Program, Segment
from nngraph.run.tape import Tape

RUN_SECONDS: Final = 0.02
RUNS: Final = 5


def seconds_of(tape: Tape, program: Program, threads: int, runs: int = RUNS) -> float:
    """Seconds of one step of `program`, in the best of `runs` runs."""
    steps = 1
    while (spent := run(tape, program, threads, steps)) < RUN_SECONDS:
        steps = max(steps + 1, min(100 * steps, int(steps * 1.2 * RUN_SECONDS / max(spent, 1e-9))))
    return min(spent, *(run(tape, program, threads, steps) for _ in range(runs - 1))) / steps


def run(tape: Tape, program: Program, threads: int, steps: int) -> float:
    begin = time.perf_counter()
    tape.run([Segment(program, steps)], threads)
    return time.perf_counter() - begin
