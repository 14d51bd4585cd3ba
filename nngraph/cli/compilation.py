"""From a model's file and a command's options to a compilation, which the command then runs and shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from nngraph.cli.arguments import load_graph
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.compiler import Compilation, Purpose
    from nngraph.declare.graph import Graph
    from nngraph.differentiate import Objective

PURPOSES: Final = ("train", "gradients", "loss", "evaluate", "predict")
BATCH: Final = 32
TOTAL_STEPS: Final = 1000  # what schedules without a length of their own run over, where nothing is trained

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
    path: Path,
    *,
    purpose: str | None = None,
    loss: str | None = None,
    batch: int | None = None,
    threads: int | None = None,
    dtype: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    verify: bool = False,
) -> Compilation:
    """A compilation of the model in a file, of which no stage has run yet; what is not given is the model's."""
    from nngraph.compiler import Compilation
    from nngraph.cores import available_cores
    from nngraph.ops.optimizer import optimizer_from
    from nngraph.train.checks import check_options

    graph = load_graph(path)
    training = graph.training
    objective = objective_of(graph, loss)
    chosen = purpose or ("predict" if objective is None else "train")
    if objective is None and chosen != "predict":
        raise OptionError(
            f"--loss: none given, and {path} names none, but --purpose {chosen} needs one; give one, for example "
            "--loss cross_entropy"
        )
    optimizer = optimizer_from(training.get("optimizer") or "adam").resolve(TOTAL_STEPS, TOTAL_STEPS)
    own, where = dtype or training.get("dtype") or "float32", device or "cpu"
    chosen_seed: int = training.get("seed", 0) if seed is None else seed
    kept = check_options(where, threads, own, chosen_seed, precision or "full")
    return Compilation(
        graph.declaration(), cast("Purpose", chosen), objective, optimizer, own, chosen_seed,
        batch or training.get("batch_size") or BATCH, threads or available_cores(), verify, where, kept,
    )  # fmt: skip


def objective_of(graph: Graph, loss: Any = None) -> Objective | None:
    """What the model's own defaults, or `loss` in their place, say is to be made small; None if nothing does."""
    from nngraph.differentiate import objective_from

    training = graph.training
    chosen = loss or training.get("loss")
    if chosen is None:
        return None
    return objective_from(chosen, graph.outputs, regularizer=training.get("regularizer"))
