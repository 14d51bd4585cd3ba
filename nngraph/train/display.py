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
BAR = 40  # columns of the bar, where there is room
LEAST_BAR = 10
TIME_LEFT = 10  # columns of the time that is left, with the spaces between all parts


def display(wanted: bool | None, title: str = "") -> BarDisplay | LineDisplay | None:
    """The display for standard output; None where it is not a terminal and nobody asks for one."""
    terminal = sys.stdout.isatty()
    if wanted is False or (wanted is None and not terminal):
        return None
    return BarDisplay(title) if terminal else LineDisplay(title)


def metrics_text(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace(VALIDATION, 'validation ')} {number:.4f}" for name, number in metrics.items())


def brief_texts(metrics: Mapping[str, float]) -> list[str]:
    """What a line says of an epoch: all of it, or less, with what tells most kept longest."""
    unseen = {name: number for name, number in metrics.items() if name.startswith(VALIDATION)}
    telling = unseen or metrics
    first = dict(list(telling.items())[:1])
    short = metrics_text(telling).replace(", validation ", ", ")
    return [metrics_text(metrics), short, metrics_text(first), ""]


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
    """A bar with epoch, metrics, steps a second and the time that is left; rich honors NO_COLOR.

    Where the terminal is too narrow for all of it, the rate goes first, then metrics: nothing is ever cut off.
    """

    between = False

    def __init__(self, title: str = "") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(None, table_column=Column(max_width=BAR)),
            TextColumn("{task.fields[shown]}"), TimeRemainingColumn(), auto_refresh=False, transient=True,
        )  # fmt: skip
        self.title = title
        self.task: Any = None
        self.first = 0
        self.metrics: Mapping[str, float] = {}
        self.closed = False
        self.drawn = 0.0

    def tick(self, loop: Loop, steps: int, loss: float) -> None:
        self.show(loop, steps, self.metrics or {"loss": loss})

    def show(self, loop: Loop, steps: int, metrics: Mapping[str, float]) -> None:
        """Draw, unless that was just done: drawing takes longer than many an epoch."""
        if time.monotonic() - self.drawn < SECONDS:
            return
        self.drawn = time.monotonic()
        epoch = min(loop.epochs, steps // loop.steps + 1)
        description = f"{self.title} epoch {epoch}/{loop.epochs}".strip()
        if self.task is None:
            self.progress.start()
            self.first = loop.position.epoch * loop.steps + loop.position.step
            self.task = self.progress.add_task(description, total=loop.epochs * loop.steps, shown="")
        shown = fitting(metrics, self.rate(steps), self.progress.console.width - len(description))
        self.progress.update(self.task, description=description, completed=steps, shown=shown)
        self.progress.refresh()

    def rate(self, steps: int) -> str:
        """Steps a second, once there is something to go by."""
        seconds = self.progress.tasks[0].elapsed or 0.0
        return f"{(steps - self.first) / seconds:,.0f} steps/s" if seconds > 0.2 else ""

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.metrics = metrics
        return False

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None:
        if not self.closed:
            self.show(loop, loop.position.epoch * loop.steps + loop.position.step, self.metrics)

    def close(self) -> None:
        self.closed = True
        self.progress.stop()


def fitting(metrics: Mapping[str, float], rate: str, width: int) -> str:
    """As much of the metrics and the rate as `width` columns have room for beside a bar and the time left."""
    texts = brief_texts(metrics)
    texts = [", ".join(filter(None, (texts[0], rate))), *texts]
    return next((text for text in texts if len(text) <= width - LEAST_BAR - TIME_LEFT), "")
