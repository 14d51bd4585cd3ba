"""The processes that compile kernels for this one: they work side by side and stay for the next misses."""

from __future__ import annotations

import atexit
import os
import selectors
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from nngraph.cores import available_cores
from nngraph.emit.worker_process import Worker, start_worker
from nngraph.errors import CompilationError
from nngraph_kernels.record import record

DEATHS: Final = 2  # a kernel at which that many workers died is given up


@record
class Compiled:
    """A worker's answer: the object code, and the key of what it was made from."""

    key: bytes
    code: bytes


class Crew:
    """Workers for one target, given in LLVM's words.

    Parameters
    ----------
    cpu, features : str
        The processor to compile for.
    arguments : str
        Of the workers, which compile for something else than a processor then.
    """

    def __init__(self, cpu: str, features: str, *arguments: str) -> None:
        self._target = cpu, features, *arguments
        self._workers: list[Worker] = []
        self._lock = threading.Lock()

    def prepare(self, count: int | None = None) -> None:
        """Start workers, at most one a core; they import Numba while this process goes on."""
        with self._lock:
            self._start(available_cores() if count is None else count)

    def compile(self, jobs: Mapping[str, Path], done: Callable[[str, Compiled], None], debug: bool) -> None:
        """Compile the kernels in files; call ``done`` with each, in any order.

        Raises
        ------
        CompilationError
            For the first kernel that fails, once those that other workers had begun are done.
        """
        with self._lock:
            try:
                self._work(_Round(jobs, done, debug))
            except BaseException as error:
                if not isinstance(error, CompilationError):  # Ctrl-C: nobody waits for their answers any more
                    self.close()
                raise

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._discard(worker)

    def forget(self) -> None:
        """Let go of the workers in a forked child: they are its parent's."""
        for worker in self._workers:
            worker.forget()
        self._workers.clear()
        self._lock = threading.Lock()

    def _work(self, work: _Round) -> None:
        while work.waiting or self._busy():
            for worker in self._start(len(work.waiting) + len(self._busy())):
                if work.waiting and worker.job is None:
                    name = work.waiting.pop()
                    worker.send(name, work.jobs[name])
            for worker in _readable(self._busy()):
                name, answer = worker.job or "", worker.receive()
                if answer == {}:
                    if worker.retired():
                        work.waiting.append(name)
                    else:
                        work.bury(name, worker.last_words())
                    self._discard(worker)
                elif answer:
                    work.take(name, answer)
        if work.failure:
            raise work.failure

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _start(self, count: int) -> list[Worker]:
        for worker in list(self._workers):
            if worker.job is None and worker.process.poll() is not None:  # it retired
                self._discard(worker)
        while len(self._workers) < min(count, available_cores()):
            self._workers.append(start_worker(*self._target))
        return self._workers[:count]

    def _discard(self, worker: Worker) -> None:
        worker.close()
        self._workers.remove(worker)


class _Round:
    """The kernels that are compiled together, and how far that is."""

    def __init__(self, jobs: Mapping[str, Path], done: Callable[[str, Compiled], None], debug: bool) -> None:
        self.jobs, self.done, self.debug = jobs, done, debug
        self.waiting = sorted(jobs, key=lambda name: jobs[name].stat().st_size)  # the largest are begun first
        self.deaths: Counter[str] = Counter()
        self.failure: CompilationError | None = None

    def take(self, name: str, answer: dict[str, Any]) -> None:
        if "error" not in answer:
            self.done(name, Compiled(bytes.fromhex(answer["key"]), b64decode(answer["code"])))
            return
        line = f", line {answer['line']}" if answer["line"] else ""
        self.fail(f"kernel {name} does not compile: {answer['error']} ({self.jobs[name]}{line})")
        if self.debug and self.failure:
            self.failure.add_note(answer["traceback"])

    def bury(self, name: str, last_words: str) -> None:
        self.deaths[name] += 1
        if self.deaths[name] < DEATHS:
            self.waiting.append(name)
        else:
            self.fail(f"kernel {name} ends its compiler, {last_words} ({self.jobs[name]})")

    def fail(self, message: str) -> None:
        self.failure = self.failure or CompilationError(message)
        self.waiting.clear()


def _readable(workers: list[Worker]) -> list[Worker]:
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.answers, selectors.EVENT_READ, worker)
        return [key.data for key, _ in selector.select()]


@cache
def crew(cpu: str, features: str, *arguments: str) -> Crew:
    """Return this process's workers for a target."""
    members = Crew(cpu, features, *arguments)
    _crews.append(members)
    return members


_crews: list[Crew] = []


@atexit.register
def _close_all() -> None:
    for members in _crews:
        members.close()


def _forget_all() -> None:
    for members in _crews:
        members.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
