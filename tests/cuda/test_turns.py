"""The simulator's threads take turns: barriers hold, missing ones show, and what fails leaves nothing behind."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from numba import cuda, float64

from nngraph.run.cuda.device import device

LANES = 8


def launch(function, array, blocks=1, threads=LANES):
    """What the kernel leaves in its array."""
    there = device().array(array)
    device().compiled(function, LANES)[blocks, threads](there)
    return there.copy_to_host()


def rotate(found):
    row = cuda.shared.array(8, float64)
    lane = cuda.threadIdx.x
    for step in range(3):
        row[lane] = found[lane] + step
        cuda.syncthreads()
        found[lane] = row[(lane + 1) % 8]
        cuda.syncthreads()


def read_left_at_once(found):
    lane, blocks = cuda.threadIdx.x, len(found) // 8
    for k in range(blocks):
        found[8 * k + lane] = lane
        found[8 * k + lane] += found[8 * k + (lane - 1) % 8]
        cuda.syncthreads()


def read_right_at_once(found):
    lane, blocks = cuda.threadIdx.x, len(found) // 8
    for k in range(blocks):
        found[8 * k + lane] = lane
        found[8 * k + lane] += found[8 * k + (lane + 1) % 8]
        cuda.syncthreads()


def fail(found):
    lane = cuda.threadIdx.x
    cuda.syncthreads()
    if lane == 5:
        raise ValueError("what it was")
    cuda.syncthreads()
    found[lane] = 1


def end_early(found):
    lane = cuda.threadIdx.x
    if lane % 2:
        return
    cuda.syncthreads()
    found[lane + 8 * cuda.blockIdx.x] = cuda.blockIdx.x + 1


def count(found):
    found[cuda.threadIdx.x] = cuda.syncthreads_count(cuda.threadIdx.x < 3) + 10 * cuda.syncthreads_or(False)


def number(found):
    found[cuda.threadIdx.x, cuda.threadIdx.y] = cuda.laneid


def take_logarithm(found):
    found[cuda.threadIdx.x] = np.log(found[cuda.threadIdx.x])


def test_barriers_hold():
    found = launch(rotate, np.arange(LANES, dtype=float))
    np.testing.assert_array_equal(found, (np.arange(LANES) + 3) % LANES + 3)


@pytest.mark.parametrize("function", [read_left_at_once, read_right_at_once])
def test_a_missing_barrier_shows_on_either_side(function):
    """What a neighbor writes is there, or not yet: they go on in the one order, then in the other."""
    one, other = launch(function, np.full(2 * LANES, 100.0)).reshape(2, LANES)
    assert (one > 100).sum() != (other > 100).sum()


def test_a_failure_is_told_and_the_others_are_abandoned():
    before = np.zeros(LANES)
    for _ in range(2):
        with pytest.raises(ValueError, match="^what it was") as raised:
            launch(fail, before)
        assert raised.value.__notes__ == ["in thread [5, 0, 0] of block [0, 0, 0]"]
    assert launch(count, before).tolist() == [3] * LANES


def test_those_that_have_ended_are_not_waited_for():
    found = launch(end_early, np.zeros(3 * LANES), blocks=3).reshape(3, LANES)
    np.testing.assert_array_equal(found, [[k, 0] * (LANES // 2) for k in (1, 2, 3)])


def test_threads_are_numbered():
    there = cuda.to_device(np.zeros((4, 2)))
    device().compiled(number, LANES)[1, (4, 2)](there)
    np.testing.assert_array_equal(there.copy_to_host(), np.arange(8).reshape(2, 4).T)


def test_numbers_that_are_not_finite_are_no_warnings():
    assert launch(take_logarithm, np.array([-1.0, 0.0]), threads=2)[1] == -np.inf


def test_python_threads_are_lent_again():
    launch(rotate, np.zeros(LANES))
    there = threading.active_count()
    launch(rotate, np.zeros(LANES))
    launch(end_early, np.zeros(3 * LANES), blocks=3)
    assert threading.active_count() == there


def test_an_interruption_ends_the_launch():
    def interrupt(found):
        if cuda.threadIdx.x == 2:
            os.kill(os.getpid(), signal.SIGINT)
            while not threading.current_thread()._manager.error:
                time.sleep(0.001)
        found[cuda.threadIdx.x] = 1
        cuda.syncthreads()
        found[cuda.threadIdx.x] = 2

    found = device().array(np.zeros(LANES))
    with pytest.raises(KeyboardInterrupt):
        device().compiled(interrupt, LANES)[1, LANES](found)
    assert 2 not in found.copy_to_host()
    assert launch(count, np.zeros(LANES))[0] == 3
