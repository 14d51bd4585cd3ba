"""Drawn examples are the same in every run: what fails fails for everybody. `tools/fuzz.py` looks further."""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """CUDA kernels run in Numba's simulator, which has to be said before Numba is imported; `-m gpu` wants a device."""
    if config.getoption("markexpr") != "gpu":
        os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # shells have what runs in the background ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
