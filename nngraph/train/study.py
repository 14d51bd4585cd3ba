"""A study: one model, trained once for each of some wirings and seeds; what decides each training, and its results."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nngraph.errors import CheckpointError, OptionError
from nngraph.train.rewiring import DECLARED, Document, Rewiring, rewired
from nngraph.train.run_directory import write_text

if TYPE_CHECKING:
    from nngraph.train.data.dataset import Dataset

STUDY: Final = "study.json"
FORMAT, VERSION = "nngraph-study", 1
SAMPLED: Final = 4096  # examples that stand for those of a large data set


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """One training of a study: a wiring's label, and a seed."""

    wiring: str
    seed: int

    def __str__(self) -> str:
        return f"{self.wiring} seed {self.seed}"

    @property
    def run(self) -> str:
        """Its run's directory, within that of the study."""
        return f"{self.wiring.replace(':', '-').replace(' ', '-')}/seed-{self.seed}"


@dataclass(frozen=True, slots=True)
class Study:
    """What is trained, and how.

    Attributes
    ----------
    model : dict
        The model file's document.
    script : str or None
        The Python file that declared it, which may have ops of its own.
    options : mapping
        How to train, but for the seed and for what changes no result.
    seed : int or None
        Of initial parameters, the order of the data and dropout; None: that of each trial.
    data : str
        Digest of the data.
    wirings : mapping of str to Rewiring
        By label.
    trials : tuple of Trial
    """

    model: Document
    script: str | None
    options: Mapping[str, Any]
    seed: int | None
    data: str
    wirings: Mapping[str, Rewiring]
    trials: tuple[Trial, ...]

    def document(self, trial: Trial) -> Document:
        """The model file of a trial."""
        return rewired(self.model, self.wirings[trial.wiring], trial.seed)

    def seed_of(self, trial: Trial) -> int:
        return trial.seed if self.seed is None else self.seed

    def configuration(self, trial: Trial) -> str:
        """A hash of all that decides what a trial comes to, but for versions and the machine."""
        given = {
            "model": trained_part(self.document(trial)), "options": self.options, "seed": self.seed_of(trial),
            "data": self.data,
        }  # fmt: skip
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def trained_part(model: Document) -> Document:
    """Without its defaults for training: the options have them."""
    return {name: item for name, item in model.items() if name != "training"}


def trials_of(wirings: Iterable[Rewiring], seeds: Iterable[int]) -> tuple[Trial, ...]:
    seeds = tuple(seeds)
    return tuple(Trial(wiring.label, seed) for wiring in wirings for seed in seeds)


def digest_of(data: Dataset) -> str:
    """A hash of the data: shapes and types, all targets, and the inputs of at most `SAMPLED` examples."""
    rows = np.unique(np.linspace(0, len(data) - 1, min(len(data), SAMPLED)).astype(np.int64))
    found = hashlib.sha256(json.dumps([data.task, data.classes, data.columns]).encode())
    for name, array in sorted(data.inputs.items()):
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array[rows]).tobytes())
    for name, array in sorted(data.targets.items()):
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array[:]).tobytes())
    return found.hexdigest()[:16]


def write_study(study: Study, path: Path) -> None:
    """Write it into a study's directory."""
    document = {
        "format": FORMAT, "version": VERSION, "script": study.script, "options": study.options, "seed": study.seed,
        "data": study.data, "wirings": {label: wiring.generator for label, wiring in study.wirings.items()},
        "trials": [[trial.wiring, trial.seed] for trial in study.trials], "model": study.model,
    }  # fmt: skip
    write_text(path / STUDY, json.dumps(document, indent=1) + "\n")


def read_study(path: Path) -> Study:
    """The study in a directory.

    Raises
    ------
    CheckpointError
        If there is none, or it cannot be read.
    """
    try:
        found = json.loads((path / STUDY).read_text(encoding="utf-8"))
        if found["format"] != FORMAT or found["version"] > VERSION:
            raise KeyError("format")
        wirings = {label: Rewiring(label, generator) for label, generator in found["wirings"].items()}
        trials = tuple(Trial(wiring, seed) for wiring, seed in found["trials"])
        kept = (found["model"], found["script"], found["options"], found["seed"], found["data"])
    except OSError:
        raise CheckpointError(f"{path}: holds no study, for there is no {STUDY} in it") from None
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path / STUDY}: is no study of this version of nngraph; begin another") from None
    return Study(*kept, wirings, trials)


