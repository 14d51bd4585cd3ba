"""A process that trains for `nngraph sweep`: ``python -m nngraph.cli.trial_worker DIRECTORY THREADS``.

It reads the study in the directory, then one JSON line a trial from its standard input,
``{"wiring": ..., "seed": ...}``, and answers with lines: ``{"epoch": ..., "epochs": ..., "metrics": ...}`` now and
then, at the end ``{"result": ...}`` or ``{"error": ...}``. When its input ends it saves what it trains, and ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngraph.cli.trials import data_for, declare_ops, graph_for, options_for
from nngraph.errors import NNGraphError
from nngraph.train.study import Result, Study, Trial, read_study

if TYPE_CHECKING:
    from nngraph.cli.training import Parts
    from nngraph.declare.graph import Graph

SECONDS: Final = 0.1  # from one answer about progress to the next
ERROR: Final = "error.txt"
INTERRUPTED: Final = 130

Say = Callable[[Mapping[str, Any]], None]


def main() -> int:
    """Train until there is no more to train."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been ignored in the parent
    answers = os.dup(1)
    os.dup2(2, 1)  # what is printed must not mix with the answers
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    try:
        trainer = Trainer(Path(sys.argv[1]), int(sys.argv[2]), lambda answer: write_line(answers, answer))
        while line := requests.get():
            asked = json.loads(line)
            trainer.answer(Trial(asked["wiring"], asked["seed"]))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # nobody listens any more
        return INTERRUPTED
    return 0


def read_requests(requests: queue.SimpleQueue[bytes]) -> None:
    """Queue the lines of standard input; its end interrupts what is being done."""
    for line in sys.stdin.buffer:
        requests.put(line)
    requests.put(b"")
    os.kill(os.getpid(), signal.SIGINT)


def write_line(descriptor: int, answer: Mapping[str, Any]) -> None:
    """In one call, so that an interruption never leaves half a line."""
    os.write(descriptor, json.dumps(answer).encode() + b"\n")


class Trainer:
    """Trains trials of one study, with the same data."""

    def __init__(self, directory: Path, threads: int, say: Say) -> None:
        self.directory, self.threads, self.say = directory, threads, say
        self.study: Study = read_study(directory)
        self.parts: Parts | None = None

    def answer(self, trial: Trial) -> None:
        """Train, and say what it came to."""
        try:
            self.say({"result": self.train(trial).line()})
        except NNGraphError as error:
            self.say({"error": "; ".join(str(error).splitlines())})
        except Exception as error:  # noqa: BLE001  # the other trials go on
            path = self.directory / trial.run / ERROR
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(traceback.format_exc(), encoding="utf-8")
            self.say({"error": f"{type(error).__name__}: {error} (a defect of nngraph; {path} shows where)"})

    def train(self, trial: Trial) -> Result:
        """Train, or go on with a training that was interrupted."""
        from nngraph.cli.training import model_for, settings_of
        from nngraph.train.trainee import train

        if self.parts is None:
            declare_ops(self.study)
            self.parts = data_for(self.study, self.threads)
        options = options_for(self.study, trial, self.threads)
        graph, path, parts = graph_for(self.study, trial), self.directory / trial.run, self.parts
        model = model_for(graph, options, path, resume=True)
        settings = settings_of(options, options.split_seeds[0], path, resume=True, progress=False)
        configuration = self.study.configuration(trial)
        settings = replace(
            settings, callbacks=(reporter(self.say, options.epochs),),
            config=settings.config | {"wiring": trial.wiring, "configuration": configuration},
        )  # fmt: skip
        history = train(model.trainee, parts.training, parts.validation, settings, bool(options.standardize))
        found = model.evaluate(parts.held_out)
        sizes = sizes_of(graph, options.dtype)
        return Result(trial, found, *sizes, history.epochs, seconds_of(path), configuration)


def reporter(say: Say, epochs: int) -> Callable[[int, Mapping[str, float]], object]:
    """A callback that tells of epochs, not too often."""
    last = -SECONDS

    def report(epoch: int, metrics: Mapping[str, float]) -> None:
        nonlocal last
        if epoch == epochs or time.monotonic() - last >= SECONDS:
            last = time.monotonic()
            say({"epoch": epoch, "epochs": epochs, "metrics": metrics})

    return report


def sizes_of(graph: Graph, dtype: str) -> tuple[int, int]:
    """Parameters, and multiply-adds for one example."""
    from nngraph.lower.lower import lower
    from nngraph.report.nodes import count, multiply_adds

    lowered = lower(graph.declaration(), dtype=dtype, seed=0)
    parameters = [state for state in lowered.states if state.kind == "parameter"]
    return count(parameters), sum(map(multiply_adds, lowered.nodes))


def seconds_of(run: Path) -> float:
    """Time that a run has been trained for: its lines say it since they were last gone on from."""
    from nngraph.train.run_directory import METRICS

    lines = (run / METRICS).read_text(encoding="utf-8").splitlines()
    times = [json.loads(line)["seconds"] for line in lines]
    pieces = [time for time, after in zip(times, [*times[1:], 0.0], strict=True) if after < time]
    return round(sum(pieces), 4)


if __name__ == "__main__":
    sys.exit(main())
