"""How a training shows its progress: a bar on a terminal, a line for each epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nngraph.train.history import VALIDATION

if TYPE_CHECKING:
    from nngraph.train.loop import Loop

SECONDS = 0.09  # from one drawing to the next


def display(wanted: bool | None, title: str = "") -> BarDisplay | LineDisplay | None:
    """The display for standard output; None where it is not a terminal and nobody asks for one."""
    terminal = sys.stdout.isatty()
    if wanted is False or (wanted is None and not terminal):
        return None
    return BarDisplay(title) if terminal else LineDisplay(title)


def metrics_text(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace(VALIDATION, 'held-out ')} {number:.4f}" for name, number in metrics.items())


class LineDisplay:
    """A line for each epoch."""

    between = False

    def __init__(self, title: str = "") -> None:
        self.title = f"{title}: " if title else ""

    def tick(self, loop: Loop, steps: int, loss: float) -> None: ...

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        print(f"{self.title}epoch {epoch}/{loop.epochs}: {metrics_text(metrics)}", flush=True)
        return False

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None: ...

    def close(self) -> None: ...


class BarDisplay:
    """A bar with epoch, loss and metrics, steps a second and the time that is left; rich honors NO_COLOR."""

    between = False

    def __init__(self, title: str = "") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}"),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), auto_refresh=False, transient=True,
        )  # fmt: skip
        self.title = title
        self.task: Any = None
        self.first = 0
        self.shown = ""
        self.closed = False
        self.drawn = 0.0

    def tick(self, loop: Loop, steps: int, loss: float) -> None:
        self.show(loop, steps, self.shown or f"loss {loss:.4f}")

    def show(self, loop: Loop, steps: int, shown: str) -> None:
        """Draw, unless that was just done: drawing takes longer than many an epoch."""
        if time.monotonic() - self.drawn < SECONDS:
            return
        self.drawn = time.monotonic()
        epoch = min(loop.epochs, steps // loop.steps + 1)
        description = f"{self.title} epoch {epoch}/{loop.epochs}".strip()
        if self.task is None:
            self.progress.start()
            self.first = loop.position.epoch * loop.steps + loop.position.step
            self.task = self.progress.add_task(description, total=loop.epochs * loop.steps, shown="", rate="")
        seconds = self.progress.tasks[0].elapsed or 0.0
        rate = f"{(steps - self.first) / seconds:,.0f} steps/s" if seconds > 0.2 else ""
        self.progress.update(self.task, description=description, completed=steps, shown=shown, rate=rate)
        self.progress.refresh()

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.shown = metrics_text(metrics)
        return False

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None:
        if not self.closed:
            self.show(loop, loop.position.epoch * loop.steps + loop.position.step, self.shown)

    def close(self) -> None:
        self.closed = True
        self.progress.stop()
