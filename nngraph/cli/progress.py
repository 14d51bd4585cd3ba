"""Progress of work that takes seconds, on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def kernels_progress() -> Iterator[Callable[[int, int], None]]:
    """Gives what a cache reports its compilations to; a bar appears with the first kernel that is missing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("compiling kernels"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    tasks = [] if not sys.stderr.isatty() else [bar.add_task("kernels", total=None)]

    def report(done: int, total: int) -> None:
        if tasks:
            bar.start()
            bar.update(tasks[0], completed=done, total=total)

    try:
        yield report
    finally:
        bar.stop()
