"""``nngraph plot``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Draw the curves of runs, and what small networks make of the plane.")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="File to write: .svg, .png or "
              ".pdf.")  # fmt: skip
@click.option("--data", metavar="SPEC", help="Points to show, in place of those that a run was trained on.")
def command(runs: tuple[Path, ...], output: Path, data: str | None) -> None:
    """Draw RUN's loss, metrics and learning rate over the epochs; several runs are compared.

    A network of two inputs is drawn as well: the plane as it decides it, and where each of its hidden layers sends
    the plane's grid and the data (on two principal axes, where the layer has more than two units). Of a network of
    one input there is its function, with the corners of its ReLU pieces. A directory that holds a run for each split
    seed, or a study, stands for all runs in it. It needs matplotlib: pip install "nngraph[plot]".

    \b
    nngraph train models/classify2d_0.01.json --run runs/moons
    nngraph plot runs/moons -o moons.svg
    nngraph plot runs/sgd runs/adam -o comparison.png
    """
    from nngraph.plot import plot

    plot(runs, output, data=data)
    click.echo(f"drawn in {output}")
