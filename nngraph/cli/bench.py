"""``nngraph bench``: speed, beside what this machine can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nngraph.cli import bench_model
from nngraph.cli.arguments import threads_option
from nngraph.cli.compilation import json_option
from nngraph.errors import OptionError

if TYPE_CHECKING:
    from nngraph.bench.kernels import Case, Measured
    from nngraph.bench.peaks import Peaks


@click.group(short_help="Measure kernels and models against what this machine can do.")
def command() -> None:
    """Measure speed on this machine.

    \b
    nngraph bench kernels
    nngraph bench kernels --filter matmul --threads 1
    nngraph bench model models/randwire_cifar.json
    """


command.add_command(bench_model.model)


@command.command(short_help="Time of each kernel, and its share of this machine's measured peak.")
@click.option("--filter", "wanted", metavar="TEXT", help="Only kernels whose family, name or shape holds this text.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Element type.")
@threads_option
@json_option
def kernels(wanted: str | None, dtype: str, threads: int | None, as_json: bool) -> None:
    """Time kernels on many shapes, as the compiler emits them and the tape runs them.

    Products and convolutions are compared with multiply-adds in registers; everything else with the bytes that a triad
    (y = a + 3x) moves a second in as much memory. More than 100% of that is possible where a kernel reads more than it
    writes. The last line says what a call costs beside its work.

    \b
    nngraph bench kernels
    nngraph bench kernels --filter softmax --threads 1
    nngraph bench kernels --dtype float64 --json > bench.json
    """
    from nngraph.cli.tables import show_json

    chosen = chosen_cases(wanted)
    peaks = peaks_of(threads)
    found = measured(chosen, peaks, dtype)
    if as_json:
        rows = [{**asdict(row), "share": row.share} for row in found]
        calls = {"empty_call_seconds": peaks.call(shared=False), "shared_call_seconds": peaks.call(shared=True)}
        show_json({"dtype": dtype, "threads": peaks.threads, "kernels": rows, **calls})
    else:
        show(found, dtype)
        click.echo(f"\n{calls_line(peaks)}")


def chosen_cases(wanted: str | None) -> list[Case]:
    from nngraph.bench.kernels import cases

    chosen = [case for case in cases() if wanted is None or wanted.lower() in text_of(case)]
    if not chosen:
        families = ", ".join(dict.fromkeys(case.family for case in cases()))
        raise OptionError(f"--filter: '{wanted}' is in no kernel's name; families are {families}")
    return chosen


def measured(chosen: list[Case], peaks: Peaks, dtype: str) -> list[Measured]:
    from nngraph.bench.kernels import measure
    from nngraph.cli.progress import steps_progress

    found: list[Measured] = []
    with steps_progress("measuring") as progress:
        for case in chosen:
            found.append(measure(case, peaks, dtype))
            progress(len(found), len(chosen))
    return found


def calls_line(peaks: Peaks) -> str:
    from nngraph.cli.tables import duration

    alone = f"a call that does nothing takes {duration(peaks.call(shared=False))}"
    if peaks.threads == 1:
        return alone
    return f"{alone}, one that is offered to {peaks.threads} threads {duration(peaks.call(shared=True))}"


def text_of(case: Case) -> str:
    return f"{case.family} {case.name} {case.shape}".lower()


def peaks_of(threads: int | None) -> Peaks:
    from nngraph.bench.peaks import Peaks
    from nngraph.cores import available_cores
    from nngraph.emit.cache import user_cache
    from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape

    cache = user_cache()
    tape = Tape(cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME])
    return Peaks(cache, tape, available_cores() if threads is None else threads)


def show(found: list[Measured], dtype: str) -> None:
    from nngraph.cli.tables import duration, plural, show_table

    threads = found[0].threads
    click.echo(f"{dtype}, {plural(threads, 'thread')}\n")
    show_table(
        ("kernel", "shape", ">time", ">rate", ">peak", ">share", ""),
        [
            (row.name, row.shape, duration(row.seconds), rate(row.rate, row.unit), rate(row.peak, row.unit),
             f"{row.share:.0%}", "█" * round(10 * min(row.share, 1.5)))
            for row in found
        ],
    )  # fmt: skip


def rate(number: float, unit: str) -> str:
    return f"{number / 1e9:.1f} G{unit}"
