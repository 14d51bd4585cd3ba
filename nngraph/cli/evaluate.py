"""``nngraph evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngraph.cli.arguments import device_option, load_trained, precision_option, products_option, threads_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.model import Model
    from nngraph.train.data.dataset import Dataset


@click.command(short_help="Loss and metric of a trained model on data.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN_OR_CHECKPOINT")
@click.option("--data", metavar="SPEC", help="Dataset or file, all of it.  [default: what the run held out]")
@click.option("--batch-size", type=click.IntRange(1), default=1024, help="Examples in a batch; changes no result.")
@threads_option
@device_option
@precision_option
@products_option
def command(
    run: Path, data: str | None, batch_size: int, threads: int | None, device: str | None, precision: str | None,
    products: str | None,
) -> None:  # fmt: skip
    """Evaluate a run's model, or a checkpoint.

    A run's directory stands for the model that its training ended with; its best epoch's is best.safetensors.

    \b
    nngraph evaluate runs/digits_mlp-20260101-120000/split-0
    nngraph evaluate runs/flowers/best.safetensors --data iris.csv:target=species
    """
    from nngraph.cli.training import described

    model = load_trained(run, "evaluate", threads=threads, device=device, precision=precision, products=products)
    examples, title = chosen_data(model, run, data)
    found = model.evaluate(examples, batch_size=batch_size)
    click.echo(f"{title}: {described(found)} ({len(examples):,} examples)")


def chosen_data(model: Model, run: Path, data: str | None) -> tuple[Dataset, str]:
    """The data that is named, or what the run held out."""
    from nngraph.train.data.specs import load

    if data is not None:
        return load(data, classes=model.classes), data
    found = held_out_of(run)
    if found is None:
        raise OptionError(f"--data: none given, and {run} does not say what was held out; name a dataset or a file")
    return found


def held_out_of(run: Path) -> tuple[Dataset, str] | None:
    """What a run, or that of a checkpoint, held out, and its title; None where it does not say."""
    from nngraph.train.data.specs import load
    from nngraph.train.data.splits import split
    from nngraph.train.run_directory import CONFIG, read_config

    directory = run if run.is_dir() else run.parent
    config = read_config(directory) if (directory / CONFIG).is_file() else {}
    if not {"data", "held_out", "split_seed"} <= config.keys():
        return None
    _, held_out = split(load(config["data"]), config["held_out"], seed=config["split_seed"])
    return held_out, f"{config['data']}, held out"
