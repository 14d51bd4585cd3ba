"""``nngraph gradcheck``: a model's gradients against finite differences."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngraph.cli.arguments import device_option, only_processor
from nngraph.cli.compilation import json_option, loss_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.gradcheck import GradientReport, ParameterCheck
    from nngraph.programs import Programs


@click.command(short_help="Compare a model's gradients with finite differences.")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--batch", type=click.IntRange(1), default=5, help="Random examples in the batch.")
@click.option("--directions", type=click.IntRange(1), help="Random directions for each parameter array of "
              "a net with more than 2,000 parameters (in a smaller one every element is compared); by default 50, or "
              "fewer where these would be more than 2,000 in all.")  # fmt: skip
@click.option("--full", is_flag=True, help="Compare every element however large the net is.")
@click.option("--eps", type=click.FloatRange(0, min_open=True), default=1e-6, help="Distance of the points.")
@click.option("--atol", type=click.FloatRange(0), default=1e-5, help="Absolute difference that is tolerated.")
@click.option("--rtol", type=click.FloatRange(0), default=1e-3, help="Relative difference that is tolerated.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of parameters, examples and directions.")
@click.option("--threads", type=click.IntRange(1), default=1, help="Threads to run on.")
@loss_option
@device_option
@json_option
def command(
    models: tuple[Path, ...], batch: int, directions: int | None, full: bool, eps: float, atol: float, rtol: float,
    seed: int, threads: int, loss: str | None, device: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Compare the gradients of each MODEL with finite differences, in float64, through its compiled kernels.

    The parameters are near where training starts, the inputs are random and inside the domain of what reads them.
    Directions on which a ReLU, a maximum or a hinge flips are skipped and counted. The exit code is 1 if a gradient
    is wrong, or nothing of one could be compared.

    \b
    nngraph gradcheck models/digits_mlp.json
    nngraph gradcheck models/*.json
    nngraph gradcheck models/twenty_line_net.py --full --batch 2
    """
    only_processor(device, "gradcheck")
    from nngraph.cli.progress import steps_progress
    from nngraph.gradcheck import check_gradients

    reports: dict[str, GradientReport] = {}
    for path in models:
        programs = programs_of(path, loss, seed, threads)
        with steps_progress(path.name) as progress:
            reports[str(path)] = check_gradients(
                programs, batch=batch, seed=seed, directions=directions, full_below=2**62 if full else 2000,
                eps=eps, atol=atol, rtol=rtol, on_progress=progress,
            )  # fmt: skip
    show(reports, as_json)
    return complain_of(reports)


def programs_of(path: Path, loss: str | None, seed: int, threads: int) -> Programs:
    """The programs of a model, in float64, with pages around the arena that nothing may touch."""
    from nngraph.cli.arguments import load_graph
    from nngraph.programs import Programs
    from nngraph.report.compilation import objective_of

    graph = load_graph(path)
    objective = objective_of(graph, loss)
    if objective is None:
        raise OptionError(f"{path}: names no loss; give one with --loss, for example --loss sum_squared_error")
    return Programs(
        graph.declaration(), objective, dtype="float64", seed=seed, threads=threads, checked=True, guard=True
    )


def show(reports: dict[str, GradientReport], as_json: bool) -> None:
    """All parameters of one model, or a line for each of several."""
    from nngraph.cli.tables import show_json

    if as_json:
        show_json({path: {**asdict(report), "passed": report.passed} for path, report in reports.items()})
    elif len(reports) == 1:
        for path, report in reports.items():
            show_parameters(path, report)
    else:
        show_models(reports)


def show_parameters(path: str, report: GradientReport) -> None:
    from nngraph.cli.tables import count, show_table

    how = "every element" if report.full else "random directions"
    click.echo(f"{path}: float64, batch {report.batch}, loss {report.loss:.6g}, {how}\n")
    rows = [
        (p.name, str(p.shape), count(p.directions), count(p.skipped), error_of(p), ratio_of(p), verdict_of(p))
        for p in report.parameters
    ]
    show_table(("parameter", "shape", ">compared", ">skipped", ">largest error", ">of tolerated", "verdict"), rows)
    compared, skipped = totals(report)
    click.echo(f"\n{'passed' if report.passed else 'FAILED'}: {compared:,} compared, {skipped:,} skipped at kinks")


def show_models(reports: dict[str, GradientReport]) -> None:
    from nngraph.cli.tables import count, show_table

    rows: list[tuple[str, ...]] = []
    for path, report in reports.items():
        compared, skipped = totals(report)
        worst = report.worst
        rows.append((
            path, count(compared), count(skipped),
            "" if worst is None else worst.name, "" if worst is None else ratio_of(worst),
            "passed" if report.passed else "FAILED",
        ))  # fmt: skip
    show_table(("model", ">compared", ">skipped", "worst parameter", ">of tolerated", "verdict"), rows)


def totals(report: GradientReport) -> tuple[int, int]:
    return sum(p.directions for p in report.parameters), sum(p.skipped for p in report.parameters)


def error_of(parameter: ParameterCheck) -> str:
    return f"{parameter.error:.1e}" if parameter.directions else ""


def ratio_of(parameter: ParameterCheck) -> str:
    if not parameter.directions:
        return ""
    return "< 0.01%" if parameter.excess < 1e-4 else f"{parameter.excess:.2%}"


def verdict_of(parameter: ParameterCheck) -> str:
    if not parameter.directions:
        return "all skipped"
    return "passed" if parameter.passed else "FAILED"


def complain_of(reports: dict[str, GradientReport]) -> int:
    """Name the worst parameter of each model that failed; the exit code."""
    failed = {path: report for path, report in reports.items() if not report.passed}
    for path, report in failed.items():
        click.echo(f"nngraph: {path}: {complaint(report)}", err=True)
    return 1 if failed else 0


def complaint(report: GradientReport) -> str:
    """What is wrong, or else what could not be compared."""
    worst = report.worst
    assert worst
    if worst.excess > 1:
        return (
            f"parameter '{worst.name}': gradient {worst.gradient:.9g}, but the loss changes by "
            f"{worst.difference:.9g}, {worst.excess:.3g} times what is tolerated"
        )
    skipped = next(parameter for parameter in report.parameters if not parameter.directions)
    return (
        f"parameter '{skipped.name}': nothing compared, for all {skipped.skipped} directions lead over kinks; "
        "give a smaller --eps or another --seed"
    )
