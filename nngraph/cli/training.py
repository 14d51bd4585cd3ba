"""What `nngraph train` does: options from three places, then one training for each way to hold out data."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.choices import data_spec
from nngraph.errors import OptionError
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph
    from nngraph.model import Model
    from nngraph.train.data.dataset import Dataset


@record
class Options:
    """How to train: as a run's configuration holds it, beside what the model says of itself.

    Attributes
    ----------
    split_seeds : tuple of int
        One training for each.
    validation_split : float or None
        The share of the training part that early stopping and the curves of validation go by; without it they go
        by the held-out part.
    standardize : bool or None
        None: where the data comes from a file, or is of bytes.
    augment : mapping or None
        Options of `nngraph.Augment`.
    weights : str or None
        A checkpoint or a run, whose parameters training begins with.
    tensorboard : bool
        Whether metrics are written for TensorBoard too.
    """

    data: str = "digits"
    loss: Any = None
    optimizer: Any = "adam"
    regularizer: Any = None
    learning_rate: float | None = None
    epochs: int = 20
    batch_size: int = 32
    seed: int = 0
    dtype: str = "float32"
    threads: int | None = None
    device: str = "cpu"
    precision: str = "full"
    products: str = "own"
    held_out: float = 0.2
    split_seeds: tuple[int, ...] = (0,)
    validation_split: float | None = None
    standardize: bool | None = None
    augment: dict[str, Any] | None = None
    patience: int | None = None
    class_weight: str | None = None
    weights: str | None = None
    tensorboard: bool = False


def options_of(*sources: Mapping[str, Any]) -> Options:
    """Options from mappings, of which the first that says something counts; None says nothing."""
    names = {field.name for field in fields(Options)}
    found: dict[str, Any] = {}
    for source in reversed(sources):
        found |= {name: given for name, given in source.items() if name in names and given is not None}
    found["data"] = data_spec(found.get("data", "digits"))
    found["split_seeds"] = tuple(found.get("split_seeds", (0,)))
    return Options(**found)


def train_all(graph: Graph, options: Options, directory: Path, resume: bool, progress: bool) -> None:
    """Train once for each split seed, and say how well each does on what was held out."""
    from nngraph.train.data.specs import load

    whole = load(options.data)
    options = resolved(graph, options, whole)
    results: list[dict[str, float]] = []
    several = len(options.split_seeds) > 1
    for place, seed in enumerate(options.split_seeds):
        path = directory / f"split-{seed}" if several else directory
        results.append(train_one(graph, options, whole, seed, path, resume, progress, introduce=place == 0))
    if several:
        click.echo(f"mean of split seeds {listed(options.split_seeds)}: {summary(results)}")
    trained = directory / f"split-{options.split_seeds[0]}" if several else directory
    click.echo(f"saved in {directory}; go on with: nngraph evaluate {shlex.quote(str(trained))}")


def train_one(
    graph: Graph, options: Options, whole: Dataset, seed: int, path: Path, resume: bool, progress: bool, introduce: bool
) -> dict[str, float]:
    """Train on all but what this seed holds out; the metrics on that."""
    from nngraph.cli.tables import plural
    from nngraph.train.run_directory import LAST
    from nngraph.train.trainee import train

    parts = parts_of(options, whole, seed)
    model = model_for(graph, options, path, resume)
    if introduce:
        introduction(model, options, parts)
    clock = Clock()
    settings = settings_of(options, seed, path, resume, progress)
    try:
        with compilation_shown(model, progress, clock):
            history = train(model.trainee, parts.training, parts.validation, settings, bool(options.standardize))
    except KeyboardInterrupt:
        saved = f"saved in {path}" if (path / LAST).is_file() else "interrupted before the first step"
        click.echo(f"{saved}; go on with: nngraph train --resume {run_of(path, options)}", err=True)
        raise
    found = model.evaluate(parts.held_out)
    title = f"split seed {seed}: " if len(options.split_seeds) > 1 else ""
    after = f", {history.stopped}" if history.stopped else ""
    click.echo(f"{title}held-out {described(found)} ({plural(history.epochs, 'epoch')}{after}, {clock.text()})")
    return found


@record
class Parts:
    """Data: to train on, to validate with (the held-out part, unless a share is set aside), and to test with."""

    training: Dataset
    validation: Dataset
    held_out: Dataset


def parts_of(options: Options, whole: Dataset, seed: int) -> Parts:
    """Data as `seed` splits it, the training part weighted where that is wanted."""
    from nngraph.train.data.splits import split
    from nngraph.train.data.weights import weighted

    training, held_out = split(whole, options.held_out, seed=seed)
    validation = held_out
    if options.validation_split is not None:
        training, validation = split(training, options.validation_split, seed=seed)
    if options.class_weight:
        training = weighted(training, class_weight=options.class_weight)  # pyright: ignore[reportArgumentType]
    return Parts(training, validation, held_out)


@contextmanager
def compilation_shown(model: Model, progress: bool, clock: Clock) -> Generator[None]:
    """On a terminal there is a bar while kernels are compiled that are not in the cache; `clock` takes the time."""
    if not (progress and sys.stderr.isatty()):
        model.programs.on_progress = clock.compiled
        yield
    else:
        from nngraph.cli.progress import kernels_progress

        with kernels_progress() as report:
            model.programs.on_progress = lambda done, total: (clock.compiled(done, total), report(done, total))[1]
            yield
    model.programs.on_progress = None


class Clock:
    """Measures from now on, the time that kernels take to compile apart."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.compiling = 0.0
        self.last: float | None = None

    def compiled(self, done: int, total: int) -> None:
        """So many kernels have been compiled; the first call of each compilation says 0."""
        now = time.perf_counter()
        if done and self.last is not None:
            self.compiling += now - self.last
        self.last = now

    def text(self) -> str:
        """``1.23 s``, or ``1.23 s + 4.5 s compiling``."""
        training = time.perf_counter() - self.begun - self.compiling
        return f"{training:.2f} s" + (f" + {self.compiling:.1f} s compiling" if self.compiling else "")


