import numpy as np
import pytest

from nngraph.errors import OptionError
from nngraph.train.data.randomness import epoch_order, stream


@pytest.mark.parametrize("n", [0, 1, 2, 1797])
def test_is_a_permutation(n: int):
    order = epoch_order(n, 3, 5)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(n))


def test_depends_on_seed_and_epoch_alone():
    first = epoch_order(100, 1, 2)
    epoch_order(100, 9, 9)
    assert np.array_equal(first, epoch_order(100, 1, 2))
    others = [epoch_order(100, 1, 3), epoch_order(100, 2, 2), epoch_order(100, 2, 1)]
    assert not any(np.array_equal(first, other) for other in others)


def test_stays_as_it_is():
    """A resumed run must meet the order it was interrupted in, whatever NumPy's version."""
    assert epoch_order(8, 0, 0).tolist() == PINNED


PINNED = [0, 7, 3, 4, 6, 1, 2, 5]


def test_purposes_do_not_share_bits():
    assert stream(0, "split").random_raw() != stream(0, "epoch").random_raw()


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (0, -1), (2**64, 0)])
def test_out_of_range(seed: int, epoch: int):
    with pytest.raises(OptionError, match=r"must lie between 0 and 2\*\*64 - 1"):
        epoch_order(4, seed, epoch)


def test_every_position_is_equally_likely():
    counts = np.zeros((6, 6))
    for epoch in range(3000):
        counts[np.arange(6), epoch_order(6, 0, epoch)] += 1
    assert abs(counts / 500 - 1).max() < 0.2
