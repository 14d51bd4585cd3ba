"""A run as it is plotted: its metrics, configuration, model and data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nngraph.errors import CheckpointError
from nngraph.loading import load_model
from nngraph.ops.optimizer import optimizer_from
from nngraph.train.data.specs import load
from nngraph.train.data.splits import split
from nngraph.train.learning_rates import learning_rates
from nngraph.train.run_directory import METRICS, MODEL, read_config
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from nngraph.model import Model
    from nngraph.train.data.dataset import Dataset

PARTS = ("epoch", "step", "seconds")  # what a line of metrics holds beside these
SPLIT = ("data", "held_out", "split_seed")  # what of a configuration says which data was held out


@record(eq=False)
class Run:
    """What a run's directory holds.

    Attributes
    ----------
    name : str
        Short, and different from those of the runs beside it.
    epochs, steps : ndarray, (n,)
        Of each line of metrics: its epoch, from 1, and the steps taken by its end.
    metrics : mapping of str to ndarray, (n,)
    model : str
        The model's name.
    inputs : tuple of shapes
        Of the model, without the batch.
    """

    path: Path
    name: str
    model: str
    inputs: tuple[tuple[int, ...], ...]
    config: Mapping[str, Any]
    epochs: np.ndarray
    steps: np.ndarray
    metrics: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    @property
    def title(self) -> str:
        return f"{self.name}: {self.model}" if self.model and self.model != self.name else self.name


@record(eq=False)
class Points:
    """The data of a run: what it was trained on, and what it was not."""

    training: Dataset
    held_out: Dataset | None


@record(eq=False)
class Group:
    """Runs that are one line in a plot: one, or trainings that differ in their seed alone."""

    name: str
    runs: tuple[Run, ...]

    @property
    def epochs(self) -> np.ndarray:
        """Those that any of its runs has."""
        return np.unique(np.concatenate([run.epochs for run in self.runs]))

    def column(self, name: str) -> Column | None:
        """A metric of all its runs; None where none has it."""
        having = [run for run in self.runs if name in run.metrics]
        if not having:
            return None
        table = np.full((len(having), len(self.epochs)), np.nan)
        for row, run in zip(table, having, strict=True):
            row[np.searchsorted(self.epochs, run.epochs)] = run.metrics[name]
        finite = np.isfinite(table)
        total = np.where(finite, table, 0).sum(axis=0)
        mean = np.where(finite.any(axis=0), total / np.maximum(finite.sum(axis=0), 1), np.nan)
        low, high = (f(np.where(finite, table, mean), axis=0) for f in (np.min, np.max))
        return Column(mean, low, high)


@record(eq=False)
class Column:
    """A metric by epoch: its mean over runs, the least and the greatest, each (n,)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def directories(path: Path) -> list[list[Path]]:
    """The runs that a path stands for: itself, those of its splits, or of each wiring of a study those of its seeds.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    if (path / METRICS).is_file():
        return [[path]]
    splits = sorted(found.parent for found in path.glob(f"split-*/{METRICS}"))
    if splits:
        return [splits]
    trials: dict[Path, list[Path]] = {}
    for found in sorted(path.glob(f"*/seed-*/{METRICS}")):
        trials.setdefault(found.parent.parent, []).append(found.parent)
    if not trials:
        what = "no such directory" if not path.exists() else f"is no run's directory, for it holds no {METRICS}"
        raise CheckpointError(f"{path}: {what}; give one that `nngraph train` wrote")
    return list(trials.values())


def read_groups(paths: Iterable[Path]) -> list[Group]:
    """The runs in `paths`, each group under as much of its path as tells it from the others."""
    found = list(dict.fromkeys(tuple(runs) for path in paths for runs in directories(path)))
    names = short_names([runs[0] if len(runs) == 1 else runs[0].parent for runs in found])
    return [
        Group(name, tuple(read_run(path, name if len(runs) == 1 else f"{name}/{path.name}") for path in runs))
        for name, runs in zip(names, found, strict=True)
    ]


def short_names(paths: list[Path]) -> list[str]:
    """The last part of each path, or as many parts as it takes to tell it from the others."""
    parts = [path.resolve().parts for path in paths]
    return ["/".join(each[-own_length(each, parts) :]) for each in parts]


def own_length(path: tuple[str, ...], others: list[tuple[str, ...]]) -> int:
    """How many last parts of a path no other one ends in."""
    lengths = range(1, len(path) + 1)
    return next((n for n in lengths if sum(other[-n:] == path[-n:] for other in others) == 1), len(path))


def read_run(path: Path, name: str) -> Run:
    """A run's metrics and configuration.

    Raises
    ------
    CheckpointError
        If a file of it cannot be read, or there is no epoch yet.
    """
    lines = metrics_lines(path / METRICS)
    if not lines:
        raise CheckpointError(f"{path}: holds no epoch yet, so there is nothing to plot; train it on")
    names = [key for key in lines[0] if key not in PARTS]
    metrics = {key: np.array([float(line.get(key, np.nan)) for line in lines]) for key in names}
    epochs, steps = (np.array([line[key] for line in lines], np.int64) for key in ("epoch", "step"))
    model, inputs = model_file(path / MODEL)
    return Run(path, name, model, inputs, read_config(path), epochs, steps, metrics)


def model_file(path: Path) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """A model's name and the shapes of its inputs, without making it; nothing where there is no such file."""
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return str(said["name"]), tuple(tuple(given["shape"]) for given in said["inputs"].values())
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return "", ()


def metrics_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of metrics; the last one may have been cut off by a process that was killed."""
    texts = path.read_text(encoding="utf-8").splitlines()
    found: list[dict[str, Any]] = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
            found.append({name: float(item) for name, item in line.items()})
            found[-1] |= {name: int(line[name]) for name in ("epoch", "step")}
        except (ValueError, AttributeError, KeyError, TypeError):
            if number < len(texts):
                raise CheckpointError(f"{path}, line {number}: is not a line of metrics; remove it") from None
    return found


def rates(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Epochs (as fractions) and learning rates of at most 1,000 of the steps; None where no optimizer is known."""
    spec = run.config.get("optimizer")
    if spec is None:
        return None
    per_epoch = int(run.steps[-1] // run.epochs[-1])
    total = per_epoch * int(run.config.get("epochs", run.epochs[-1]))
    steps = np.unique(np.linspace(0, per_epoch * int(run.epochs[-1]) - 1, 1000).astype(np.int64))
    return steps / per_epoch, learning_rates(optimizer_from(spec).resolve(per_epoch, total), steps)


def model_of(run: Run) -> Model:
    """The model that the run's training ended with."""
    return load_model(run.path)


def points_of(run: Run, data: str | None, classes: tuple[str, ...]) -> Points | None:
    """The data that `data` names, or that of the run; None where neither says any."""
    if data is not None:
        return Points(load(data, classes=classes), None)
    if not set(SPLIT) <= run.config.keys():
        return None
    training, held_out = split(load(run.config["data"]), run.config["held_out"], seed=run.config["split_seed"])
    return Points(training, held_out)
