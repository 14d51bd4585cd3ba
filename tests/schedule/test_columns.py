"""Reductions over other axes than the last: what column kernels read."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.lower.lower import lower
from tests import compiled


def kernels(g):
    calls = compiled.scheduled(lower(g.wiring, training=False)).calls
    return [(call.kernel.family, [access.inner for access in call.kernel.spec.operands]) for call in calls]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8), [("rows", ["vector", "vector", "vector"]), ("columns", ["vector", "vector"])]),
        ((8,), [("columns", ["vector", "vector", "vector"])]),
        ((5, 1), [("rows", ["vector", "vector", "splat"]), ("columns", ["vector", "vector"])]),
        ((1, 1), [("columns", ["vector", "vector", "splat"])]),
    ],
)
def test_operands_lie_along_the_columns_or_are_one_number(shape, expected):
    """What is broadcast in another way is left to a row kernel before it."""
    g = ng.Graph("net")
    x, w = g.input("x", shape=(5, 8)), g.constant(np.full(shape, 1.5))
    g.output(g.sum(g.multiply(x, w), axis=1))
    assert kernels(g) == expected


def test_a_reduction_that_leaves_one_column_goes_over_rows():
    g = ng.Graph("net")
    g.output(g.sum(g.input("x", shape=(5, 1)), axis=1))
    assert [family for family, _ in kernels(g)] == ["rows"]
