"""The threads that run tapes: daemons that stay, parked, from one run to the next."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Task(NamedTuple):
    """What a thread does, and what it calls when it is free for the next task."""

    work: Callable[[], None]
    finished: Callable[[], None]


_idle: list[queue.SimpleQueue[Task]] = []
_lock = threading.Lock()


def submit(tasks: Sequence[Task]) -> None:
    """Run each task in a thread of its own, all at the same time: they may wait for each other."""
    with _lock:
        taken = [_idle.pop() if _idle else _new_thread() for _ in tasks]
    for inbox, task in zip(taken, tasks, strict=True):
        inbox.put(task)


def _new_thread() -> queue.SimpleQueue[Task]:
    inbox: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(inbox,), name="nngraph-tape", daemon=True).start()
    return inbox


def _serve(inbox: queue.SimpleQueue[Task]) -> None:
    while True:
        task = inbox.get()
        task.work()
        with _lock:
            _idle.append(inbox)
        task.finished()


def _forget_threads() -> None:
    """A forked child has none of its parent's threads."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
