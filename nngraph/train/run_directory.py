"""A run's directory: the resolved model and configuration, metrics, and the last and best checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nngraph.errors import CheckpointError, OptionError
from nngraph.train.best import Best
from nngraph.train.checkpoint import Checkpoint, temporary, write

if TYPE_CHECKING:
    from nngraph.train.history import History
    from nngraph.train.loop import Loop

MODEL, CONFIG, METRICS = "model.json", "config.json", "metrics.jsonl"
LAST, BEST = "last.safetensors", "best.safetensors"
SECONDS = 30.0  # from one writing of `last` to the next, at least
Take = Callable[["Loop", "Best | None"], Checkpoint]


class RunDirectory:
    """Observes a training, and keeps what it comes to.

    Parameters
    ----------
    path : Path
        Made where it is not there.
    take : callable
        Makes a checkpoint of where the loop stands, or of the best epoch.
    best : Best
        Who knows the best epoch's parameters.
    epochs : int
        Those before the first that it is to be told of.
    """

    between = True

    def __init__(self, path: Path, take: Take, best: Best, epochs: int = 0) -> None:
        self.path, self.take, self.best = path, take, best
        self.saved = time.monotonic()
        self.written = best.watch.best_epoch
        self.reported = epochs

    def begin(self, graph: str, config: Mapping[str, Any], history: History) -> None:
        """Write what is known before the first step, and the metrics of epochs before a resumption."""
        kept = kept_lines(self.path / METRICS, history.epochs)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_text(self.path / MODEL, graph)
            write_text(self.path / CONFIG, json.dumps(config, indent=2) + "\n")
            write_text(self.path / METRICS, "".join(kept))
        except OSError as error:
            raise OptionError(f"run: {self.path} cannot be written ({error.strerror}); choose another") from None

    def tick(self, loop: Loop, steps: int, loss: float) -> None: ...

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        self.report(loop, epoch)
        return False

    def report(self, loop: Loop, last: int) -> None:
        """Write the metrics of all epochs up to `last` that are not written yet."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            for epoch in range(self.reported + 1, last + 1):
                metrics = loop.history.line(epoch - loop.before)
                file.write(json.dumps(metrics_line(loop, epoch, metrics)) + "\n")
                self.reported = epoch

    def wants_stop(self) -> bool:
        return time.monotonic() - self.saved > SECONDS

    def pause(self, loop: Loop) -> None:
        if self.wants_stop():
            self.save(loop)

    def close(self) -> None: ...

    def save(self, loop: Loop) -> None:
        """Write `best` where it has changed, then `last`, which says that there is such a best epoch."""
        self.report(loop, loop.position.epoch)  # an epoch too that an error kept from being told of
        if self.best.snapshot and self.written != self.best.watch.best_epoch:
            write(self.path / BEST, self.take(loop, self.best))
            self.written = self.best.watch.best_epoch
        write(self.path / LAST, self.take(loop, None))
        self.saved = time.monotonic()

    def note_restored(self) -> None:
        """The model has the best epoch's parameters: the directory stands for them from here on."""
        config = read_config(self.path) | {"restored": True}
        write_text(self.path / CONFIG, json.dumps(config, indent=2) + "\n")


def kept_lines(path: Path, epochs: int) -> list[str]:
    """The lines of the first epochs: a process that was killed may have measured more than it saved."""
    if not epochs or not path.is_file():
        return []
    return path.read_text(encoding="utf-8").splitlines(keepends=True)[:epochs]


def metrics_line(loop: Loop, epoch: int, metrics: Mapping[str, float]) -> dict[str, Any]:
    seconds = round(loop.history.seconds, 4)
    return {"epoch": epoch, "step": epoch * loop.training.steps, **metrics, "seconds": seconds}


def write_text(path: Path, text: str) -> None:
    with temporary(path) as name:
        Path(name).write_text(text, encoding="utf-8")


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a run.

    Raises
    ------
    CheckpointError
        If the directory holds no run.
    """
    try:
        return json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except OSError:
        raise CheckpointError(f"{path}: is no run directory, for it holds no {CONFIG}") from None
    except ValueError as error:
        raise CheckpointError(f"{path / CONFIG}: is not JSON ({error})") from None


def is_run(path: Path) -> bool:
    """Whether the directory holds a run already."""
    return any((path / name).exists() for name in (CONFIG, LAST, METRICS))


def has_epochs(path: Path) -> bool:
    """Whether it holds what a training came to: one that failed before its first step leaves nothing to protect."""
    metrics = path / METRICS
    return (path / LAST).exists() or (metrics.is_file() and metrics.stat().st_size > 0)


def checkpoint_in(path: Path) -> Path:
    """The checkpoint that a path stands for; a run stands for the model that its training ended with."""
    if not path.is_dir():
        return path
    if is_run(path) and read_config(path).get("restored") and (path / BEST).is_file():
        return path / BEST
    parts = sorted(part.parent.name for part in path.glob(f"split-*/{LAST}"))
    if parts:
        raise CheckpointError(f"{path}: holds the runs {', '.join(parts)}; name one, as in {path / parts[0]}")
    if not (path / LAST).is_file():
        raise CheckpointError(f"{path}: is no run directory with a checkpoint, for it holds no {LAST}")
    return path / LAST
