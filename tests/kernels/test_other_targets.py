"""The kernels' tests in a process that compiles for other processors: AVX2; and SSE2, without masks or fused steps."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

FOLDER = Path(__file__).parent
TARGETS = {
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
    "plain": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2"},
}
FILES = ("convolution", "depthwise", "examples", "math", "matmul", "mixing", "random", "simd")
# Of two files a part: every layout of a product, and the mixture that a depthwise convolution begins with.
CHOSEN = "not (test_matmul or test_depthwise) or any_shape or beyond or every_kind or (mixture and float64)"


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="names of x86 processors")
@pytest.mark.parametrize("target", TARGETS)
def test_kernels_pass_on(target):
    """All in one process: to start one, and to compile what all files need, took longer than some files."""
    assert config.CPU_NAME is None
    files = [str(FOLDER / f"test_{name}.py") for name in FILES]
    options = ["-q", "--numprocesses=0", "--dist=no", "-p", "no:cacheprovider", "-k", CHOSEN]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        env=os.environ | TARGETS[target],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert " passed" in run.stdout
