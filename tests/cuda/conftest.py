"""Numba's simulator polls its threads without rest: they have to get their turn often to get anywhere."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def short_turns() -> Iterator[None]:
    kept = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(kept)
