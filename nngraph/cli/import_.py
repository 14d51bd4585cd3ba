"""``nngraph import``: a model of another program."""

from __future__ import annotations

from pathlib import Path

import click

from nngraph.errors import OptionError


@click.command("import", short_help="Read a model of another program.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.onnx")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="MODEL.json", help="The model "
              "file to write; the weights go beside it, as MODEL.safetensors.")  # fmt: skip
@click.option("--layout", type=click.Choice(["nhwc", "nchw"]), default="nhwc", help="How images that enter or leave "
              "have their axes: as nngraph's, or as in the file.")  # fmt: skip
def command(file: Path, output: Path, layout: str) -> None:
    """Read an ONNX file: its graph becomes a model file, its weights a checkpoint beside it.

    The checkpoint is a model of its own, ready to predict, and to be trained on from these weights.

    \b
    nngraph import flowers.onnx -o flowers.json
    nngraph predict flowers.safetensors --data new.csv
    nngraph train flowers.json --weights flowers.safetensors
    """
    if output.suffix != ".json":
        raise OptionError(f"--output: {output} given, the name of a model file expected, as in {output.stem}.json")
    from nngraph.cli.tables import plural
    from nngraph.interchange import import_onnx

    model = import_onnx(file, layout=layout)
    weights = output.with_suffix(".safetensors")
    model.save(weights, optimizer=False)
    model.graph.save(output)
    size = sum(array.size for array in model.parameters().values())
    click.echo(f"{output}: {plural(len(model.graph), 'node')}; {weights}: {size:,} parameters")
