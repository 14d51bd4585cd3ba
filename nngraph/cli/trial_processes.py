"""The processes that train a study's trials side by side, as their parent sees them."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nngraph.train.study import Trial

Answer = dict[str, Any]


@dataclass(slots=True, eq=False)
class Worker:
    """A process that trains one trial at a time."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]
    complaints: IO[bytes]
    trial: Trial | None = None
    received: bytes = b""
    ended: bool = False

    def send(self, trial: Trial) -> None:
        self.trial = trial
        with suppress(BrokenPipeError):  # it has died; its answers end
            self.requests.write(json.dumps({"wiring": trial.wiring, "seed": trial.seed}).encode() + b"\n")

    def receive(self) -> Iterator[Answer]:
        """What it has to say; its unexpected end is an error."""
        received = os.read(self.answers.fileno(), 1 << 16)
        self.ended = not received
        *lines, self.received = (self.received + received).split(b"\n")
        yield from map(json.loads, lines)
        if self.ended and self.trial is not None:
            yield {"error": self.last_words()}

    def last_words(self) -> str:
        code = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        memory = " (out of memory?)" if code == -signal.SIGKILL else ""
        return f"its process {how}{memory}" + (f": {lines[-1]}" if lines else "")

    def interrupt(self) -> None:
        """Let it save and end."""
        self.requests.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.requests, self.answers, self.complaints):
            stream.close()


class Workers:
    """Processes that share out trials.

    Parameters
    ----------
    directory : Path
        The study's.
    jobs : int
        How many trials are trained side by side.
    threads : int
        That each has.
    """

    def __init__(self, directory: Path, jobs: int, threads: int) -> None:
        self.command = [sys.executable, "-P", "-m", "nngraph.cli.trial_worker", str(directory), str(threads)]
        self.jobs = jobs
        self.workers: list[Worker] = []

    def run(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Answer]]:
        """Train all; yields what each says, in the end a result or an error."""
        waiting = deque(trials)
        while waiting or self.busy():
            while waiting and len(self.busy()) < self.jobs:
                self.idle().send(waiting.popleft())
            yield from self.listen()

    def stop(self) -> Iterator[tuple[Trial, Answer]]:
        """Let all save what they train, and end; yields what they still have to say."""
        for worker in self.workers:
            worker.interrupt()
        while self.busy():
            yield from ((trial, answer) for trial, answer in self.listen() if "result" in answer)

    def close(self) -> None:
        """End all, whatever they do."""
        for worker in list(self.workers):
            self.discard(worker)

    def busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.trial is not None]

    def idle(self) -> Worker:
        for worker in self.workers:
            if worker.trial is None:
                return worker
        self.workers.append(started(self.command))
        return self.workers[-1]

    def listen(self) -> Iterator[tuple[Trial, Answer]]:
        """Wait until one of them says something."""
        with selectors.DefaultSelector() as selector:
            for worker in self.busy():
                selector.register(worker.answers, selectors.EVENT_READ, worker)
            ready: list[Worker] = [key.data for key, _ in selector.select()]
        for worker in ready:
            for answer in worker.receive():
                trial = worker.trial
                assert trial is not None
                worker.trial = None if "result" in answer or "error" in answer else trial
                yield trial, answer
            if worker.ended:
                self.discard(worker)

    def discard(self, worker: Worker) -> None:
        worker.close()
        self.workers.remove(worker)


def started(command: list[str]) -> Worker:
    """Start a process that finds the same modules as this one, and that a Ctrl-C at the terminal does not reach."""
    complaints = tempfile.TemporaryFile()  # noqa: SIM115  # `close` closes it
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, bufsize=0,
        env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    return Worker(process, process.stdin, process.stdout, complaints)
