"""``nngraph predict``."""

from __future__ import annotations

from pathlib import Path

import click

from nngraph.cli.arguments import device_option, load_trained, precision_option, products_option, threads_option


@click.command(short_help="A trained model's outputs for new data.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN_OR_CHECKPOINT")
@click.option("--data", "-i", "data", metavar="SPEC", required=True, help="Dataset or file; targets are not needed.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="File to write: .csv, .json, .npy or .npz.  "
              "[default: CSV on standard output]")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), default=1024, help="Examples in a batch; changes no result.")
@threads_option
@device_option
@precision_option
@products_option
def command(
    run: Path, data: str, output: Path | None, batch_size: int, threads: int | None, device: str | None,
    precision: str | None, products: str | None,
) -> None:  # fmt: skip
    """Predict with a run's model, or a checkpoint.

    A table has a row for each example: the class with the highest score, where the model tells classes apart, and
    every unit of the outputs; for images in folders, their files too. Scores are the outputs as they are; a softmax is
    in them only if it is in the model.

    \b
    nngraph predict runs/flowers --data new.csv
    nngraph predict runs/flowers -i new.csv -o predictions.json
    """
    from nngraph.cli.predictions import check_output, write_predictions
    from nngraph.train.data.specs import load

    check_output(output)
    model = load_trained(run, "predict", threads=threads, device=device, precision=precision, products=products)
    given = load(data, classes=model.classes, need_targets=False)
    found = model.predict(given, batch_size=batch_size)
    outputs = found if isinstance(found, dict) else {next(iter(model.signature.outputs)): found}
    write_predictions(outputs, model.classes, output, given.files)
    if output is not None:
        click.echo(f"{len(next(iter(outputs.values()))):,} predictions in {output}")
