"""Progress of work that takes seconds, on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

Report = Callable[[int, int], None]


@contextmanager
def steps_progress(title: str) -> Generator[Report]:
    """Gives what is called with the number of steps done and of all; a bar appears with the first call."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    tasks = [] if not sys.stderr.isatty() else [bar.add_task(title, total=None)]

    def report(done: int, total: int) -> None:
        if tasks:
            bar.start()
            bar.update(tasks[0], completed=done, total=total)
            if done == total:
                bar.stop()  # so that it is gone before another is drawn

    try:
        yield report
    finally:
        if tasks:
            bar.stop()


def kernels_progress() -> AbstractContextManager[Report]:
    """Gives what a cache reports its compilations to."""
    return steps_progress("compiling kernels")
