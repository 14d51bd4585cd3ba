"""What Numba's simulator needs to be quick, and right: a thread of a device is a thread of Python there."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

TURN: Final = 1e-5  # seconds: the simulator polls without rest, and its threads get nowhere while it does


@contextmanager
def simulating() -> Generator[None]:
    """Let threads take turns often, and say nothing of numbers that are not finite: a device knows no warnings."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        sys.setswitchinterval(usual)


class OneAtATime(dict[Any, Any]):
    """A dictionary in which nobody looks for what somebody else has not found and is about to add."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def get(self, key: Any, default: Any = None) -> Any:
        self._lock.acquire()
        found = super().get(key)
        if found is not None:
            self._lock.release()
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self._lock.release()


def one_shared_array_for_all() -> None:
    """Have threads that ask for a shared array at the same time get the same one: the simulator looks, then makes."""
    from numba.cuda.simulator import kernelapi

    shared: Any = kernelapi.FakeCUDAShared
    begin = shared.__init__
    if begin.__name__ == "one_at_a_time":
        return

    def one_at_a_time(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        self._allocations = OneAtATime()

    shared.__init__ = one_at_a_time
