"""Streams of random bits for data: Philox, keyed by (seed, index) and set apart by purpose."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nngraph.errors import OptionError

Purpose = Literal["points", "split", "epoch"]
_STREAMS: dict[Purpose, int] = {"points": 1, "split": 2, "epoch": 3}
_WORD = 2**64


def stream(seed: int, purpose: Purpose, index: int = 0) -> np.random.Philox:
    """The bit generator of one purpose: a function of its arguments alone."""
    for name, number in (("seed", seed), (purpose, index)):
        if not 0 <= number < _WORD:
            raise OptionError(f"{name} is {number}, but must lie between 0 and 2**64 - 1")
    counter = np.array([0, 0, 0, _STREAMS[purpose]], np.uint64)
    return np.random.Philox(counter=counter, key=np.array([seed, index], np.uint64))


def permutation(n: int, bits: np.random.Philox) -> np.ndarray:
    """A permutation of range(n), int64.

    Sorts raw words: NumPy keeps the bit stream from version to version, but not the algorithm of
    ``Generator.permutation``. A word's lowest bits give way to its number, so that sorting the words,
    faster than asking for their order, tells where each went.
    """
    numbers = np.uint64((1 << max(0, n - 1).bit_length()) - 1)
    words: np.ndarray = bits.random_raw(n)
    words &= ~numbers
    words |= np.arange(n, dtype=np.uint64)
    words.sort()
    words &= numbers
    return words.view(np.int64)


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which epoch `epoch` visits `n` samples.

    Parameters
    ----------
    n : int
        Number of samples.
    seed, epoch : int
        What the order depends on, and nothing else: a resumed run sees what an unbroken one would have seen.

    Returns
    -------
    numpy.ndarray
        A permutation of ``range(n)``, int64.
    """
    return permutation(n, stream(seed, "epoch", epoch))
