"""Datasets: made, read, checked, split, standardized, weighted and put into order.

The public names are loaded when they are first used (PEP 562): a training that is given arrays need not wait for
the readers of files.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nngraph.train.data.dataset import Dataset as Dataset
    from nngraph.train.data.dataset import from_arrays as from_arrays
    from nngraph.train.data.specs import load as load
    from nngraph.train.data.splits import split as split
    from nngraph.train.data.stored import Stored as Stored
    from nngraph.train.data.weights import class_weights as class_weights

PUBLIC = {
    "Dataset": "dataset",
    "Stored": "stored",
    "class_weights": "weights",
    "from_arrays": "dataset",
    "load": "specs",
    "split": "splits",
}
__all__ = sorted(PUBLIC)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)
