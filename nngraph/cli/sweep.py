"""``nngraph sweep``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from nngraph.cli.arguments import device_option, dtype_option, precision_option, products_option
from nngraph.cli.choices import seeds_of
from nngraph.cli.training_options import choices_of, training_options
from nngraph.errors import OptionError


@click.command(short_help="Train a model with several wirings and seeds, and compare them.")
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.option("--wirings", multiple=True, metavar="WIRING", help="What wires the model's randwire nodes: er:P, ba:M, "
              "ws:K,P, chain, residual:SPAN or dense; give it once for each to compare. ',nodes=N' at the end changes "
              "the number of nodes.  [default: as the model is]")  # fmt: skip
@click.option("--seeds", metavar="SEEDS", help="One training of each wiring for each, as in 0-9.  [default: 0-4]")
@training_options
@click.option("--split-seed", type=click.IntRange(0), help="What is held out depends on, the same for all.  "
              "[default: the first of the model's, or 0]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Of initial parameters, shuffling and dropout, the same for all, "
              "so that they differ in their wiring alone.  [default: that of each training]")  # fmt: skip
@dtype_option
@device_option
@precision_option
@products_option
@click.option("--jobs", type=click.IntRange(1), help="Trainings side by side.  [default: as many as cores, on a CUDA "
              "device 1]")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), help="Threads of each.  [default: the cores shared out]")
@click.option("--run", type=click.Path(path_type=Path), help="The study's directory; one that is there is gone on "
              "with, or added to.  [default: runs/MODEL-sweep-TIME]")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with an interrupted study; only "
              "--jobs and --threads may be given with it.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress, only the table.")
def command(
    model: Path | None, wirings: tuple[str, ...], seeds: str | None, split_seed: int | None, jobs: int | None,
    threads: int | None, run: Path | None, resume: Path | None, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Train MODEL once for each wiring and each seed, and compare what they come to on held-out data.

    Seed s wires node i of the n 'randwire' nodes, in the order of the model's file, with seed s * n + i; it is also
    the seed of the training. Without --wirings the seeds are those of trainings alone: initial parameters, the order
    of the data, dropout.

    Trainings run in processes of their own. The study's directory keeps the run of each, and results.jsonl, a line
    for each that has ended. Ctrl-C saves what is under way. A training that fails stops no other; the exit status is
    1 then.

    \b
    nngraph sweep models/digits_randwire.json --wirings ws:4,0.75 --wirings er:0.2 --wirings ba:5 --seeds 0-9
    nngraph sweep models/digits_randwire.json --wirings chain --wirings dense --seeds 0-4 --epochs 20 --jobs 2
    nngraph sweep models/digits_mlp.json --seeds 0-9
    nngraph sweep --resume runs/digits_randwire-sweep-20260101-120000
    """
    from nngraph.cli.sweeping import sweep
    from nngraph.cli.trials import begun_study, resumed_study
    from nngraph.train.rewiring import rewiring_of

    if resume is not None:
        own = {"MODEL": model, "wirings": wirings or None, "seeds": seeds, "split_seed": split_seed, "run": run}
        if other := [name for name, item in (own | given).items() if item is not None]:
            raise OptionError(f"--resume: {', '.join(other)} given with it; a resumed study keeps its own")
        study, data = resumed_study(resume)
        sweep(study, data, resume, jobs, threads, quiet)
        return
    if model is None:
        raise OptionError("MODEL: none given; name a model file, such as models/digits_mlp.json, or --resume a study")
    labeled = [rewiring_of("--wirings", text) for text in wirings]
    numbers = seeds_of("--seeds", "0-4" if seeds is None else seeds)
    study, data = begun_study(model, choices_of(given), split_seed, labeled, numbers)
    directory = run or Path("runs") / f"{model.stem}-sweep-{time.strftime('%Y%m%d-%H%M%S')}"
    sweep(study, data, directory, jobs, threads, quiet)
