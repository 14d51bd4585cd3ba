"""The dataset that comes with nngraph: 1,797 handwritten digits (DIGITS_LICENSE.txt says whose)."""

from __future__ import annotations

from importlib import resources

import numpy as np

from nngraph.train.data.dataset import Dataset

CLASSES = tuple(str(digit) for digit in range(10))
DESCRIPTION = "1,797 handwritten digits, 8x8 pixels from 0 to 1 (UCI, E. Alpaydin and C. Kaynak, CC BY 4.0)"


def digits() -> Dataset:
    """The UCI optical digits: images (1797, 8, 8), float32 from 0 to 1 (ink of 16, over 16), and labels."""
    file = resources.files("nngraph.train.data").joinpath("digits.npz")
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"]
    inputs = {"image": images.astype(np.float32) / np.float32(16)}
    targets = {"digit": labels.astype(np.int32)}
    return Dataset("digits", inputs, targets, "classification", CLASSES, None, DESCRIPTION)
