"""A device's code on the processor."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("numba_cuda") is None, reason="numba-cuda is not installed"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
]
TOOL = Path(__file__).parents[2] / "tools" / "emulate_gpu.py"
KERNEL = """
import sys; sys.path.insert(0, {folder!r})
from emulated.plugin import Kernel, to_device
import numpy as np
from numba import cuda, float32, uint32
def turned(x, turn):
    shared = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    shared[i] = x[cuda.grid(1)]
    if {condition}:
        cuda.syncthreads()
    x[cuda.grid(1)] = shared[63 - i] + uint32(turn)
x = to_device(np.arange(128, dtype=np.float32))
Kernel(turned, 64)[2, 64](x, 1 << 32)
print(*x[:3], *x[64:66])
"""


def run(*command, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS": "0"} | variables
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)


def test_tests_for_a_device_run():
    done = run(str(TOOL), "-q", "-k", "kernel_is_the_reference and (relu-0 or softmax-0)")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("order", ["", "EMULATED_REVERSE"])
def test_threads_wait_for_each_other_and_integers_have_32_bits(order):
    done = run("-c", KERNEL.format(folder=str(TOOL.parent), condition="turn > 0"), **({order: "1"} if order else {}))
    assert done.stdout == "63.0 62.0 61.0 127.0 126.0\n", done.stderr


def test_a_barrier_that_some_threads_do_not_reach():
    done = run("-c", KERNEL.format(folder=str(TOOL.parent), condition="i < 32"))
    assert "AssertionError: turned: a barrier that not all threads of a block reach" in done.stderr