def joined(old: Study, new: Study, path: Path) -> Study:
    """The study that is in a directory, with the trials of another of the same configuration.

    Raises
    ------
    OptionError
        Naming what differs.
    """
    was, now = {**old.options, "seed": old.seed}, {**new.options, "seed": new.seed}
    if name := next((name for name in dict.fromkeys((*was, *now)) if was.get(name) != now.get(name)), None):
        mend = "leave it out" if was.get(name) is None else "give that again"
        raise OptionError(
            f"{name}: {shown(now.get(name))} given, but the study in {path} has {shown(was.get(name))}; {mend}, or "
            "choose another --run"
        )
    if trained_part(old.model) != trained_part(new.model):
        raise OptionError(f"MODEL: '{new.model['name']}' differs from the model of the study in {path}; "
                          f"give that one, or choose another --run")  # fmt: skip
    if old.data != new.data:
        raise OptionError(f"data: {new.options['data']} holds other examples than the study in {path} was begun with; "
                          "give those again, or choose another --run")  # fmt: skip
    return replace(new, wirings={**old.wirings, **new.wirings}, trials=tuple(dict.fromkeys((*old.trials, *new.trials))))


def shown(item: Any) -> str:
    return "none" if item is None else item if isinstance(item, str) else json.dumps(item)


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial came to.

    Attributes
    ----------
    metrics : mapping of str to float
        On the held-out part.
    parameters, multiply_adds : int
        Of the network; multiply-adds for one example.
    seconds : float
        In training, validation included, and compilation not.
    configuration : str
        The trial's, as `Study.configuration` has it.
    """

    trial: Trial
    metrics: Mapping[str, float]
    parameters: int
    multiply_adds: int
    epochs: int
    seconds: float
    configuration: str

    def line(self) -> dict[str, Any]:
        """As the file of results holds it."""
        return {
            "generator": self.trial.wiring, "seed": self.trial.seed, **self.metrics, "parameters": self.parameters,
            "multiply_adds": self.multiply_adds, "epochs": self.epochs, "seconds": self.seconds,
            "run": self.trial.run, "configuration": self.configuration,
        }  # fmt: skip


def result_of(line: Mapping[str, Any]) -> Result:
    """What `Result.line` made the line of."""
    names = ("parameters", "multiply_adds", "epochs", "seconds", "configuration")
    own = (*names, "generator", "seed", "run")
    metrics = {name: float(item) for name, item in line.items() if name not in own}
    return Result(Trial(line["generator"], line["seed"]), metrics, *(line[name] for name in names))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the trials of a wiring came to: means, and the deviations of metrics.

    Attributes
    ----------
    deviations : mapping of str to float
        Of a sample; NaN for a single trial.
    """

    wiring: str
    count: int
    means: Mapping[str, float]
    deviations: Mapping[str, float]
    parameters: float
    multiply_adds: float
    seconds: float


def summary(wiring: str, results: list[Result]) -> Summary:
    """Of the trials of one wiring, at least one."""
    columns = {name: [result.metrics[name] for result in results] for name in results[0].metrics}
    means = {name: statistics.fmean(column) for name, column in columns.items()}
    deviations = {name: statistics.stdev(c) if len(c) > 1 else math.nan for name, c in columns.items()}
    rest = (statistics.fmean(getattr(r, n) for r in results) for n in ("parameters", "multiply_adds", "seconds"))
    return Summary(wiring, len(results), means, deviations, *rest)


def labeled_wirings(given: Iterable[Rewiring]) -> dict[str, Rewiring]:
    """By label; that of the model where none is given."""
    return {wiring.label: wiring for wiring in given} or {DECLARED.label: DECLARED}
