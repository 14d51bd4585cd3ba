"""Standardizing, cropping and flipping in plain NumPy: what the kernel that gathers a batch has to give.

The kernel is `cpu.examples`; results are equal to the bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nngraph_kernels.random_reference import philox4x32

STREAM: Final = 1  # the last word of the counter, which is 0 for `random.uniform`
_LOW: Final = 0xFFFFFFFF


def windows(
    positions: ArrayLike, epoch: int, seed: int, crop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Where the window of each example lies, and whether it is mirrored.

    Parameters
    ----------
    positions : array of int64
        Each example's number.
    epoch, seed, crop : int

    Returns
    -------
    down, right : array of int64
        From ``-crop`` to ``crop``, each as likely: how far the window is moved over the image.
    mirrored : array of bool
    """
    number = np.asarray(positions, np.int64).astype(np.uint64)
    counter = (number & np.uint64(_LOW), number >> np.uint64(32), epoch & _LOW, STREAM)
    vertical, horizontal, side, _ = philox4x32(counter, (seed & _LOW, seed >> 32 & _LOW))
    down, right = (((w.astype(np.int64) * (2 * crop + 1)) >> 32) - crop for w in (vertical, horizontal))
    return down, right, (side >> np.uint32(31)).astype(bool)


def computed_in(stored: str, dtype: str) -> str:
    """What a difference from the mean is computed in: of bytes float32 holds all there is to know."""
    return "float32" if stored == "uint8" and dtype == "float32" else "float64"


def standardized(x: NDArray[Any], mean: ArrayLike, factor: ArrayLike, dtype: str) -> NDArray[Any]:
    """``(x - mean) * factor`` as `dtype`; `mean` and `factor` broadcast against an image."""
    kind = computed_in(str(x.dtype), dtype)
    return ((x.astype(kind) - np.asarray(mean, kind)) * np.asarray(factor, kind)).astype(dtype, copy=False)


def shown(image: NDArray[Any], down: int, right: int, mirrored: bool) -> NDArray[Any]:
    """What the window shows of an image (height, width, channels); outside of it there are zeros."""
    height, width, _ = image.shape
    crop = max(abs(down), abs(right))
    padded = np.pad(image, ((crop, crop), (crop, crop), (0, 0)))
    seen = padded[crop + down : crop + down + height, crop + right : crop + right + width]
    return seen[:, ::-1] if mirrored else seen
