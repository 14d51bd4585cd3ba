"""``nngraph import``: a model, or weights, of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngraph.cli.arguments import check_other_file
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.model import Model

WEIGHTS = ".safetensors"


@click.command("import", short_help="Read a model of another program.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="MODEL.json", help="The model "
              "file to write; the weights go beside it, as MODEL.safetensors, which may be named alone where --model "
              "is given.")  # fmt: skip
@click.option("--model", type=click.Path(path_type=Path), help="safetensors: the model file whose weights these are.")
@click.option("--convention", type=click.Choice(["nngraph", "torch"]), help="safetensors: whose names and layouts they "
              "have.  [default: what the file says, or nngraph]")  # fmt: skip
@click.option("--layout", type=click.Choice(["nhwc", "nchw"]), help="onnx: how images that enter or leave have their "
              "axes, as nngraph's or as in the file.  [default: nhwc]")  # fmt: skip
def command(file: Path, output: Path, model: Path | None, convention: str | None, layout: str | None) -> None:
    """Read an ONNX file, whose graph becomes a model file, its weights a checkpoint beside it; or weights alone.

    The checkpoint is a model of its own, ready to predict, and to be trained on from these weights. Weights, in a
    safetensors file, are taken by name; all that are missing, unexpected or of another shape are listed.

    \b
    nngraph import flowers.onnx -o flowers.json
    nngraph predict flowers.safetensors --data new.csv
    nngraph train flowers.json --weights flowers.safetensors
    nngraph import weights.safetensors --model flowers.json --convention torch -o flowers.safetensors
    """
    from nngraph.cli.tables import plural

    weighed = file.suffix == WEIGHTS
    misplaced = {"--layout": layout} if weighed else {"--model": model, "--convention": convention}
    for option, given in misplaced.items():
        if given is not None:
            raise OptionError(f"{option}: given, but {file} is {'no' if weighed else 'an'} ONNX file; leave it out")
    check_output(output, weighed)
    weights = output.with_suffix(WEIGHTS)
    check_other_file(weights, file)
    found = with_weights(file, model, convention) if weighed else imported(file, layout)
    found.save(weights, optimizer=False)
    if output.suffix == ".json":
        found.graph.save(output)
    size = sum(array.size for array in found.parameters().values())
    said = f"{output}: {plural(len(found.graph), 'node')}; " if output.suffix == ".json" else ""
    click.echo(f"{said}{weights}: {size:,} parameters")


def check_output(output: Path, weighed: bool) -> None:
    taken = next((path for path in (output, output.with_suffix(WEIGHTS)) if path.is_dir()), None)
    if taken is not None:
        raise OptionError(f"--output: {taken} is a directory, a file to write expected; give another name")
    if output.suffix == ".json" or (weighed and output.suffix == WEIGHTS):
        return
    also = f" or {output.stem}{WEIGHTS}" if weighed else ""
    raise OptionError(f"--output: {output} given, the name of a model file expected, as in {output.stem}.json{also}")


def imported(file: Path, layout: str | None) -> Model:
    """The model of an ONNX file."""
    from nngraph.interchange import import_onnx

    return import_onnx(file, layout=layout or "nhwc")


def with_weights(file: Path, model: Path | None, convention: str | None) -> Model:
    """A model file's model with the weights of a file."""
    from nngraph.cli.arguments import load_graph
    from nngraph.model import compile

    if model is None:
        raise OptionError("--model: none given; name the model file whose weights these are")
    graph = load_graph(model)
    chosen: str = graph.training.get("dtype", "float32")
    found = compile(graph, dtype=chosen, seed=graph.training.get("seed", 0))
    found.load_weights(file, convention=convention)
    return found
