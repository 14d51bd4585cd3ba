"""A study as the command line begins it, and each of its trials as a training."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngraph.cli.arguments import load_graph, run_declaration
from nngraph.cli.training import Options, options_of, parts_of, resolved
from nngraph.errors import OptionError
from nngraph.train.checks import check_options
from nngraph.train.rewiring import RANDWIRE, Rewiring, wired_nodes
from nngraph.train.study import Study, Trial, digest_of, labeled_wirings, read_study, trials_of

if TYPE_CHECKING:
    from nngraph.cli.training import Parts
    from nngraph.declare.graph import Graph
    from nngraph.train.data.dataset import Dataset

OWN: Final = ("seed", "threads", "split_seeds", "tensorboard")  # options that a study keeps elsewhere, or not at all


def begun_study(
    path: Path, given: Mapping[str, Any], split_seed: int | None, wirings: Sequence[Rewiring], seeds: Sequence[int]
) -> tuple[Study, Dataset]:
    """The study that the options of a command describe, and its data."""
    from nngraph.train.data.specs import load

    graph = load_graph(path)
    options = options_of({name: item for name, item in given.items() if name != "seed"}, graph.training)
    check_options(options.device, None, options.dtype, options.seed, options.precision, options.products)
    data = load(options.data)
    kept = {name: item for name, item in asdict(resolved(graph, options, data)).items() if name not in OWN}
    kept["split_seed"] = options.split_seeds[0] if split_seed is None else split_seed
    by_label = labeled_wirings(wirings)
    study = Study(
        json.loads(graph.to_json()), os.path.abspath(path) if path.suffix == ".py" else None,
        json.loads(json.dumps(kept)), given.get("seed"), digest_of(data), by_label, trials_of(by_label.values(), seeds),
    )  # fmt: skip
    check_wirings(study, path)
    return study, data


def resumed_study(directory: Path) -> tuple[Study, Dataset]:
    """A study that was interrupted, and its data."""
    from nngraph.train.data.specs import load

    study = read_study(directory)
    declare_ops(study)
    data = load(study.options["data"])
    return replace(study, data=digest_of(data)), data


def check_wirings(study: Study, path: Path) -> None:
    """There is something to wire, and no two trials are the same."""
    if any(wiring.generator for wiring in study.wirings.values()) and not wired_nodes(study.model):
        raise OptionError(
            f"--wirings: {path} has no '{RANDWIRE}' node to wire; leave --wirings out to compare seeds of initial "
            "parameters"
        )
    same = [wiring.label for wiring in study.wirings.values() if not wiring.random]
    if same and study.seed is not None:
        raise OptionError(
            f"--seed: {study.seed} given, but trainings '{same[0]}' differ in that seed alone; leave --seed out"
        )


def options_for(study: Study, trial: Trial, threads: int) -> Options:
    """How a trial is trained."""
    kept = {name: item for name, item in study.options.items() if name != "split_seed"}
    return Options(**kept, seed=study.seed_of(trial), threads=threads, split_seeds=(study.options["split_seed"],))


def graph_for(study: Study, trial: Trial) -> Graph:
    """The network of a trial."""
    from nngraph.declare.load import graph_of

    rewired = study.wirings[trial.wiring].generator is not None
    return graph_of(study.document(trial), f"--wirings {trial.wiring}: " if rewired else "")


def data_for(study: Study, threads: int, whole: Dataset | None = None) -> Parts:
    """The data of all trials, split."""
    from nngraph.train.data.specs import load

    options = options_for(study, study.trials[0], threads)
    return parts_of(options, load(options.data) if whole is None else whole, options.split_seeds[0])


def declare_ops(study: Study) -> None:
    """Run the file that declared the model, for the sake of ops of its own."""
    if study.script is not None:
        run_declaration(Path(study.script))
