"""A peer's process: takes as many steps as each line of its input says, and answers with a line of JSON.

In place of a number the line may be ``results``: then it saves what is compared.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from peers.inference import Predictor
from peers.operations import OperationTask, load_operation
from peers.task import Task, load


class Runner(Protocol):
    """What a framework's module makes of its task."""

    def run(self, steps: int) -> float | None:
        """Take steps; the loss, if there is one."""
        ...

    def results(self) -> dict[str, np.ndarray]: ...


def runner_of(peer: Any, task: Task | OperationTask) -> Runner:
    if isinstance(task, OperationTask):
        return peer.Runner(task)
    return Predictor(task, peer.predictor(task)) if task.inference else peer.Trainer(task)


def peak() -> float:
    """The largest resident size of this process so far, in MB; not a number where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


def main() -> None:
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, given, threads, variant = sys.argv[1:]
    folder = Path(given)
    read = load_operation if (folder / "operation.json").exists() else load
    task = read(folder, int(threads), variant)
    runner = version = None
    for line in sys.stdin:
        if runner and line.strip() == "results":
            found: dict[str, Any] = runner.results()
            np.savez(folder / f"{module}{variant}.npz", **found)
            print("{}", file=answers)
            continue
        wall, processor = time.perf_counter(), time.process_time()
        if runner is None:
            peer = importlib.import_module(f"peers.{module}")
            runner, version = runner_of(peer, task), peer.VERSION
        loss = runner.run(int(line))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        answer = {"seconds": wall, "processor": processor, "loss": loss, "peak": peak(), "version": version}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
