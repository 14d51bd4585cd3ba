"""Models that were saved."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nngraph.model import Model, compile
from nngraph.train.checkpoint import read
from nngraph.train.run_directory import checkpoint_in
from nngraph.train.trainee import restore


def load_model(
    path: str | PathLike[str],
    *,
    threads: int | None = None,
    device: str = "cpu",
    precision: str | None = None,
    products: str | None = None,
) -> Model:
    """A model from a checkpoint, ready to predict, and to be trained on.

    Parameters
    ----------
    path : path
        A file that `Model.save` or a training wrote, or a run's directory: the model that its training ended with.
    threads, device
        As for `compile`.
    precision, products : str, optional
        As for `compile`; by default what the model was trained with, but "full" and "own" on the processor.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is damaged.
    """
    from nngraph.declare.load import parse

    kept = read(file := checkpoint_in(Path(path)))
    config = kept.config
    trained: Mapping[str, Any] = config if device == "cuda" else {}
    model = compile(
        parse(kept.graph, f"{file}: "), loss=config.get("loss"), optimizer=config.get("optimizer"),
        device=device, threads=threads, dtype=config.get("dtype", "float32"),
        precision=trained.get("precision", "full") if precision is None else precision,
        products=trained.get("products", "own") if products is None else products,
        seed=config.get("seed", 0), regularizer=config.get("regularizer"),
    )  # fmt: skip
    restore(model.trainee, kept, file)
    return model
