"""How the images of a training are varied from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from nngraph.errors import OptionError
from nngraph.ops.specification import suggestion
from nngraph_kernels.record import record


@record
class Augment:
    """Random changes of images (height, width, channels) in training; evaluation and prediction see them as they are.

    What is drawn depends on the seed, the epoch and the example's number alone.

    Attributes
    ----------
    crop : int
        Pixels by which an image is moved at most, up or down and left or right, as if it were padded by so many
        pixels of value 0 (before it is standardized) and cropped to its size.
    flip : bool
        Whether half of the images are mirrored, left to right.
    """

    crop: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.crop, bool) or not isinstance(self.crop, int | np.integer) or self.crop < 0:
            raise OptionError(f"augment: crop is {self.crop!r}, but a whole number of pixels from 0 is expected")
        if not isinstance(self.flip, bool):
            raise OptionError(f"augment: flip is {self.flip!r}, but True or False is expected")

    def plain(self) -> dict[str, Any]:
        """As a run's configuration holds it."""
        return asdict(self)


def augment_from(given: Any) -> Augment | None:
    """An Augment, or a mapping of its options as a model's file holds it; None where nothing is changed.

    Raises
    ------
    OptionError
        If an option is unknown, or its value is not accepted.
    """
    if given is None or isinstance(given, Augment):
        return given if given != Augment() else None
    if not isinstance(given, Mapping):
        raise OptionError(f"augment: {given!r} given, ng.Augment(crop=..., flip=...) or None expected")
    options: dict[str, Any] = {str(name): value for name, value in given.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    known = [field.name for field in fields(Augment)]
    for name in options:
        if name not in known:
            raise OptionError(f"augment: there is no option '{name}'{suggestion(name, known)}")
    return augment_from(Augment(**options))