def run_of(path: Path, options: Options) -> Path:
    """The directory of the whole run."""
    return path.parent if len(options.split_seeds) > 1 else path


def model_for(graph: Graph, options: Options, path: Path, resume: bool) -> Model:
    """A new model, or that of an interrupted training."""
    from nngraph.loading import load_model
    from nngraph.model import compile
    from nngraph.train.run_directory import LAST

    if resume and (path / LAST).is_file():
        return load_model(
            path / LAST, threads=options.threads, device=options.device, precision=options.precision,
            products=options.products,
        )  # fmt: skip
    model = compile(
        graph, loss=options.loss, optimizer=optimizer_of(options), regularizer=options.regularizer,
        threads=options.threads, device=options.device, dtype=options.dtype, precision=options.precision,
        products=options.products, seed=options.seed,
    )  # fmt: skip
    if options.weights is not None:
        begin_with(model, Path(options.weights))
    return model


def begin_with(model: Model, path: Path) -> None:
    """Give a new model the parameters and running statistics of a checkpoint.

    Raises
    ------
    OptionError
        If the checkpoint has not all of them, or others.
    """
    from nngraph.train.checkpoint import read
    from nngraph.train.run_directory import checkpoint_in

    file = checkpoint_in(path)
    found = {name: array for name, array in read(file).states.items() if ":" not in name}
    own = {**model.parameters(), **model.statistics()}
    for name in [*(own.keys() - found.keys()), *(found.keys() - own.keys())]:
        where = f"{file} has none" if name in own else f"model '{model.graph.name}' has none"
        raise OptionError(f"--weights: '{name}': {where}; give a checkpoint of the same graph")
    model.set_parameters(found)


def optimizer_of(options: Options) -> Any:
    """The optimizer, with the learning rate that is given for it."""
    if options.learning_rate is None:
        return options.optimizer
    spec = {"type": options.optimizer} if isinstance(options.optimizer, str) else dict(options.optimizer)
    return spec | {"learning_rate": options.learning_rate}


def settings_of(options: Options, seed: int, path: Path, resume: bool, progress: bool) -> Any:
    from nngraph.train.data.augment import augment_from
    from nngraph.train.early_stopping import EarlyStopping
    from nngraph.train.fit import Settings

    config = asdict(options)
    for name in ("loss", "optimizer", "regularizer"):  # the model's own are written out in full
        del config[name]
    several = len(options.split_seeds) > 1
    stopping = EarlyStopping(options.patience) if options.patience else None
    return Settings(
        options.epochs, options.batch_size, early_stopping=stopping, run=path, resume=resume,
        progress=None if several and progress else progress,
        title=f"split {seed}," if several else "", config=config | {"split_seed": seed},
        augment=augment_from(options.augment), tensorboard=options.tensorboard,
    )  # fmt: skip


