"""A model as training sees it: programs, and what is known of the data and of the epochs so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nngraph.errors import DataError, OptionError
from nngraph.ops.specification import to_spec
from nngraph.train.checkpoint import Checkpoint, assign_states, read, states_of
from nngraph.train.data.columns import in_order_of
from nngraph.train.data.standardizer import (
    Standardizer,
    fit_standardizer,
    standardize,
    standardizer_from_tensors,
)
from nngraph.train.examples import Examples, examples, named_like
from nngraph.train.fit import Settings, Training
from nngraph.train.gathers import check_augment, kept
from nngraph.train.history import History
from nngraph.train.position import Position
from nngraph.train.run_directory import LAST

if TYPE_CHECKING:
    import numpy as np

    from nngraph.declare.graph import Graph
    from nngraph.differentiate import Objective
    from nngraph.ops.optimizer import Optimizer
    from nngraph.programs import Programs
    from nngraph.train.best import Best
    from nngraph.train.data.augment import Augment
    from nngraph.train.data.dataset import Dataset
    from nngraph.train.loop import Loop
    from nngraph.train.signature import Signature


@dataclass(slots=True, eq=False)
class Trainee:
    """A model with its programs and what it has been through.

    Attributes
    ----------
    optimizer : Optimizer or None
        As it was given; the programs have one whose schedule is in steps.
    position, history
        Of the last training.
    classes : tuple of str
        Names of the classes of the data that it was trained on.
    standardizer : Standardizer or None
        What all of its data goes through.
    columns : tuple of str
        Names of the features of the data that it was trained on, in order, where they had names.
    """

    graph: Graph
    programs: Programs
    signature: Signature
    optimizer: Optimizer | None = None
    position: Position = field(default_factory=Position)
    history: History = field(default_factory=History)
    classes: tuple[str, ...] = ()
    standardizer: Standardizer | None = None
    columns: tuple[str, ...] = ()


def need_objective(trainee: Trainee, what: str) -> Objective:
    if trainee.programs.objective is None:
        raise OptionError(f"loss: none given, but {what} needs one; name it in compile(loss=...)")
    return trainee.programs.objective


def need_optimizer(trainee: Trainee) -> Optimizer:
    if trainee.optimizer is None:
        raise OptionError("optimizer: none given, but fit needs one; name it in compile(optimizer=...)")
    return trainee.optimizer


def as_trained(trainee: Trainee, data: Dataset) -> Dataset:
    """With columns in the order of the training's data, standardized as that was."""
    data = in_order_of(data, trainee.columns)
    if trainee.standardizer is None:
        return data
    return standardize(named_like(data, trainee.standardizer.mean), trainee.standardizer)


