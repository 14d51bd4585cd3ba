"""Metrics as TensorBoard reads them: event files, written while a training goes on."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngraph.errors import OptionError
from nngraph.ops.optimizer import Optimizer
from nngraph.train.history import VALIDATION
from nngraph.train.learning_rates import learning_rates

if TYPE_CHECKING:
    from nngraph.train.loop import Loop

TENSORBOARD: Final = "tensorboard"
PARTS: Final = ("training", "validation")  # folders, of which TensorBoard draws equal names in one chart
RATE: Final = "learning_rate"


def need_tensorboard() -> None:
    """Raise OptionError with what to install, where the package is missing."""
    try:
        import tensorboardX  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        mend = "pip install 'nngraph[tensorboard]'"
        raise OptionError(f"tensorboard: needs tensorboardX, which is missing; install it with: {mend}") from None


class EventFiles:
    """Observes a training, and writes its metrics, epoch by epoch, under the number of steps taken.

    Parameters
    ----------
    path : Path
        The run's directory; files go into its ``tensorboard/training`` and ``tensorboard/validation``.
    optimizer : Optimizer
        Lengths of its schedule are in steps.
    epochs : int
        Those before the first that it is to be told of. What an interrupted run wrote of later ones is hidden.
    """

    between = False

    def __init__(self, path: Path, optimizer: Optimizer, epochs: int = 0) -> None:
        self.path, self.optimizer, self.before = path / TENSORBOARD, optimizer, epochs
        self.files: dict[str, EventFile] = {}
        self.opened = 0

    def tick(self, loop: Loop, steps: int, loss: float) -> None: ...

    def epoch(self, loop: Loop, epoch: int, metrics: Mapping[str, float]) -> bool:
        per_epoch = loop.training.steps
        rate = float(learning_rates(self.optimizer, [epoch * per_epoch - 1])[0])
        for part, own in parts_of(metrics, rate).items():
            self.file(part, per_epoch).write(own, epoch * per_epoch)
        return False

    def file(self, part: str, per_epoch: int) -> EventFile:
        """Where a part's numbers go; made when there are some."""
        if part not in self.files:
            first = self.before * per_epoch + 1 if self.before and self.opened < len(PARTS) else 0
            self.opened += 1
            self.files[part] = EventFile(self.path / part, first, f".{os.getpid()}.{time.time_ns()}")
        return self.files[part]

    def wants_stop(self) -> bool:
        return False

    def pause(self, loop: Loop) -> None:
        for file in self.files.values():
            file.flush()

    def close(self) -> None:
        """Epochs that end after that go into another file, which TensorBoard reads beside this one."""
        for file in self.files.values():
            file.close()
        self.files.clear()


def parts_of(metrics: Mapping[str, float], rate: float) -> dict[str, dict[str, float]]:
    """Numbers by part and name, the same name in both parts; a part without any is left out."""
    unseen = {k.removeprefix(VALIDATION): x for k, x in metrics.items() if k.startswith(VALIDATION)}
    own = {name: x for name, x in metrics.items() if not name.startswith(VALIDATION)}
    return {"training": {**own, RATE: rate}, **({"validation": unseen} if unseen else {})}


def messages(name: str) -> Any:
    """The types of TensorBoard's messages, which protobuf makes when they are imported."""
    return importlib.import_module(f"tensorboardX.proto.{name}_pb2")


class EventFile:
    """One file of events, written by the calling thread.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    first : int
        TensorBoard forgets what other files hold of this step and later ones; 0: nothing.
    suffix : str
        Of its name, which else says host and second.
    """

    def __init__(self, folder: Path, first: int, suffix: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.writer: Any = EventsWriter(str(folder / "events"), suffix)
        except OSError as error:
            mend = f"cannot be written ({error.strerror}); choose another run"
            raise OptionError(f"tensorboard: {folder} {mend}") from None
        if first:
            session = messages("event").SessionLog
            self.put(first, session_log=session(status=session.START))

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        summary = messages("summary").Summary
        values = [summary.Value(tag=name, simple_value=number) for name, number in numbers.items()]
        self.put(step, summary=summary(value=values))

    def put(self, step: int, **what: Any) -> None:
        self.writer.write_event(messages("event").Event(step=step, wall_time=time.time(), **what))

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
