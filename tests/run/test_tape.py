"""The tape makes the calls in order, on any number of threads, and leaves when it is told to."""

import time
from typing import Any

import numpy as np
import pytest

from nngraph.errors import ExecutionError
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Program, Segment, bind, pack_arguments
from nngraph.run.tape import DRIVER_NAME, Running, Tape

Call = tuple[str, bool, list[int | float]]
THREADS = pytest.mark.parametrize("threads", [1, 2, 4])
PATIENCE = 120.0  # seconds that a run may take on a busy machine


@pytest.fixture
def tape(kernels: dict[str, int]) -> Tape:
    return Tape(kernels[DRIVER_NAME])


@pytest.fixture
def program(kernels: dict[str, int]) -> Any:
    def make(calls: list[Call], **options: Any) -> Program:
        words, addresses = pack_arguments([arguments for _, _, arguments in calls])
        names, parallel = [kernels[name] for name, _, _ in calls], [parallel for _, parallel, _ in calls]
        return bind(names, addresses, parallel, keep=words, **options)

    return make


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)


def test_arguments_are_packed_in_slots() -> None:
    words, addresses = pack_arguments([[1, -2], [], [0.5, 3]])
    assert words.tolist()[:2] == [1, -2]
    assert words.view(np.float64)[2] == 0.5
    assert words[3] == 3
    assert (addresses - words.ctypes.data).tolist() == [0, 16, 16]
    assert pack_arguments([])[1].size == 0


@THREADS
@pytest.mark.parametrize("background", [False, True])
def test_makes_the_calls_in_order(tape: Tape, program: Any, threads: int, background: bool) -> None:
    log, sums = aligned_zeros(100, np.int64), aligned_zeros(2, np.int64)
    single = [("ng_watch_write", False, [log.ctypes.data, k]) for k in range(3)]
    parallel = ("ng_watch_add", True, [sums.ctypes.data])
    bound = program([single[0], parallel, parallel, *single[1:], parallel])
    segments = [Segment(bound, 7)]
    if background:
        running = tape.start(segments, threads)
        assert running.wait(PATIENCE)
        outcome = running.outcome
    else:
        outcome = tape.run(segments, threads)
    assert (outcome.steps, outcome.reason, outcome.error) == (7, "done", 0)
    assert log[: log[0] + 1].tolist() == [21, *[0, 1, 2] * 7]
    assert sums.tolist() == [21 * sum(range(1, threads + 1)), 21 * threads * threads]


