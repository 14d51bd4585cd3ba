"""Fused = unfused = the interpreter on randomly wired networks; `tools/fuzz.py --wirings` runs more."""

import pytest

from nngraph.emit.cache import user_cache
from tests import compiled
from tests import random_checks as checks
from tests.random_wirings import GENERATORS, draw_wiring

CASES = [(type, seed) for type in GENERATORS for seed in (0, 1, 3)]


def dtype_of(seed):
    return "float32" if seed % 2 else "float64"


@pytest.fixture(scope="module")
def trials():
    """All of them, their kernels compiled together."""
    found = {case: checks.trial_of(draw_wiring(case[1], case[0])) for case in CASES}
    sources: dict[str, str] = {}
    for (_, seed), trial in found.items():
        sources |= checks.kernel_sources(trial.recipe, dtype_of(seed), ["gradients", "predict"])
        sources |= checks.unfused_sources(trial.recipe, dtype_of(seed))
    compiled.entries(user_cache(), sources)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_fused_and_unfused(trials, case):
    trial, dtype = trials[case], dtype_of(case[1])
    assert checks.well_conditioned(trial), "draw another network in its place"
    assert checks.check_gradients(trial, dtype, user_cache()) == []
    assert checks.check_unfused(trial, dtype, user_cache()) == []
    assert checks.check_forward(trial, dtype, user_cache()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_gradients_are_slopes(trials, case):
    slopes = checks.check_slopes(trials[case])
    assert slopes.wrong == []
    assert slopes.skipped <= 1
