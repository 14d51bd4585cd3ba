"""Launches outside of `nngraph.run.cuda.device` want the simulator to be quick too."""

from collections.abc import Iterator

import pytest

from nngraph.run.cuda import simulator


@pytest.fixture(autouse=True)
def short_turns() -> Iterator[None]:
    with simulator.short_turns():
        yield
