"""Launches outside of `nngraph.run.cuda.device` want the simulator to be quick too."""

from collections.abc import Iterator

import pytest

from nngraph.run.cuda import simulator


@pytest.fixture(autouse=True)
def simulated() -> Iterator[None]:
    with simulator.simulating():
        yield