def scales_of(trainee: Trainee) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Means and deviations of the training's data by the model's inputs; an only one goes by whatever name it had."""
    found = trainee.standardizer
    if found is None:
        return {}
    names = trainee.signature.inputs
    alone = len(names) == len(found.mean) == 1
    return {next(iter(names)) if alone else key: (found.mean[key], found.std[key]) for key in found.mean}


def prepared(trainee: Trainee, *sets: Dataset, augment: Augment | None = None) -> list[Examples]:
    """Data as the programs take it, the first set augmented; the objective takes weights if any set has some."""
    objective = need_objective(trainee, "fit")
    weights = objective.sample_weights or any(data.weights is not None for data in sets)
    first, *others = sets
    if augment:
        check_augment(trainee.signature, augment, first.name)
        first = kept(first)
    found = [examples(trainee.signature, as_trained(trainee, first), weights, augment)]
    found += [examples(trainee.signature, as_trained(trainee, data), weights) for data in others]
    if weights:
        trainee.programs.use(objective=replace(objective, sample_weights=True))
    return found


def train(
    trainee: Trainee,
    training: Dataset,
    held_out: Dataset | None,
    settings: Settings,
    standardized: bool = False,
) -> History:
    """Train on checked data; `history` and `position` say how far it came, however it ends."""
    optimizer = need_optimizer(trainee)
    if not settings.resume:
        trainee.history, trainee.position = History(), Position(trainee.position.epoch)
    elif settings.run and (settings.run / LAST).is_file():
        take_up(trainee, settings.run / LAST)
    trainee.history.stopped = ""  # whatever ended the epochs before a resumption
    others = () if held_out is None else (held_out,)
    given, *checked = learned(trainee, training, others, standardized, settings.augment)
    text = trainee.graph.to_json(resolved=True) if settings.run else ""
    job = Training(
        trainee.programs, trainee.signature, optimizer, settings, given, next(iter(checked), None), trainee.position,
        trainee.history, text, config_of(trainee), partial(checkpoint_of_loop, trainee),
        partial(setattr, trainee, "position"),
    )  # fmt: skip
    job.run()
    return trainee.history


def learned(
    trainee: Trainee, training: Dataset, others: Sequence[Dataset], standardized: bool, augment: Augment | None
) -> list[Examples]:
    """Data as the programs take it, once the model knows what it is told by the training data, if all of it fits."""
    before = trainee.classes, trainee.columns, trainee.standardizer
    try:
        trainee.classes = training.classes or trainee.classes
        trainee.columns = trainee.columns or training.columns
        if standardized and trainee.standardizer is None:
            trainee.standardizer = fit_standardizer(in_order_of(training, trainee.columns))
        return prepared(trainee, training, *others, augment=augment)
    except DataError:
        trainee.classes, trainee.columns, trainee.standardizer = before
        raise


def take_up(trainee: Trainee, last: Path) -> None:
    """Before a run goes on: an untrained model becomes what the run has last saved, any other has to be it."""
    kept, position = read(last), trainee.position
    if position.epoch == position.step == 0:
        restore(trainee, kept, last)
    elif (position.epoch, position.step) != (kept.position.epoch, kept.position.step):
        raise OptionError(
            f"resume: {last} is at epoch {kept.position.epoch}, step {kept.position.step}, but the model is at epoch "
            f"{position.epoch}, step {position.step}; load the model from that file, or choose another run"
        )


def config_of(trainee: Trainee) -> dict[str, Any]:
    """What it takes to compile the model again, but for its graph."""
    objective, optimizer = trainee.programs.objective, trainee.optimizer
    losses = {} if objective is None else {name: to_spec(loss) for name, loss in objective.losses.items()}
    regularizer = None if objective is None else objective.regularizer
    return {
        "loss": losses or None, "optimizer": None if optimizer is None else to_spec(optimizer),
        "regularizer": None if regularizer is None else to_spec(regularizer),
        "dtype": trainee.programs.dtype, "precision": trainee.programs.precision,
        "products": trainee.programs.products, "seed": trainee.programs.seed,
    }  # fmt: skip


def checkpoint_of(trainee: Trainee, position: Position, optimizer: bool = True) -> Checkpoint:
    """Where the model stands; without the optimizer's states it is a model, not something to go on from."""
    standardizer = {} if trainee.standardizer is None else trainee.standardizer.tensors()
    return Checkpoint(
        trainee.graph.to_json(resolved=True), config_of(trainee), states_of(trainee.programs.store, optimizer),
        position.epoch, position.rows, trainee.history, trainee.classes, standardizer, position.sizes, trainee.columns,
    )  # fmt: skip


def checkpoint_of_loop(trainee: Trainee, loop: Loop, best: Best | None) -> Checkpoint:
    """Where a loop stands, or the model of its best epoch."""
    if best is None:
        return checkpoint_of(trainee, loop.position)
    epoch = best.watch.best_epoch
    history = {name: column[: epoch - loop.before] for name, column in trainee.history.items()}
    states = states_of(trainee.programs.store, False, best.snapshot)
    whole = checkpoint_of(trainee, Position(epoch), optimizer=False)
    return replace(whole, states=states, history=history)


def restore(trainee: Trainee, kept: Checkpoint, path: Path) -> None:
    """Give a model of the same graph what a checkpoint holds."""
    assign_states(trainee.programs.store, kept.states, path)
    trainee.position, trainee.history = kept.position, History(kept.history)
    trainee.classes, trainee.columns = kept.classes, kept.columns
    trainee.standardizer = standardizer_from_tensors(kept.standardizer)
