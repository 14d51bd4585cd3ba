"""How stored examples reach a program: image or row of numbers, standardized, and in training moved and mirrored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nngraph.errors import DataError
from nngraph.run.feed import Gather
from nngraph.train.data.augment import Augment
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.stored import Stored
from nngraph.train.signature import Array, Signature


def gather_of(examples: Stored, dtype: str, augment: Augment | None = None) -> Gather:
    """What the tape gathers batches of an input from.

    Parameters
    ----------
    examples : Stored
        In the shape of the program's input.
    dtype : {"float32", "float64"}
        Of the program's input.
    augment : Augment, optional
        Of images (height, width, channels); other inputs are left as they are.
    """
    sample = examples.shape[1:]
    is_image = len(sample) == 3
    scales = (np.zeros(()), np.ones(())) if examples.mean is None or examples.std is None else (
        examples.mean, 1 / examples.std)  # fmt: skip
    if is_image and scales[0].size > 1 and scales[0].shape != sample[-1:]:
        if augment:  # a mean for each place of the image: it belongs to the pixel, and moves with it
            return gather_of(Stored(examples[:]), dtype, augment)
        is_image = False
    size = int(np.prod(sample))
    shape = (sample[0], sample[1], sample[2]) if is_image else (1, 1, size)
    mean, factor = (np.broadcast_to(x, shape[2:] if is_image else sample).reshape(shape[2:]) for x in scales)
    array = np.ascontiguousarray(examples.array)
    rows = None if examples.rows is None else np.ascontiguousarray(examples.rows, np.int64)
    if augment is None or not is_image:
        return Gather(array, dtype, shape, mean, factor, rows)
    return Gather(array, dtype, shape, mean, factor, rows, augment.crop, augment.flip)


def check_augment(signature: Signature, augment: Augment, where: str) -> None:
    """Whether the model takes images, large enough to be cropped so.

    Raises
    ------
    DataError
        Naming what the model takes.
    """
    images = {name: x.shape for name, x in signature.inputs.items() if is_image(x)}
    if not images:
        shapes = ", ".join(f"{name!r} of shape {x.shape}" for name, x in signature.inputs.items())
        expected = "images (height, width, channels) can be augmented"
        raise DataError(f"{where}: augment is given, but the model takes {shapes}; only {expected}, so leave it out")
    for name, shape in images.items():
        if augment.crop >= min(shape[:2]):
            given = f"crop is {augment.crop}, but the images of input {name!r} are of {shape[0]} x {shape[1]} pixels"
            raise DataError(f"{where}: augment: {given}; give less than {min(shape[:2])}")


def is_image(array: Array) -> bool:
    return len(array.shape) == 3 and array.dtype.startswith("float")


def kept(data: Dataset) -> Dataset:
    """`data` with its floats kept as they are until a batch is gathered, so that what a crop adds is 0 in them."""
    stored: Mapping[str, np.ndarray | Stored] = {
        name: Stored(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for name, x in data.inputs.items()
    }
    return replace(data, inputs=stored)
