"""``nngraph export``: a model as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.arguments import (
    MODEL_SUFFIXES,
    check_other_file,
    dtype_option,
    load_graph,
    load_trained,
    named_options,
    seed_option,
)

if TYPE_CHECKING:
    from nngraph.model import Model


@click.command(short_help="Write a model for other programs.")
@click.argument("source", type=click.Path(path_type=Path), metavar="RUN|MODEL")
@click.option("--to", metavar="TARGET", help="What to write: onnx; safetensors, the weights alone; python, a file that "
              "predicts with NumPy alone; numba, its kernels and their calls as a module.  [default: what the file's "
              "suffix says, of .py python]")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--opset", type=int, help="onnx: version of its operators, 17 to 21.  [default: 17]")
@click.option("--layout", type=click.Choice(["nhwc", "nchw"]), help="onnx: where images that enter or leave have their "
              "channels.  [default: nhwc]")  # fmt: skip
@click.option("--convention", type=click.Choice(["nngraph", "torch"]), help="safetensors: whose names and layouts the "
              "weights have.  [default: nngraph]")  # fmt: skip
@click.option("--batch", type=click.IntRange(1), help="numba: examples that the calls are for.  [default: 32]")
@dtype_option
@seed_option
def command(
    source: Path, to: str | None, output: Path, dtype: str | None, seed: int | None, **options: Any
) -> None:  # fmt: skip
    """Write the model of a run or checkpoint, or of a model file with the parameters that it begins with.

    ONNX files take images as nngraph does, channels last, unless --layout nchw says otherwise. Dropout is without
    effect in them, batch normalization goes by its running statistics, and names stay as they are.

    Weights alone come with the SHA-256 of each tensor. PyTorch has other names (dots for slashes, running_var) and the
    channels of a convolution's weight before its window; a linear layer that reads flattened images has its inputs in
    nngraph's order, channels last. A Python file has a line for each node; more than 256 parameters lie beside it, in
    an .npz archive of the same name. A module for Numba has the kernels that nngraph would run, for processors with
    vectors as wide as this one's, and compiles them when it is imported.

    \b
    nngraph export runs/flowers --to onnx -o flowers.onnx
    nngraph export models/digits_cnn.json -o digits.onnx --layout nchw --opset 21
    nngraph export runs/flowers --to safetensors --convention torch -o flowers.safetensors
    nngraph export runs/flowers --to python -o flowers.py
    nngraph export runs/flowers --to numba -o flowers_kernels.py
    """
    from nngraph.export.targets import export, target_of

    with named_options("to", *options):
        target = target_of(output, to)
        check_other_file(output, source)
        model = model_of(source, dtype, seed)
        given = {name: item for name, item in options.items() if item is not None}
        beside = export(model.trainee, output, target.name, given)
    more = f"; its parameters in {beside}" if beside else ""
    click.echo(f"{output}: {target.name}, {output.stat().st_size:,} bytes{more}")
    if target.name == "safetensors" and given.get("convention") == "torch" and model.trainee.standardizer:
        click.echo("note: inputs were standardized in training, which weights of this convention do not say", err=True)


def model_of(source: Path, dtype: str | None, seed: int | None) -> Model:
    """A trained model, or one of a model file as it begins."""
    from nngraph.model import compile

    if source.suffix not in MODEL_SUFFIXES or source.is_dir():
        return load_trained(source, "export")
    graph = load_graph(source)
    chosen: str = dtype or graph.training.get("dtype", "float32")
    return compile(graph, dtype=chosen, seed=graph.training.get("seed", 0) if seed is None else seed)
