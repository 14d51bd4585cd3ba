"""The pipeline, in the open: one tuple of named stages, and a compilation that can stop after any of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from nngraph.differentiate import Objective, differentiate, evaluation, forward, pullback
from nngraph.emit.cache import KernelCache, Progress, user_cache
from nngraph.emit.source import kernel_source
from nngraph.errors import OptionError
from nngraph.ir.declaration import Declared
from nngraph.ir.graph import Graph
from nngraph.ir.program import Kernel, Plan, Schedule
from nngraph.ir.types import PRECISIONS
from nngraph.ir.verify import verify
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import Optimizer
from nngraph.optimize import PASSES, passes_for
from nngraph.plan import plan
from nngraph.run.bind import copy_kernels
from nngraph.schedule import schedule
from nngraph_kernels.record import record

Purpose = Literal["train", "gradients", "loss", "evaluate", "predict", "forward", "pullback"]
TRAINING: Final = ("train", "gradients", "loss", "forward", "pullback")  # dropout and batch statistics as in training


@dataclass(slots=True)
class Compilation:
    """A program on its way through the stages, and what each of them has made.

    Attributes
    ----------
    declared : Declared
        The declared graph.
    purpose : str
        "train": a step with updates; "gradients": loss and gradients; "loss": the loss alone, as training has it;
        "evaluate": loss and metrics; "predict"; "forward": outputs as in training; "pullback": these, and gradients
        from cotangents of them.
    objective, optimizer
        As the purpose needs them.
    batch : int
        For which the plan is made when the pipeline is run through; others are planned from the same schedule.
    checked : bool
        Verify the graph after every pass.
    device : {"cpu", "cuda"}
    precision : {"full", "bfloat16", "float16"}
        As what float32 numbers are kept between kernels; 16 bits are for the device "cuda".
    graph : Graph
        After "lower" and each later stage and pass, what it left.
    """

    declared: Declared
    purpose: Purpose
    objective: Objective | None = None
    optimizer: Optimizer | None = None
    dtype: str = "float32"
    seed: int = 0
    batch: int = 32
    threads: int = 1
    checked: bool = False
    device: str = "cpu"
    precision: str = "full"
    cache: KernelCache = field(default_factory=user_cache)
    on_progress: Progress | None = None
    graph: Graph | None = None
    schedule: Schedule | None = None
    plan: Plan | None = None
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    entries: Mapping[Kernel, int] = field(default_factory=dict[Kernel, int])


@record
class Stage:
    """A named part of the pipeline; `passes` names what can be stopped after within it."""

    name: str
    summary: str
    run: Callable[[Compilation, str | None], None]
    passes: tuple[str, ...] = ()


def run_lower(c: Compilation, stop: str | None) -> None:
    c.graph = lower(c.declared, training=c.purpose in TRAINING, dtype=c.dtype, seed=c.seed)


def run_differentiate(c: Compilation, stop: str | None) -> None:
    assert c.graph
    if c.purpose == "predict":
        return
    if c.purpose in ("forward", "pullback"):
        c.graph = (forward if c.purpose == "forward" else pullback)(c.graph)
        return
    if c.objective is None:
        raise OptionError(f"loss: none given, but '{c.purpose}' needs one; name it in compile(loss=...)")
    if c.purpose in ("loss", "evaluate"):
        c.graph = evaluation(c.graph, c.objective, training=c.purpose in TRAINING)
    else:
        optimizer = c.optimizer if c.purpose == "train" else None
        c.graph = differentiate(c.graph, c.objective, optimizer, scaled=c.precision == "float16")


def run_optimize(c: Compilation, stop: str | None) -> None:
    passes = passes_for(c.purpose, PRECISIONS[c.precision])
    for step in PASSES:
        assert c.graph
        if step in passes:
            c.graph = step.run(c.graph)
            if c.checked:
                verify(c.graph)
        if step.name == stop:
            return


def run_schedule(c: Compilation, stop: str | None) -> None:
    assert c.graph
    c.schedule = schedule(c.graph)


def run_plan(c: Compilation, stop: str | None) -> None:
    assert c.schedule
    c.plan = plan(c.schedule, c.batch, c.threads, c.device)


def run_emit(c: Compilation, stop: str | None) -> None:
    assert c.schedule
    kernels = c.schedule.kernels
    if c.plan:
        kernels |= dict.fromkeys(copy_kernels(c.plan))
    if c.device == "cuda":
        from nngraph.emit.cuda.source import cuda_source
        from nngraph.emit.cuda.support import check_families

        assert c.graph
        check_families(c.schedule, c.graph)
        c.sources = dict(map(cuda_source, kernels))  # compiled when they are first launched
        return
    named = {kernel: kernel_source(kernel) for kernel in kernels}
    c.sources = dict(named.values())
    addresses = c.cache.entries(c.sources, c.on_progress)
    c.entries = {kernel: addresses[name] for kernel, (name, _) in named.items()}


PIPELINE: tuple[Stage, ...] = (
    Stage("lower", "networkx graph to IR: composites expanded, order fixed, shapes inferred", run_lower),
    Stage("differentiate", "append the loss, its gradient and the update", run_differentiate),
    Stage("optimize", "the passes: fewer and larger kernels", run_optimize, tuple(p.name for p in PASSES)),
    Stage("schedule", "which launches, in which order", run_schedule),
    Stage("plan", "an offset in the arena for every value", run_plan),
    Stage("emit", "write and compile the kernels that are not in the cache", run_emit),
)
UNPLANNED = tuple(stage for stage in PIPELINE if stage.name != "plan")
STOPS = tuple(name for stage in PIPELINE for name in (*stage.passes, stage.name))


def compile_program(c: Compilation, stop_after: str | None = None, *, planned: bool = True) -> Compilation:
    """Run the stages one after the other.

    Parameters
    ----------
    c : Compilation
    stop_after : str, optional
        A stage or a pass, one of `STOPS`; the rest is not run.
    planned : bool
        False: leave "plan" out; who binds the program plans it for the batch it will run with.
    """
    if stop_after is not None and stop_after not in STOPS:
        raise OptionError(f"stop-after: '{stop_after}' given, expected one of {', '.join(STOPS)}")
    with collector_paused():
        for stage in PIPELINE if planned else UNPLANNED:
            stage.run(c, stop_after)
            if c.checked and c.graph and stage.name in ("lower", "differentiate"):
                verify(c.graph)
            if stop_after == stage.name or stop_after in stage.passes:
                break
    return c


@contextmanager
def collector_paused() -> Generator[None]:
    """Without garbage collection: a graph's many small objects all stay, and going over them takes a third longer."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