def resolved(graph: Graph, options: Options, data: Dataset) -> Options:
    """With what goes by the data where nothing is said: whether it is standardized, and the loss."""
    from nngraph.train.data.augment import augment_from

    augment = augment_from(options.augment)
    options = replace(options, augment=None if augment is None else augment.plain())
    if options.standardize is None:
        options = replace(options, standardize=is_file(options.data) or holds_bytes(data))
    return options if options.loss is not None else replace(options, loss=fitting_loss(graph, data))


def fitting_loss(graph: Graph, data: Dataset) -> str:
    """The loss that goes with the data."""
    if data.task == "regression":
        return "mean_squared_error"
    outputs = list(graph.outputs.values())
    if len(outputs) != 1:
        raise OptionError("loss: none given, and the model has several outputs; name them in its file's training block")
    return "binary_cross_entropy" if outputs[0].shape[-1:] == (1,) else "cross_entropy"


def introduction(model: Model, options: Options, parts: Parts) -> None:
    """The resolved configuration, in three paragraphs."""
    from nngraph.cli.tables import show_titled
    from nngraph.train.trainee import config_of

    config = config_of(model.trainee)
    threads, device = model.programs.thread_count, options.device
    where = f"{threads} thread{'s' if threads > 1 else ''}" if device == "cpu" else device
    kept = f" kept as {config['precision']}" if config["precision"] != "full" else ""
    where += f", products by {config['products']}" if config["products"] != "own" else ""
    size = sum(array.size for array in model.parameters().values())
    show_titled(
        "model",
        f"{model.graph.name}: {size:,} parameters, {config['dtype']}{kept}, {where}, seed {config['seed']}",
    )
    introduce_training(model, options, parts)


def introduce_training(model: Model, options: Options, parts: Parts) -> None:
    """What it is trained on, and how."""
    from nngraph.cli.tables import plural, show_titled
    from nngraph.train.trainee import config_of

    config = config_of(model.trainee)
    own = f"{len(parts.validation):,} to validate with, " if parts.validation is not parts.held_out else ""
    sizes = f"{len(parts.training):,} examples to train on, {own}{len(parts.held_out):,} held out"
    prepared = ", standardized" if options.standardize else ""
    if options.augment:
        chosen = (name if x is True else f"{name} {x}" for name, x in options.augment.items() if x)
        prepared += f", augmented ({', '.join(chosen)})"
    show_titled("data", f"{options.data}: {sizes}{prepared}")
    losses = ", ".join(brief(loss) for loss in config["loss"].values())
    penalty = f", regularizer {brief(config['regularizer'])}" if config["regularizer"] else ""
    steps = f"{plural(options.epochs, 'epoch')} in batches of {options.batch_size}"
    show_titled("training", f"{losses}, {brief(config['optimizer'])}{penalty}, {steps}")


def brief(spec: Mapping[str, Any]) -> str:
    """A specification by name, with what says most of it."""
    told = {name: spec.get(name) for name in TOLD}
    shown = [f"{name.replace('_', ' ')} {short(given)}" for name, given in told.items() if given]
    return f"{spec['type']} ({', '.join(shown)})" if shown else spec["type"]


TOLD = ("learning_rate", "momentum", "weight_decay", "strength", "label_smoothing")


def short(given: float | dict[str, Any]) -> str:
    """A number, or a schedule by name with the rate that it begins with."""
    if not isinstance(given, dict):
        return f"{given:g}"
    inner = given.get("learning_rate") or given.get("schedule")
    return f"{given['type']} {short(inner)}" if inner else given["type"]


def described(metrics: Mapping[str, float]) -> str:
    """Accuracy first, for that is what people look for."""
    names = sorted(metrics, key=lambda name: ("accuracy" not in name, "mae" not in name))
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in names)


def summary(results: list[dict[str, float]]) -> str:
    """Means over trainings, with the least and the greatest of the first metric."""
    means = {name: sum(found[name] for found in results) / len(results) for name in results[0]}
    first = described(means).split(" ")[0]
    numbers = [found[first] for found in results]
    return f"held-out {described(means)} ({first} {min(numbers):.4f} to {max(numbers):.4f})"


def listed(seeds: tuple[int, ...]) -> str:
    """``0 to 4`` or ``1, 5``."""
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def holds_bytes(data: Dataset) -> bool:
    """Whether inputs are bytes, such as an image's, which no network takes as they are."""
    return any(array.dtype == "uint8" for array in data.inputs.values())


def is_file(spec: str) -> bool:
    """Whether data is read from a file, where features may have any scale."""
    from nngraph.train.data.sources import DATASETS

    return spec.partition(":")[0] not in {source.name for source in DATASETS}
