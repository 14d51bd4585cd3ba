"""What `nngraph sweep` does: checks, kernels for all, then the trainings side by side, and the table."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.trials import data_for, graph_for, options_for
from nngraph.cores import available_cores
from nngraph.errors import ExecutionError
from nngraph.train.study import STUDY, Study, Trial, joined, read_study, result_of, summary, write_study
from nngraph.train.study_results import RESULTS, ResultsFile

if TYPE_CHECKING:
    from nngraph.cli.training import Parts
    from nngraph.model import Model
    from nngraph.train.data.dataset import Dataset

STEPS = 1000  # of a schedule without a length; which kernels there are does not depend on it


def sweep(study: Study, whole: Dataset, directory: Path, jobs: int | None, threads: int | None, quiet: bool) -> None:
    """Train all trials that have no result yet, and show what all have come to.

    Raises
    ------
    ExecutionError
        At the end, if trainings failed.
    """
    if (directory / STUDY).exists():
        study = joined(read_study(directory), study, directory)
    parts = data_for(study, 1, whole)
    del whole
    models = [model_of(study, trial, parts) for trial in firsts(study.trials)]
    with ResultsFile(directory) as results:
        pending = results.pending(study)
        write_study(study, directory)
        jobs = max(1, min(jobs or usual_jobs(study), len(pending)))
        introduce(study, models[0], parts, len(pending), jobs)
        failures: dict[Trial, str] = {}
        try:
            if pending:
                compile_kernels(models, not quiet)
            models.clear()
            failures = train(study, results, pending, jobs, threads or max(1, available_cores() // jobs), quiet)
        except KeyboardInterrupt:
            done = len(study.trials) - len(results.pending(study))
            click.echo(
                f"{done} of {len(study.trials)} trained, what was under way is saved; {go_on(directory)}", err=True
            )
            raise
    show_results(study, results, failures)
    click.echo(f"saved in {directory / RESULTS}")
    if failures:
        lines = "".join(f"{trial}: {message}\n" for trial, message in failures.items())
        raise ExecutionError(f"{lines}{len(failures)} of {len(study.trials)} trainings failed; to try them again, "
                             f"{go_on(directory)}")  # fmt: skip


def usual_jobs(study: Study) -> int:
    """How many trainings there are side by side if nobody says: those on a device would only wait for each other.

    Raises
    ------
    DeviceError
        If the device, or the library for it, is not there.
    """
    if study.options.get("device", "cpu") == "cpu":
        return available_cores()
    from nngraph.run.cuda.cublas import library
    from nngraph.run.cuda.device import device

    device()
    if study.options.get("products", "own") != "own":
        library()
    return 1


def go_on(directory: Path) -> str:
    return f"go on with: nngraph sweep --resume {shlex.quote(str(directory))}"


def firsts(trials: Sequence[Trial]) -> list[Trial]:
    """The first trial of each wiring."""
    return list({trial.wiring: trial for trial in reversed(trials)}.values())[::-1]


def model_of(study: Study, trial: Trial, parts: Parts) -> Model:
    """A trial's model, which the data fits; raises what is wrong with them."""
    from nngraph.cli.training import model_for, settings_of
    from nngraph.train.trainee import learned, need_optimizer

    options = options_for(study, trial, 1)
    model = model_for(graph_for(study, trial), options, Path(), resume=False)
    optimizer = need_optimizer(model.trainee)
    augment = settings_of(options, 0, Path(), resume=False, progress=False).augment
    learned(model.trainee, parts.training, (parts.validation,), bool(options.standardize), augment)
    model.programs.use(optimizer=optimizer.resolve(STEPS, STEPS))
    return model


def compile_kernels(models: Sequence[Model], progress: bool) -> None:
    """Those that are not in the cache, once for all processes."""
    from nngraph.cli.training import Clock, compilation_shown

    for model in models:
        with compilation_shown(model, progress, Clock()):
            for purpose in ("train", "evaluate"):
                model.programs.compile(purpose)


def introduce(study: Study, model: Model, parts: Parts, pending: int, jobs: int) -> None:
    """What is to be done, in three paragraphs."""
    from nngraph.cli.tables import plural, show_titled
    from nngraph.cli.training import introduce_training, listed

    seeds = tuple(dict.fromkeys(trial.seed for trial in study.trials))
    count = len(study.trials)
    rest = "" if pending == count else f", {pending} of them to do"
    show_titled(
        "study",
        f"{study.model['name']}: {', '.join(study.wirings)}; seeds {listed(seeds)}: {plural(count, 'training')}{rest}"
        f"{f', {jobs} at a time' if jobs > 1 else ''}",
    )
    introduce_training(model, options_for(study, study.trials[0], 1), parts)


def train(
    study: Study, results: ResultsFile, pending: Sequence[Trial], jobs: int, threads: int, quiet: bool
) -> dict[Trial, str]:
    """Train in processes; the failures, and why."""
    from nngraph.cli.sweep_display import sweep_display
    from nngraph.cli.trial_processes import Workers

    failures: dict[Trial, str] = {}
    workers = Workers(results.path.parent, jobs, threads)
    display = sweep_display(study, results.results, study.options["epochs"], not quiet)
    try:
        for trial, answer in workers.run(pending):
            if "result" in answer:
                results.add(result_of(answer["result"]))
                display.finished(results.results[trial])
            elif "error" in answer:
                failures[trial] = answer["error"]
                display.failed(trial, answer["error"])
            else:
                display.epoch(trial, answer)
    except BaseException:
        display.close()
        for _, answer in workers.stop():
            results.add(result_of(answer["result"]))
        raise
    finally:
        display.close()
        workers.close()
    return failures


def show_results(study: Study, results: ResultsFile, failures: dict[Trial, str]) -> None:
    """A row for each wiring."""
    from nngraph.cli.tables import count, duration, show_table

    rows: list[tuple[Any, ...]] = []
    names: list[str] = []
    for wiring in study.wirings:
        found = [result for trial, result in results.results.items() if trial.wiring == wiring]
        failed = sum(trial.wiring == wiring for trial in failures)
        if not found:
            rows.append((wiring, 0, failed))
            continue
        s = summary(wiring, found)
        names = names or sorted(s.means, key=lambda name: ("accuracy" not in name, "mae" not in name))
        metrics = [with_deviation(s.means[name], s.deviations[name]) for name in names]
        sizes = (count(round(s.parameters)), count(round(s.multiply_adds)), duration(s.seconds))
        rows.append((wiring, s.count, failed, *metrics, *sizes))
    titles = ["wiring", ">n", ">failed", *(f">{name}" for name in names), ">parameters", ">multiply-adds", ">time"]
    rows = [(*row, *[""] * (len(titles) - len(row))) for row in rows]
    if not failures:
        titles, rows = titles[:2] + titles[3:], [row[:2] + row[3:] for row in rows]
    show_table(titles, rows)


def with_deviation(mean: float, deviation: float) -> str:
    """``0.9811 ± 0.0021``; a single number has no deviation."""
    return f"{mean:.4f}" if math.isnan(deviation) else f"{mean:.4f} ± {deviation:.4f}"
