"""``nngraph compile``: run the pipeline, or a part of it, and show what it makes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nngraph.cli.arguments import device_option, model_argument, precision_option
from nngraph.cli.compilation import compilation, compiling, verify_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.ir.program import Schedule

NEEDED: Final = {"graph": "optimize", "schedule": "schedule", "memory": "plan", "source": "schedule"}


@click.command(short_help="Run the compiler, all of it or up to a stage.")
@model_argument
@click.option("--emit", type=click.Choice(list(NEEDED)), help="Print what the compiler made: the graph after the last "
              "stage, the kernel calls, the plan of the arena, or all kernels' source.")  # fmt: skip
@click.option("--stop-after", metavar="STAGE", help="Stop after a stage or a pass; its name may be any that the table "
              "of stages shows.")  # fmt: skip
@device_option
@precision_option
@compiling
@verify_option
def command(model: Path, emit: str | None, stop_after: str | None, verify: bool, **options: Any) -> None:
    """Run the compiler on MODEL, a model file or a Python file that declares a graph.

    Without --emit it prints a line for each stage and compiles the kernels that are not in the cache yet.

    \b
    nngraph compile models/digits_mlp.json
    nngraph compile models/digits_mlp.json --emit source --purpose predict
    nngraph compile models/digits_mlp.json --emit source --device cuda
    nngraph compile models/digits_mlp.json --emit graph --stop-after differentiate
    nngraph compile models/digits_mlp.json --emit memory --batch 128
    """
    check_stop(emit, stop_after, options["device"])
    c = compilation(model, verify=verify, **options)
    if emit:
        from nngraph.compiler import compile_program

        compile_program(c, stop_after or needed(emit, options["device"]))
        SHOW[emit](c)
    else:
        show_stages(c, stop_after)


def needed(emit: str, device: str) -> str:
    """The stage after which there is what is to be printed: as which kernels a device does a product, its plan says."""
    return "plan" if emit == "source" and device == "cuda" else NEEDED[emit]


def check_stop(emit: str | None, stop_after: str | None, device: str) -> None:
    """Whether `stop_after` is a stage, and late enough for what is to be printed."""
    from nngraph.compiler import STOPS

    if stop_after is not None and stop_after not in STOPS:
        raise OptionError(f"--stop-after: '{stop_after}' given, one of {', '.join(STOPS)} expected")
    if emit in (None, "graph") or stop_after is None:
        return
    first = needed(emit, device)
    if STOPS.index(stop_after) < STOPS.index(first):
        raise OptionError(f"--stop-after: '{stop_after}' comes before there is a {emit}; '{first}' or later expected")


def show_stages(c: Compilation, stop_after: str | None) -> None:
    """Run stage after stage, pass after pass, and print what each left and how long it took."""
    from nngraph.cli.tables import duration, plural, show_table
    from nngraph.compiler import PIPELINE
    from nngraph.ir.types import PRECISIONS
    from nngraph.optimize import passes_for

    rows: list[tuple[str, str, str]] = []
    passes = [step.name for step in passes_for(c.purpose, PRECISIONS[c.precision])]
    for stage in PIPELINE:
        for name in stage.passes or (stage.name,):
            if name in passes or not stage.passes:
                seconds = run_one(c, stage.name, name)
                title = f"  {name}" if stage.passes else name
                rows.append((title, summary(c, stage.name), duration(seconds)))
            if stop_after == name:
                break
        if stop_after == stage.name or stop_after in stage.passes:
            break
    where = plural(c.threads, "thread") if c.device == "cpu" else c.device
    click.echo(f"{c.declared.graph['name']}: {c.purpose}, {c.dtype}, batch {c.batch}, {where}\n")
    show_table(("stage", "left", ">time"), rows)


def run_one(c: Compilation, stage: str, name: str) -> float:
    """Run one stage, or one pass of it; the seconds it took."""
    from nngraph.cli.progress import kernels_progress
    from nngraph.compiler import PIPELINE
    from nngraph.ir.verify import verify
    from nngraph.optimize import PASSES

    passes = {step.name: step for step in PASSES}
    begin = time.perf_counter()
    if name in passes:
        assert c.graph
        c.graph = passes[name].run(c.graph)
    else:
        with kernels_progress() as c.on_progress:
            next(each for each in PIPELINE if each.name == stage).run(c, None)
    seconds = time.perf_counter() - begin
    if c.checked and c.graph:
        verify(c.graph)
    return seconds


def summary(c: Compilation, stage: str) -> str:
    """What a stage left, in a line."""
    from nngraph.cli.tables import plural

    if stage == "schedule" and c.schedule:
        before = c.schedule.preparation
        prepared = f"; {plural(len(before.calls), 'call')} before" if before else ""
        return f"{plural(len(c.schedule.calls), 'call')} of {plural(len(c.schedule.kernels), 'kernel')}{prepared}"
    if stage == "plan" and c.plan:
        return f"an arena of {c.plan.nbytes:,} bytes"
    if stage == "emit" and c.device == "cuda":
        return f"{plural(len(c.sources), 'kernel')}, compiled when a program is bound to the device"
    if stage == "emit":
        compiled = sum(c.cache.why(name).startswith("compiled") for name in c.sources)
        return f"{plural(len(c.sources), 'kernel')}: {compiled} compiled, {len(c.sources) - compiled} from the cache"
    assert c.graph
    before = c.graph.preparation
    prepared = f"; {plural(len(before.nodes), 'node')} before" if before else ""
    return f"{plural(len(c.graph.nodes), 'node')}, {plural(len(c.graph.states), 'state')}{prepared}"


def show_graph(c: Compilation) -> None:
    from nngraph.ir.text import to_text

    assert c.graph
    click.echo(to_text(c.graph), nl=False)


def show_schedule(c: Compilation) -> None:
    from nngraph.cli.tables import plural

    assert c.schedule
    click.echo(f"{c.schedule.graph.name}: {c.purpose}, batch {c.batch}, {plural(c.threads, 'thread')}\n")
    if c.schedule.preparation:
        click.echo("prepared, whenever states have changed:")
        show_calls(c, c.schedule.preparation)
        click.echo("\nfor each batch:")
    show_calls(c, c.schedule)


def show_calls(c: Compilation, schedule: Schedule) -> None:
    from nngraph.cli.tables import count, plural, show_list
    from nngraph.report.calls import call_rows

    for row in call_rows(schedule, c.batch, c.threads, c.device):
        click.echo(
            f"{row.number:>4}  {row.family} {row.kernel}  {plural(row.threads, 'thread')}  "
            f"{count(row.flops)} operations  {count(row.traffic)} bytes"
        )
        show_list("computes", row.nodes)
        show_list("reads", row.inputs)
        show_list("writes", row.outputs)


def show_memory(c: Compilation) -> None:
    from nngraph.cli.memory import show_report
    from nngraph.report.memory import memory_report

    assert c.graph is not None
    assert c.schedule is not None
    assert c.plan is not None
    show_report(c, memory_report(c.graph, c.schedule, c.plan), top=None)


def show_source(c: Compilation) -> None:
    from nngraph.report.source import source_text

    assert c.schedule
    click.echo(source_text(c.schedule, c.device, c.plan), nl=False)


SHOW: Final = {"graph": show_graph, "schedule": show_schedule, "memory": show_memory, "source": show_source}
