"""Memory is aligned, zero, and guarded where that is asked for."""

import subprocess
import sys

import numpy as np
import pytest

from nngraph.run.memory import ALIGNMENT, Arena, aligned_zeros


@pytest.mark.parametrize("shape", [1, 7, (3, 5)])
def test_aligned_zeros(shape: int | tuple[int, ...]) -> None:
    array = aligned_zeros(shape, np.float64)
    assert array.ctypes.data % ALIGNMENT == 0
    assert array.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert not array.any()


@pytest.mark.parametrize("guard", [False, True])
@pytest.mark.parametrize("nbytes", [0, 1, 64, 4096, 10_000])
def test_arena(guard: bool, nbytes: int) -> None:
    arena = Arena(nbytes, guard)
    assert arena.address % ALIGNMENT == 0
    assert arena.bytes.size == nbytes
    arena.bytes[:] = 1
    if nbytes >= 64:
        view = arena.view(16, (3, 4), np.float32)
        assert view.ctypes.data == arena.address + 16
        view[:] = 2.0
        assert arena.bytes[16:64].view(np.float32).tolist() == [2.0] * 12


@pytest.mark.parametrize("offset", ["-1", "arena.nbytes"])
def test_a_guard_page_ends_a_process_that_strays(offset: str) -> None:
    script = f"""
import ctypes
from nngraph.run.memory import Arena
arena = Arena(4096, guard=True)
arena.bytes[:] = 1
ctypes.memset(arena.address + {offset}, 1, 1)
"""
    path = ":".join(sys.path)
    result = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": path}, timeout=300)
    assert result.returncode < 0
