"""From a model's file and a command's options to a compilation, which the command then runs and shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nngraph.cli.arguments import load_graph

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.declare.graph import Graph

PURPOSES: Final = ("train", "gradients", "loss", "evaluate", "predict")

purpose_option = click.option(
    "--purpose",
    type=click.Choice(PURPOSES),
    help="Which of the model's programs.  "
    "[default: train, but predict for the table of nodes and for a model without a loss]",
)
loss_option = click.option("--loss", help="Loss of the only output, by name.  [default: the model's]")
batch_option = click.option(
    "--batch", type=click.IntRange(1), help="Examples in a batch.  [default: the model's, or 32]"
)
verify_option = click.option("--verify", is_flag=True, help="Check the graph after every pass.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def compiling(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is compiled."""
    from nngraph.cli.arguments import dtype_option, seed_option, threads_option

    for option in (seed_option, dtype_option, threads_option, batch_option, loss_option, purpose_option):
        function = option(function)
    return function


def compilation(
    source: Path | Graph, *, where: str = "", precision: str | None = None, **options: Any
) -> Compilation:  # fmt: skip
    """A compilation of a graph, or of the model in a file, of which no stage has run yet.

    What is not given is the model's; messages call a graph what `where` says.
    """
    from nngraph.report.compilation import compilation_of
    from nngraph.train.checks import check_options

    graph, where = (load_graph(source), str(source)) if isinstance(source, Path) else (source, where)
    c = compilation_of(graph, where=where, **options)
    c.precision = check_options(c.device, options.get("threads"), c.dtype, c.seed, precision or "full")
    return c
