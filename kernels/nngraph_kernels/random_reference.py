"""Philox4x32-10 in plain NumPy: what the random numbers of the kernels are, without Numba.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDS: Final = 10
MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
WEYL: Final = (0x9E3779B9, 0xBB67AE85)  # what the key grows by from round to round
_LOW: Final = np.uint64(0xFFFFFFFF)
_WORD: Final = np.uint64(32)

Words = NDArray[np.uint64]


def philox4x32(counter: tuple[ArrayLike, ...], key: tuple[int, int]) -> tuple[NDArray[np.uint32], ...]:
    """Four random words for each counter of four words.

    Parameters
    ----------
    counter : four arrays of integers
        32-bit words, broadcast against each other.
    key : two integers
        32-bit words.

    Returns
    -------
    tuple of four uint32 arrays
    """
    words = [np.asarray(w, np.uint64) & _LOW for w in counter]
    key0, key1 = (k & 0xFFFFFFFF for k in key)
    for _ in range(ROUNDS):
        words = _round(words, key0, key1)
        key0, key1 = (key0 + WEYL[0]) & 0xFFFFFFFF, (key1 + WEYL[1]) & 0xFFFFFFFF
    return tuple(w.astype(np.uint32) for w in words)


def uniform(
    index: ArrayLike, step: int, key0: int, key1: int, dtype: str = "float32"
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Uniform numbers in [0, 1), one an element, as the kernels' `random.uniform` gives them.

    Parameters
    ----------
    index : array of int64
        Number of each element.
    step, key0, key1 : int
        Step of the training, and the two words of the stream; their lower 32 bits count.
    dtype : str
        ``"float32"``: multiples of 2**-24; ``"float64"``: of 2**-53.
    """
    element = np.asarray(index, np.int64).astype(np.uint64)
    first, second, _, _ = philox4x32((element & _LOW, element >> _WORD, step & 0xFFFFFFFF, 0), (key0, key1))
    if dtype == "float32":
        return (first >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    high, low = (first >> np.uint32(5)).astype(np.float64), (second >> np.uint32(6)).astype(np.float64)
    return (high * 2.0**26 + low) * 2.0**-53


def _round(words: list[Words], key0: int, key1: int) -> list[Words]:
    product0 = words[0] * np.uint64(MULTIPLIERS[0])
    product1 = words[2] * np.uint64(MULTIPLIERS[1])
    return [
        (product1 >> _WORD) ^ words[1] ^ np.uint64(key0),
        product1 & _LOW,
        (product0 >> _WORD) ^ words[3] ^ np.uint64(key1),
        product0 & _LOW,
    ]