@THREADS
def test_a_parallel_call_sees_all_of_the_one_before(tape: Tape, program: Any, threads: int) -> None:
    length, steps = 1000, 300
    done = aligned_zeros(2 * length, np.int64)
    share = ("ng_watch_share", True, [done.ctypes.data, length])
    rotate = ("ng_watch_rotate", True, [done.ctypes.data, length])
    tape.run([Segment(program([share, rotate]), steps // 2)] * 2, threads)
    expected, other = np.zeros((2, length), np.int64)
    for _ in range(steps):  # both wrap around as 64-bit words do
        expected += other + np.arange(length)
        other = np.roll(expected, -length // 2)
    assert done[:length].tolist() == expected.tolist()


@THREADS
def test_segments_move_the_cursor_and_count_steps(tape: Tape, program: Any, threads: int) -> None:
    cursors, steps = aligned_zeros(20, np.int64), aligned_zeros(20, np.int64)
    calls = [
        ("ng_watch_copy", False, [cursors.ctypes.data, tape.cursor_address]),
        ("ng_watch_copy", False, [steps.ctypes.data, tape.step_address]),
        ("ng_watch_add", True, [aligned_zeros(2, np.int64).ctypes.data]),
    ]
    full, ragged = program(calls, rows=32), program(calls, rows=5)
    tape.step = 100
    epoch = [Segment(full, 3, cursor=0), Segment(ragged, 1)]
    outcome = tape.run([*epoch, *epoch], threads)
    assert outcome.steps == 8
    assert cursors[1:9].tolist() == [0, 32, 64, 96] * 2
    assert steps[1:9].tolist() == list(range(100, 108))
    assert tape.step == 108


@THREADS
@pytest.mark.parametrize("writes_first", [False, True])
def test_a_stop_discards_a_step_that_wrote_no_state(tape: Tape, program: Any, threads: int, writes_first: bool) -> None:
    log, gate, sums = (aligned_zeros(10, np.int64) for _ in range(3))
    hold = ("ng_watch_hold", False, [gate.ctypes.data])
    write = ("ng_watch_write", False, [log.ctypes.data, 1])
    parallel = ("ng_watch_add", True, [sums.ctypes.data])
    calls = [write, hold, parallel, write] if writes_first else [parallel, hold, parallel, write]
    running = tape.start([Segment(program(calls, first_write=0 if writes_first else 3), 1000)] * 2, threads)
    until(lambda: gate[0])
    running.stop()
    assert not running.wait(0.05)
    gate[1] = 1
    assert running.wait(PATIENCE)
    assert running.outcome.reason == "stopped"
    assert running.steps_done == (1 if writes_first else 0)
    assert log[0] == (2 if writes_first else 0)
    assert tape.run([Segment(program([parallel]), 3)], threads).reason == "done"


@THREADS
def test_a_stop_of_single_calls(tape: Tape, program: Any, threads: int) -> None:
    log, gate = aligned_zeros(10, np.int64), aligned_zeros(10, np.int64)
    hold = ("ng_watch_hold", False, [gate.ctypes.data])
    write = ("ng_watch_write", False, [log.ctypes.data, 1])
    parallel = ("ng_watch_add", True, [aligned_zeros(10, np.int64).ctypes.data])
    running = tape.start([Segment(program([hold, write, write, parallel], first_write=2), 5)], threads)
    until(lambda: gate[0])
    running.stop()
    gate[1] = 1
    assert running.wait(PATIENCE)
    assert (running.outcome.reason, running.steps_done, log[0]) == ("stopped", 0, 0)


@THREADS
@pytest.mark.parametrize("parallel", [False, True])
def test_an_error_ends_the_run_and_names_the_call(tape: Tape, program: Any, threads: int, parallel: bool) -> None:
    log, sums = aligned_zeros(100, np.int64), aligned_zeros(2, np.int64)
    culprit = threads - 1 if parallel else 0
    calls = [
        ("ng_watch_add", True, [sums.ctypes.data]),
        ("ng_watch_write", False, [log.ctypes.data, 1]),
        ("ng_watch_fail", parallel, [tape.error_address, tape.step_address, 12, culprit, 77]),
        ("ng_watch_write", False, [log.ctypes.data, 2]),
        ("ng_watch_add", True, [sums.ctypes.data]),
    ]
    bound = program(calls)
    outcome = tape.run([Segment(bound, 10), Segment(bound, 10), Segment(bound, 10)], threads)
    assert (outcome.reason, outcome.error, outcome.segment, outcome.call, outcome.steps) == (
        "failed",
        77,
        1,
        2,
        12,
    )
    assert log[: log[0] + 1].tolist() == [25, *[1, 2] * 12, 1]
    tape.step = 0
    assert tape.run([Segment(bound, 1)], threads).reason == "done"


@THREADS
@pytest.mark.parametrize("factors", [(2.0**-1000, 2.0**-60), (2.0**-1060, 2.0**60)])
def test_subnormals_are_zero_inside_only(tape: Tape, program: Any, threads: int, factors: tuple[float, float]) -> None:
    products = aligned_zeros(8, np.float64) + 1
    bound = program([("ng_watch_product", True, [products.ctypes.data, *factors])])
    tape.run([Segment(bound, 1)], threads)
    assert products.tolist() == [0.0] * threads + [1.0] * (8 - threads)
    assert factors[0] * factors[1] > 0


def test_progress_is_visible_while_it_runs(tape: Tape, program: Any) -> None:
    sums = aligned_zeros(2, np.int64)
    running = tape.start([Segment(program([("ng_watch_add", False, [sums.ctypes.data])]), 10**12)], 1)
    until(lambda: running.steps_done > 1000)
    assert not running.done
    with pytest.raises(ExecutionError, match="running already"):
        tape.run([])
    with pytest.raises(ExecutionError, match="not over"):
        _ = running.outcome
    running.stop()
    assert running.wait(PATIENCE)
    assert running.steps_done == sums[1]
    running.stop()
    assert tape.run([]).reason == "done"


def test_two_tapes_run_beside_each_other(kernels: dict[str, int], program: Any) -> None:
    tapes = [Tape(kernels[DRIVER_NAME]) for _ in range(3)]
    sums = [aligned_zeros(2, np.int64) for _ in tapes]
    runs: list[Running] = []
    for tape, total in zip(tapes, sums, strict=True):
        bound = program([("ng_watch_add", True, [total.ctypes.data])])
        runs.append(tape.start([Segment(bound, 300)], 2))
    assert all(running.wait(PATIENCE) for running in runs)
    assert [total.tolist() for total in sums] == [[900, 1200]] * 3


def test_nothing_to_do(tape: Tape, program: Any) -> None:
    assert tape.run([Segment(program([]), 4)], 2).steps == 4
    assert tape.start([], 2).wait(PATIENCE)


def test_followers_stay_for_the_next_run_and_leave_when_none_comes(tape: Tape, program: Any) -> None:
    sums = aligned_zeros(2, np.int64)
    bound = program([("ng_watch_add", True, [sums.ctypes.data])])
    followers = tape.followers
    runs, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:  # on a busy machine they may have to wait for longer than they stay
        before = followers.submitted
        for _ in range(100):
            assert tape.run([Segment(bound, 1)], 3).steps == 1
        runs += 100
        if followers.submitted - before < 30:
            break
    assert followers.submitted >= 2
    assert followers.submitted - before < 30  # not two for each run
    until(lambda: followers.gone)
    before = followers.submitted
    assert tape.run([Segment(bound, 5)], 3).steps == 5
    assert followers.submitted == before + 2
    assert sums.tolist() == [(runs + 5) * (1 + 2 + 3), (runs + 5) * 9]


def test_followers_stay_while_a_run_goes_on(tape: Tape, program: Any) -> None:
    sums, gate = aligned_zeros(2, np.int64), aligned_zeros(2, np.int64)
    shared = program([("ng_watch_add", True, [sums.ctypes.data])])
    held = program([("ng_watch_hold", False, [gate.ctypes.data])])
    running = tape.start([Segment(shared, 1), Segment(held, 1), Segment(shared, 1)], 2)
    followers = tape.followers
    until(lambda: gate[0] == 1)
    time.sleep(0.2)  # ten times as long as they stay without a run
    assert not followers.gone
    gate[1] = 1
    assert running.wait(PATIENCE)
    until(lambda: followers.gone)
    assert followers.submitted == 1
    assert sums.tolist() == [6, 8]


def test_runs_of_different_numbers_of_threads_share_followers(tape: Tape, program: Any) -> None:
    sums = aligned_zeros(2, np.int64)
    bound = program([("ng_watch_add", True, [sums.ctypes.data])])
    wanted = np.zeros(2, np.int64)
    for k in range(200):
        threads = (2, 4, 1, 3)[k % 4]
        tape.run([Segment(bound, 2)], threads)
        wanted += 2 * np.array([sum(range(1, threads + 1)), threads * threads])
    assert sums.tolist() == wanted.tolist()


def test_runs_of_programs_that_write_states_are_counted(tape: Tape, program: Any) -> None:
    sums = aligned_zeros(2, np.int64)
    calls = [("ng_watch_add", False, [sums.ctypes.data])] * 2
    reading, writing = Segment(program(calls), 1), Segment(program(calls, first_write=1), 1)
    seen: list[int] = []
    for segments in ([reading], [writing], [reading, reading], [reading, writing], [writing, writing]):
        tape.run(segments)
        seen.append(tape.writes)
    assert seen == [0, 1, 1, 2, 3]
