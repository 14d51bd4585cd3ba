"""Runs the tests for a CUDA device without one: the code that numba-cuda makes, on the processor.

    python tools/emulate_gpu.py [--reverse] [ARGUMENTS OF PYTEST]
    python tools/emulate_gpu.py -k "kernel_is_the_reference and softmax"

Numba's simulator interprets kernels as Python, whose integers never overflow and whose floats are all of 64 bits, with
a few threads of a block. Here it is numba-cuda's LLVM IR, typed as for a device, that is compiled for the processor and
run with all threads of a block, as fibers that change at barriers. A barrier that some threads never reach is an error,
and `--reverse` has threads and blocks take their turns from the last to the first, so that races come to light. The
driver, streams, graphs and what a device's compiler makes of the IR are not there. Needs Linux, numba-cuda
(`pip install "nngraph[cuda]"`) and a C compiler.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
WITHOUT = ("--deselect", "tests/cuda/test_gpu.py::test_kernels_from_disk_do_what_numbas_own_do")  # a driver's loader


def main(arguments: list[str]) -> int:
    """Run pytest with a device that is the emulator; return its exit status."""
    os.environ.pop("NUMBA_ENABLE_CUDASIM", None)
    os.environ["LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS"] = "0"  # as the LLVM of today reads it
    if "--reverse" in arguments:
        arguments.remove("--reverse")
        os.environ["EMULATED_REVERSE"] = "1"
    sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]
    os.chdir(TOOLS.parent)
    import pytest

    fixed = ["-m", "gpu", "-n", "0", "-p", "emulated.plugin", "tests/cuda/test_gpu.py"]
    return pytest.main([*fixed, *arguments, *WITHOUT])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
