"""``nngraph train``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from nngraph.cli.arguments import (
    device_option,
    dtype_option,
    precision_option,
    products_option,
    seed_option,
    threads_option,
)
from nngraph.cli.choices import seeds_of
from nngraph.cli.training_options import choices_of, training_options
from nngraph.errors import OptionError

RESUMED_WITH: Final = ("epochs", "threads", "device", "precision", "products")


@click.command(short_help="Train a model on data.")
@click.argument("model", type=click.Path(path_type=Path), required=False)
@training_options
@click.option("--split-seeds", metavar="SEEDS", help="What is held out depends on; with several, as in 0-4, one "
              "training for each, and the mean.  [default: the model's, or 0]")  # fmt: skip
@seed_option
@dtype_option
@threads_option
@device_option
@precision_option
@products_option
@click.option("--weights", type=click.Path(), metavar="RUN|CHECKPOINT", help="Begin with the parameters "
              "of the same graph: those of an imported model, or of an earlier run.")  # fmt: skip
@click.option("--run", type=click.Path(path_type=Path), help="The run's directory.  [default: runs/MODEL-TIME]")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with an interrupted run, exactly "
              f"as if it had not been; only --{', --'.join(RESUMED_WITH)} may be given with it.")  # fmt: skip
@click.option("--tensorboard", is_flag=True, default=None, help="Write loss, metrics and learning rate into "
              "RUN/tensorboard too, for TensorBoard; needs nngraph[tensorboard].")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress, only results.")
def command(model: Path | None, resume: Path | None, run: Path | None, quiet: bool, **given: Any) -> None:
    """Train MODEL, a model file or a Python file that declares a graph, and evaluate it on held-out data.

    What is not given is as the model's file says. The run's directory keeps the model, the configuration, a line
    of metrics for each epoch, and the last and the best checkpoint. Ctrl-C stops at once and saves.

    \b
    nngraph train models/digits_mlp.json
    nngraph train models/digits_mlp.json --optimizer sgd:momentum=0.9 --learning-rate 0.05 --epochs 40
    nngraph train models/classify2d_0.001.json --data spirals:n=400,noise=0.05 --regularizer l2:strength=0.001
    nngraph train model.json --data iris.csv:target=species --patience 10 --validation-split 0.2
    nngraph train --resume runs/digits_mlp-20260101-120000
    """
    from nngraph.cli.training import options_of, train_all

    given = choices_of(given)
    if given["split_seeds"] is not None:
        given["split_seeds"] = seeds_of("--split-seeds", given["split_seeds"])
    if resume is not None:
        resume_run(resume, model, run, given, not quiet)
        return
    if model is None:
        raise OptionError("MODEL: none given; name a model file, such as models/digits_mlp.json, or --resume a run")
    from nngraph.cli.arguments import load_graph

    graph = load_graph(model)
    directory = run or Path("runs") / f"{model.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    train_all(graph, options_of(given, graph.training), directory, False, not quiet)


def resume_run(path: Path, model: Path | None, run: Path | None, given: dict[str, Any], progress: bool) -> None:
    """Go on with a run, or with those of its trainings that have not ended."""
    from nngraph.cli.training import options_of, train_all
    from nngraph.declare.load import load
    from nngraph.train.run_directory import CONFIG, MODEL, read_config

    other = [name for name, value in given.items() if value is not None and name not in RESUMED_WITH]
    other += [name for name, value in (("MODEL", model), ("run", run)) if value is not None]
    if other:
        raise OptionError(f"--resume: {', '.join(other)} given with it; a resumed run keeps its own")
    first = next(iter(sorted(path.glob(f"split-*/{CONFIG}"))), path / CONFIG).parent
    options = options_of(given, read_config(first))
    train_all(load(first / MODEL), options, path, True, progress)
