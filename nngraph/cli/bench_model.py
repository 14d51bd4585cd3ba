"""``nngraph bench model``: where the time of a network's step goes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.arguments import device_option, model_argument, only_processor
from nngraph.cli.compilation import compilation, compiling, json_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.bench.model import CallTime, Profile

TOP = 25


@click.command(
    "model", short_help="Where a step's time goes, kernel by kernel, and what it would take at the roofline."
)
@model_argument
@device_option
@compiling
@click.option("--top", type=click.IntRange(1), default=TOP, show_default=True, help="Rows of the table.")
@click.option("--trace", type=click.Path(path_type=Path, dir_okay=False), help="Write one step as a Chrome trace, for "
              "chrome://tracing or ui.perfetto.dev.")  # fmt: skip
@json_option
def model(
    model: Path, purpose: str | None, batch: int | None, loss: str | None, dtype: str | None, threads: int | None,
    seed: int | None, device: str | None, top: int, trace: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Time every kernel call of MODEL within its steps, on random inputs.

    Calls of one kernel on one shape make a row. Beside its time stand what it did a second, and its share of the
    roofline: the longer of what its operations take at this machine's peak rate of multiply-adds and what its bytes
    take at the rate of a triad over as many bytes, as `nngraph bench kernels` measures both. More than 100% means
    operands that were still in a cache.

    \b
    nngraph bench model models/digits_cnn.json
    nngraph bench model models/randwire_cifar.json --batch 32 --threads 1 --top 10
    nngraph bench model models/digits_mlp.json --purpose predict --batch 1
    nngraph bench model models/digits_cnn.json --trace step.json
    """
    only_processor(device, "bench model")
    from nngraph.bench.model import profile
    from nngraph.cli.tables import show_json
    from nngraph.programs import Programs
    from nngraph.train.checkpoint import temporary

    if trace and not trace.parent.is_dir():
        raise OptionError(f"--trace: there is no folder {trace.parent}; make it first")
    c = compilation(model, purpose=purpose, loss=loss, batch=batch, threads=threads, dtype=dtype, seed=seed)
    programs = Programs(c.declared, c.objective, c.optimizer, c.dtype, c.seed, c.threads)
    found = profile(programs, c.purpose, c.batch, c.seed)
    if trace:
        with temporary(trace) as name, open(name, "w", encoding="utf-8") as file:
            json.dump(chrome_trace(found), file)
    if as_json:
        show_json({**asdict(found), "least": found.least})
    else:
        show(found, f"{model.stem}: {c.purpose}, batch {c.batch}, {c.dtype}", top, c.declared.nodes)
        if trace:
            click.echo(f"\nwritten: {trace}")


def show(found: Profile, title: str, top: int, declared: Collection[str]) -> None:
    from nngraph.cli.tables import duration, plural, show_table

    groups: dict[Any, list[CallTime]] = defaultdict(list)
    for call in found.calls:
        groups[call.kernel, call.shape, call.threads].append(call)
    rows = sorted(groups.values(), key=lambda calls: -sum(call.seconds for call in calls))
    clocked = sum(call.seconds for call in found.calls) + found.beside
    click.echo(f"{title}, {plural(found.threads, 'thread')}\n")
    show_table(
        (
            "kernel", "node", "shape", ">calls", ">time", ">of step", ">GFLOP/s", ">GB/s", ">roofline",
        ),
        [row_of(calls, clocked, declared) for calls in rows[:top]],
        ("all", "", "", f"{len(found.calls):,}", duration(clocked), "", *rates(found.calls, clocked)),
    )  # fmt: skip
    if len(rows) > top:
        rest = sum(call.seconds for calls in rows[top:] for call in calls)
        click.echo(f"{plural(len(rows) - top, 'row')} left out: {rest / clocked:.1%} of the step; --top shows more")
    click.echo(f"bringing the batch in and noting the loss: {duration(found.beside)}, {found.beside / clocked:.1%}")
    click.echo(
        f"\na step: {duration(found.seconds)} without the clock, {found.batch / found.seconds:,.0f} examples a second; "
        f"at the roofline {duration(found.least)} ({found.least / found.seconds:.0%})"
    )


def place_of(call: CallTime, declared: Collection[str]) -> str:
    """The declared node that a call is part of; behind a ∂ if it is of its gradient or update."""
    from nngraph.report.nodes import owner_of

    first = call.nodes[0] if call.nodes else ""
    for prefix, sign in (("gradient/", "∂ "), ("update/", "∂ "), ("", "")):
        if first.startswith(prefix) and (owner := owner_of(first.removeprefix(prefix).partition(".")[0], declared)):
            return sign + owner
    return first


def row_of(calls: Sequence[CallTime], clocked: float, declared: Collection[str]) -> tuple[str, ...]:
    from nngraph.cli.tables import duration

    first, seconds = calls[0], sum(call.seconds for call in calls)
    shape = "×".join(map(str, first.shape)) or "1"
    return (
        first.family, place_of(first, declared), shape, f"{len(calls):,}", duration(seconds),
        f"{seconds / clocked:.1%}", *rates(calls, seconds),
    )  # fmt: skip


def rates(calls: Sequence[CallTime], seconds: float) -> tuple[str, str, str]:
    """Operations and bytes a second, and the share of the roofline."""
    flops, traffic = sum(call.flops for call in calls), sum(call.traffic for call in calls)
    least = sum(call.least for call in calls)
    return f"{flops / seconds / 1e9:.1f}", f"{traffic / seconds / 1e9:.1f}", f"{least / seconds:.0%}"


def chrome_trace(found: Profile) -> dict[str, Any]:
    """The calls of a step as complete events of the Trace Event Format, in microseconds."""
    return {"traceEvents": [event(call) for call in found.calls], "displayTimeUnit": "ns"}


def event(call: CallTime) -> dict[str, Any]:
    details = {
        "kernel": call.kernel, "nodes": " ".join(call.nodes), "shape": list(call.shape), "threads": call.threads,
        "operations": call.flops, "bytes": call.traffic, "roofline": call.least / max(call.seconds, 1e-9),
    }  # fmt: skip
    return {
        "name": call.nodes[0] if call.nodes else call.kernel, "cat": call.family, "ph": "X", "pid": 0, "tid": 0,
        "ts": call.start * 1e6, "dur": call.seconds * 1e6, "args": details,
    }  # fmt: skip
