"""``nngraph inspect``: a model's nodes, the graph after a stage, or its memory, in tables or drawn."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.arguments import device_option, model_argument, precision_option
from nngraph.cli.compilation import compiling, json_option
from nngraph.cli.drawing import (
    draw_arena,
    draw_graph,
    draw_wiring,
    drawing_options,
    format_for,
    keep_text,
)
from nngraph.cli.looking import Subject, subject_at
from nngraph.cli.values import draw_values
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.report.nodes import NodeRow


@click.command(short_help="A model's nodes, shapes, parameters, work and memory, in tables or drawn.")
@model_argument
@click.option("--after", metavar="STAGE", help="Show the graph as this stage or pass leaves it: lower, differentiate, "
              "a pass of optimize such as fuse; drawn, also schedule or plan, with buffers by color.")  # fmt: skip
@click.option("--memory", is_flag=True, help="Show the arena: its size to the byte, what it is made of, and when it "
              "is fullest; drawn, offset against time.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=20, help="How many of the values at the peak --memory lists.")
@drawing_options
@json_option
@device_option
@precision_option
@compiling
def command(model: Path, after: str | None, memory: bool, top: int, as_json: bool, **options: Any) -> None:
    """Look at MODEL: a model file, a Python file that declares a graph, a run, or a checkpoint. Nothing is trained.

    Without an option it lists the nodes: what each makes, its parameters, its multiply-adds for one example, and
    the kernel (with its calls in the schedule) that computes it. With a format or a file it draws them.

    \b
    nngraph inspect models/digits_mlp.json
    nngraph inspect models/randwire_cifar.json -o net.html
    nngraph inspect models/randwire_cifar.json -o net.svg --expand stage1
    nngraph inspect models/randwire_cifar.json -o stage1.svg --wiring stage1
    nngraph inspect models/digits_mlp.json --after fuse -o fused.svg
    nngraph inspect models/two_layer.json --values -o values.svg
    nngraph inspect runs/spirals --values --example 3 -o values.svg
    nngraph inspect models/digits_mlp.json --memory --batch 128 -o arena.html
    nngraph inspect models/digits_mlp.json --after lower --purpose predict
    """
    given = {name: options.pop(name) for name in ("format", "output", "expand", "wiring", "values", "data", "example")}
    chosen = {"--after": after, "--memory": memory, "--values": given["values"], "--wiring": given["wiring"]}
    if len(named := [name for name, wanted in chosen.items() if wanted]) > 1:
        raise OptionError(f"{', '.join(named)}: {'both' if len(named) == 2 else 'all'} given, one of them expected")
    check_effective(given, chosen, as_json)
    subject = subject_at(model, options["device"])
    if given["wiring"]:
        draw_wiring(subject.graph, given)
    elif given["values"]:
        draw_values(subject, given, **options)
    elif as_json or format_for(given) == "text":
        show(subject, after, memory, top, as_json, given, options)
    elif memory:
        draw_arena(subject.compilation(**options), given)
    else:
        draw_graph(subject.compilation(**options), after, given)


def check_effective(given: dict[str, Any], chosen: dict[str, Any], as_json: bool) -> None:
    """Refuse options that nothing would come of."""
    if given["data"] and not given["values"]:
        raise OptionError("--data: given without --values, which draws an example of it; give that too")
    if given["example"] and not given["values"]:
        raise OptionError("--example: given without --values, which draws one; give that too")
    whole = next((name for name in ("--memory", "--values", "--wiring") if chosen[name]), None)
    if given["expand"] and whole:
        raise OptionError(f"--expand: given, but {whole} draws no groups; leave one of them out")
    if as_json and (whole in ("--values", "--wiring") or is_drawn(given)):
        raise OptionError("--json: given, but a drawing is asked for; leave one of them out")


def is_drawn(given: dict[str, Any]) -> bool:
    """Whether a format, or the name of a file, says a drawing."""
    from nngraph.draw.drawing import SUFFIXES

    suffix = given["output"].suffix.lower() if given["output"] else ""
    return (given["format"] or SUFFIXES.get(suffix, "text")) != "text"


def show(
    subject: Subject, after: str | None, memory: bool, top: int, as_json: bool, given: dict[str, Any],
    options: dict[str, Any],
) -> None:  # fmt: skip
    """Print tables, or write them to the file."""
    if given["output"] is not None:
        from contextlib import redirect_stdout
        from io import StringIO

        with redirect_stdout(StringIO()) as text:
            show(subject, after, memory, top, as_json, given | {"output": None}, options)
        keep_text(text.getvalue(), given["output"])
    elif given["expand"]:
        draw_graph(subject.compilation(**options), after, given)
    elif after:
        show_after(subject.compilation(**options), after, as_json)
    elif memory:
        show_memory(subject.compilation(**options), top, as_json)
    else:
        if options["purpose"] is None:
            options["purpose"] = "predict"
        show_nodes(subject.compilation(**options), as_json)


def show_after(c: Compilation, stage: str, as_json: bool) -> None:
    """Print the graph that a stage leaves."""
    from nngraph.cli.tables import show_json
    from nngraph.compiler import STOPS, compile_program
    from nngraph.ir.text import to_text

    made = [name for name in STOPS if name not in ("schedule", "plan", "emit")]
    if stage not in made:
        raise OptionError(f"--after: '{stage}' given, one of {', '.join(made)} expected")
    graph = compile_program(c, stage).graph
    assert graph
    if as_json:
        show_json({"graph": graph.name, "after": stage, "purpose": c.purpose, "text": to_text(graph)})
    else:
        click.echo(to_text(graph), nl=False)


def show_memory(c: Compilation, top: int, as_json: bool) -> None:
    from nngraph.cli.memory import show_report
    from nngraph.cli.tables import show_json
    from nngraph.compiler import compile_program
    from nngraph.report.memory import memory_report

    compile_program(c, "plan")
    assert c.graph is not None
    assert c.schedule is not None
    assert c.plan is not None
    report = memory_report(c.graph, c.schedule, c.plan)
    if as_json:
        show_json({"graph": c.declared.graph["name"], "purpose": c.purpose, "dtype": c.dtype, **asdict(report)})
    else:
        show_report(c, report, top)


def show_nodes(c: Compilation, as_json: bool) -> None:
    """Print the table of nodes and its totals."""
    from nngraph.cli.tables import show_json
    from nngraph.compiler import compile_program
    from nngraph.report.nodes import node_rows

    lowered = compile_program(c, "lower").graph
    compile_program(c, "schedule")
    assert lowered is not None
    assert c.schedule is not None
    rows = node_rows(c.declared, lowered, c.schedule, c.device)
    totals = totals_of(c, rows)
    if as_json:
        outputs: Any = c.declared.graph["outputs"]
        show_json({"graph": c.declared.graph["name"], "outputs": outputs, "nodes": rows, "totals": totals})
    else:
        print_nodes(c, rows, totals)


def totals_of(c: Compilation, rows: list[NodeRow]) -> dict[str, int]:
    assert c.schedule
    return {
        "nodes": len(rows),
        "parameters": sum(row.parameters for row in rows),
        "frozen": sum(row.frozen for row in rows),
        "statistics": sum(row.statistics for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "calls": len(c.schedule.calls),
        "kernels": len(c.schedule.kernels),
    }


def print_nodes(c: Compilation, rows: list[NodeRow], totals: dict[str, int]) -> None:
    from nngraph.cli.tables import amount, count, plural, show_table

    table = [
        (
            row.id, row.op, row.output, count(row.parameters) + ("*" if row.frozen else ""), count(row.multiply_adds),
            kernel_of(row),
        )
        for row in rows
    ]  # fmt: skip
    kernels = f"{plural(totals['calls'], 'call')}, {plural(totals['kernels'], 'kernel')}"
    nodes = plural(totals["nodes"], "node")
    total = (nodes, "", "", count(totals["parameters"]), count(totals["multiply_adds"]), kernels)
    click.echo(f"{c.declared.graph['name']}: {c.purpose}, {c.dtype}\n")
    show_table(("node", "op", "output", ">parameters", ">multiply-adds", "kernel"), table, total)
    size, work = amount(totals["parameters"]), amount(totals["multiply_adds"])
    click.echo(f"\n{size} parameters, {work} multiply-adds for an example")
    if c.schedule and c.schedule.preparation:
        calls = plural(len(c.schedule.preparation.calls), "call")
        click.echo(f"{calls} before the first batch, for what depends on parameters alone")
    if totals["frozen"]:
        click.echo(f"* {count(totals['frozen'])} of the parameters are frozen")
    if totals["statistics"]:
        click.echo(f"and {count(totals['statistics'])} running statistics, which are not trained")


def kernel_of(row: NodeRow) -> str:
    """The kernel that computes a node, and in which calls; "+1" where another takes part."""
    if len(row.kernels) == 0:
        return ""
    more = f" +{len(row.kernels) - 1}" if len(row.kernels) > 1 else ""
    shown = ", ".join(map(str, row.calls[:3])) + (", ..." if len(row.calls) > 3 else "")
    return f"{row.kernels[0][:11]}{more} (call {shown})"
