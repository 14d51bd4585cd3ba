"""Numba's simulator has a thread of Python for each of a device, which wait for one another at barriers."""

import sys

import pytest


@pytest.fixture(autouse=True, scope="session")
def threads_take_turns_quickly():
    """A thread that waits in a loop otherwise has 5 ms at a time, and a barrier takes several times that."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(usual)
