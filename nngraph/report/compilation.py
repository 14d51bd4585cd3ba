"""From a declared graph and what its training says to a compilation of one of its programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from nngraph.compiler import Compilation, Purpose
from nngraph.cores import available_cores
from nngraph.differentiate import Objective, objective_from
from nngraph.errors import OptionError
from nngraph.ops.optimizer import optimizer_from

if TYPE_CHECKING:
    from nngraph.declare.graph import Graph

BATCH: Final = 32
TOTAL_STEPS: Final = 1000  # what schedules without a length of their own run over, where nothing is trained


def compilation_of(
    graph: Graph,
    *,
    where: str = "",
    purpose: str | None = None,
    loss: Any = None,
    batch: int | None = None,
    threads: int | None = None,
    dtype: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    verify: bool = False,
) -> Compilation:
    """A compilation of which no stage has run yet; what is not given is the model's.

    Parameters
    ----------
    graph : Graph
    where : str
        What messages call the model.
    purpose : str, optional
        By default the training step, or the prediction of a model without a loss.
    loss, batch, threads, dtype, seed, device, verify
        As for `nngraph inspect`.

    Raises
    ------
    OptionError
        If the purpose needs a loss, and there is none.
    """
    training = graph.training
    objective = objective_of(graph, loss)
    chosen = purpose or ("predict" if objective is None else "train")
    if objective is None and chosen != "predict":
        raise OptionError(
            f"--loss: none given, and {where or graph.name} names none, but --purpose {chosen} needs one; give one, "
            "for example --loss cross_entropy"
        )
    optimizer = optimizer_from(training.get("optimizer") or "adam").resolve(TOTAL_STEPS, TOTAL_STEPS)
    return Compilation(
        graph.declaration(), cast("Purpose", chosen), objective, optimizer,
        dtype or training.get("dtype") or "float32",
        training.get("seed", 0) if seed is None else seed,
        batch or training.get("batch_size") or BATCH, threads or available_cores(), verify, device or "cpu",
    )  # fmt: skip


def objective_of(graph: Graph, loss: Any = None) -> Objective | None:
    """What the model's own defaults, or `loss` in their place, say is to be made small; None if nothing does."""
    training = graph.training
    chosen = loss or training.get("loss")
    if chosen is None:
        return None
    return objective_from(chosen, graph.outputs, regularizer=training.get("regularizer"))
