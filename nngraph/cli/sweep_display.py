"""How `nngraph sweep` shows its progress: a table on a terminal, a line for each training elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.tables import duration
from nngraph.cli.training import described
from nngraph.train.history import VALIDATION
from nngraph.train.study import Result, Study, Trial, summary

if TYPE_CHECKING:
    from rich.console import RenderableType

Results = Mapping[Trial, Result]


def sweep_display(study: Study, results: Results, epochs: int, wanted: bool) -> SilentDisplay:
    """The display for standard output."""
    if not wanted:
        return SilentDisplay()
    return TableDisplay(study, results, epochs) if sys.stdout.isatty() else LineDisplay(study, results)


class SilentDisplay:
    """Shows nothing."""

    def epoch(self, trial: Trial, answer: Mapping[str, Any]) -> None:
        """So far has a training come."""

    def finished(self, result: Result) -> None: ...

    def failed(self, trial: Trial, message: str) -> None: ...

    def close(self) -> None: ...


class LineDisplay(SilentDisplay):
    """A line for each training that has ended."""

    def __init__(self, study: Study, results: Results) -> None:
        self.count, self.done = len(study.trials), sum(trial in results for trial in study.trials)

    def finished(self, result: Result) -> None:
        self.show(f"{result.trial}: {described(result.metrics)} ({duration(result.seconds)})")

    def failed(self, trial: Trial, message: str) -> None:
        self.show(f"{trial}: failed: {message}")

    def show(self, line: str) -> None:
        self.done += 1
        click.echo(f"{self.done:{len(str(self.count))}}/{self.count} {line}")
        sys.stdout.flush()


class TableDisplay(SilentDisplay):
    """A row for each wiring with what is being trained, and a bar for the whole; rich honors NO_COLOR."""

    def __init__(self, study: Study, results: Results, epochs: int) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        self.study, self.results, self.epochs = study, results, epochs
        self.under_way: dict[Trial, Mapping[str, Any]] = {}
        self.failures: set[Trial] = set()
        columns = (TextColumn("epochs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeLeft())
        self.progress = Progress(*columns)
        self.task = self.progress.add_task("", total=epochs * len(study.trials))
        self.live = Live(get_renderable=self.drawn, refresh_per_second=4, transient=True)
        self.live.start()

    def epoch(self, trial: Trial, answer: Mapping[str, Any]) -> None:
        self.under_way[trial] = answer
        self.advance()

    def finished(self, result: Result) -> None:
        self.under_way.pop(result.trial, None)
        self.advance()

    def failed(self, trial: Trial, message: str) -> None:
        self.under_way.pop(trial, None)
        self.failures.add(trial)
        self.advance()

    def advance(self) -> None:
        ended = sum(trial in self.results or trial in self.failures for trial in self.study.trials)
        going = sum(answer["epoch"] for answer in list(self.under_way.values()))
        self.progress.update(self.task, completed=ended * self.epochs + going)

    def drawn(self) -> RenderableType:
        """The table as it stands; rich asks for it from a thread of its own."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Group
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
        for title in ("wiring", "trained", "held out", "under way"):
            table.add_column(title, overflow="fold")
        for wiring in self.study.wirings:
            table.add_row(*self.row(wiring))
        return Group(table, self.progress)

    def row(self, wiring: str) -> tuple[str, str, str, str]:
        trials = [trial for trial in self.study.trials if trial.wiring == wiring]
        results = [self.results[trial] for trial in trials if trial in self.results]
        failed = sum(trial in self.failures for trial in trials)
        trained = f"{len(results)}/{len(trials)}" + (f", {failed} failed" if failed else "")
        found = "" if not results else described(summary(wiring, results).means).split(",")[0]
        under_way = [stand(trial, answer) for trial, answer in list(self.under_way.items()) if trial.wiring == wiring]
        return wiring, trained, found, "\n".join(under_way)

    def close(self) -> None:
        self.live.stop()


def stand(trial: Trial, answer: Mapping[str, Any]) -> str:
    """``seed 3: epoch 12/40, accuracy 0.9610``."""
    metrics = answer["metrics"]
    unseen = {name.removeprefix(VALIDATION): item for name, item in metrics.items() if name.startswith(VALIDATION)}
    first = described(unseen or metrics).split(",")[0]
    return f"seed {trial.seed}: epoch {answer['epoch']}/{answer['epochs']}, {first}"
