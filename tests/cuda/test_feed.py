"""Batches brought in, numbers taken out, and steps counted, on the device."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.cpu.memory import NOT_FINITE
from tests.cuda.calls import call, hole


def at(step=0, cursor=0):
    control = np.zeros(layout.CONTROL_WORDS, np.int64)
    control[layout.STEP], control[layout.CURSOR] = step, cursor
    return control


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_load_batch(dtype, n):
    held = "uint8" if dtype == "bool" else dtype
    data = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 99, (20, n)).astype(held)
    order = np.random.default_rng(1).permutation(20).astype(np.int64)
    y = hole([6, n], held)
    call(Kernel("feed", ("load_batch", dtype)), [y], [], [6, n], (), [data.reshape(-1), order], at(cursor=11))
    np.testing.assert_array_equal(y, data[order[11:17]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_record(dtype):
    ring, kernel = np.zeros((4, 3)), Kernel("feed", ("record", dtype))
    for step, column in ((9, 2), (3, 0)):
        call(kernel, [], [np.array([step + 0.5], dtype)], [4, 3, column, 1], (), [ring.reshape(-1)], at(step))
    np.testing.assert_array_equal(ring, [[0, 0, 0], [0, 0, 9.5], [0, 0, 0], [3.5, 0, 0]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("checked", [0, 1])
def test_record_of_a_number_that_is_not_finite(value, checked):
    ring, control = np.zeros(2), at()
    kernel = Kernel("feed", ("record", "float32"))
    call(kernel, [], [np.array([value], np.float32)], [1, 2, 1, checked], (), [ring], control)
    np.testing.assert_array_equal(ring, [0, value])
    assert control[layout.ERROR] == (NOT_FINITE if checked else 0)
    assert control[layout.ERROR_CALL] == (2 if checked else 0)  # where the call's arguments begin


def test_advance():
    control, progress = at(7, 40), np.zeros(1, np.int64)
    call(Kernel("feed", ("advance", "int64")), [], [], [16], (), [progress], control)
    assert (control[layout.STEP], control[layout.CURSOR], progress[0]) == (8, 56, 8)


def test_nothing_is_done_after_an_error():
    control, progress = at(7, 40), np.zeros(1, np.int64)
    control[layout.ERROR] = NOT_FINITE
    call(Kernel("feed", ("advance", "int64")), [], [], [16], (), [progress], control)
    assert (control[layout.STEP], control[layout.CURSOR], progress[0]) == (7, 40, 0)
