"""A peer's process: takes as many steps as each line of its input says, and answers with a line of JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from peers.inference import Predictor
from peers.task import load


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
    module, folder, threads, variant = sys.argv[1:]
    task = load(Path(folder), int(threads), variant)
    after = Path(folder, f"{module}{variant}.npz")
    trainer = version = None
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        if trainer is None:
            peer = importlib.import_module(f"peers.{module}")
            trainer = Predictor(task, peer.predictor(task)) if task.inference else peer.Trainer(task)
            version = peer.VERSION
        loss = trainer.run(int(line))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        answer = {"seconds": wall, "processor": processor, "loss": loss, "peak": peak(), "version": version}
        if not after.exists():  # what the first step made of the parameters
            found: dict[str, Any] = trainer.parameters()
            np.savez(after, **found)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
