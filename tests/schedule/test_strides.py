"""Walks over operands of different shapes, against NumPy's own broadcasting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nngraph.ir.types import BATCH, Batch, evaluate
from nngraph.schedule.strides import broadcast_strides, collapse

sizes = st.lists(st.sampled_from([1, 1, 2, 3, 5]), min_size=0, max_size=4)


def test_what_is_broadcast_stands_still():
    assert broadcast_strides((4, 1, 3), (2, 4, 5, 3)) == (0, 3, 0, 1)
    assert broadcast_strides((), (2, 3)) == (0, 0)


def test_neighboring_axes_become_one():
    space = (BATCH, 4, 5)
    whole, row, column = ((20, 5, 1), (0, 0, 1), (4, 1, 0))
    assert collapse(space, [whole]) == ([Batch(20)], [[1]])
    assert collapse(space, [whole, row]) == ([Batch(4), 5], [[5, 1], [0, 1]])
    assert collapse(space, [whole, column]) == ([Batch(4), 5], [[5, 1], [1, 0]])


def test_rows_stay_apart_from_what_is_around_them():
    assert collapse((3, 4, 5), [(20, 5, 1)], inner=1) == ([12, 5], [[5, 1]])
    assert collapse((3, 4, 5), [(20, 5, 1)], inner=2) == ([3, 20], [[20, 1]])


@given(sizes, st.data())
def test_walks_visit_the_elements_that_numpy_broadcasts(space, data):
    """The collapsed walk goes over the same elements in the same order."""
    space = tuple(space)
    shapes = [tuple(data.draw(st.sampled_from([1, n])) for n in space) for _ in range(3)]
    shapes = [shape[data.draw(st.integers(0, len(shape))) :] for shape in shapes]
    inner = data.draw(st.integers(0, len(space)))
    found = collapse(space, [broadcast_strides(shape, space) for shape in shapes], inner)
    for shape, strides in zip(shapes, found[1], strict=True):
        elements = np.arange(int(np.prod(shape))).reshape(shape)
        expected = np.broadcast_to(elements, space).ravel()
        lengths = [evaluate(n, 1) for n in found[0]]
        places = [np.dot(place, strides) if strides else 0 for place in np.ndindex(*lengths)]
        np.testing.assert_array_equal(places, expected)
