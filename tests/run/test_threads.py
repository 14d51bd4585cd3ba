"""Threads stay for the next run, and neither a fork nor the end of the process finds them in the way."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nngraph import cores
from nngraph.run.threads import Task, submit


def test_threads_run_at_the_same_time_and_are_used_again() -> None:
    barrier, finished = threading.Barrier(3), threading.Barrier(4)
    names: list[str] = []

    def work() -> None:
        barrier.wait(120)
        names.append(str(threading.get_ident()))

    for _ in range(5):
        submit([Task(work, lambda: finished.wait(120) and None)] * 3)
        finished.wait(120)
    assert len(names) == 15
    assert len(set(names)) <= 6  # a thread may still be on its way back when the next run begins


SCRIPT = """
import os, sys, time
from nngraph.emit.cache import user_cache
from nngraph.run.memory import aligned_zeros
from nngraph.run.program import Segment, bind, pack_arguments
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape
import numpy as np

SOURCE = "def ng_watch_nothing(args, thread, threads):\\n    args[thread] += 1\\n"
kernels = user_cache().entries({DRIVER_NAME: DRIVER_SOURCE, "ng_watch_nothing": SOURCE})
words, addresses = pack_arguments([[0, 0, 0, 0]])
program = bind([kernels["ng_watch_nothing"]], addresses, [True], keep=words)
tape = Tape(kernels[DRIVER_NAME])
"""
FORKS = """
tape.start([Segment(program, 3)], 2).wait()
endless = tape.start([Segment(program, 10**12)], 1)
child = os.fork()
if child == 0:
    other = Tape(kernels[DRIVER_NAME])
    running = other.start([Segment(program, 5)], 2)
    assert running.wait(120)
    assert running.steps_done == 5
    assert not endless.done
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
endless.stop()
assert endless.wait(120)
"""
EXITS = """
running = tape.start([Segment(program, 10**12)], 2)
while running.steps_done < 1000:
    time.sleep(0.01)
print("leaving")
"""
GONE_BEFORE = """
for _ in range(30):
    Tape(kernels[DRIVER_NAME]).run([Segment(program, 5)], 4)
print("leaving")
"""
INTERRUPTED = """
import signal, threading
running = tape.start([Segment(program, 10**12)], 2)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    running.wait(200)
except KeyboardInterrupt:
    print("interrupted")
running.stop()
assert running.wait(120)
print(running.outcome.reason)
"""


@pytest.mark.parametrize(
    ("script", "output"),
    [(FORKS, "7\n"), (EXITS, "leaving\n"), (GONE_BEFORE, "leaving\n"), (INTERRUPTED, "interrupted\nstopped\n")],
    ids=["fork", "exit", "exit of tapes that are gone", "interrupt"],
)
def test_processes(script: str, output: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore:This process", "-c", SCRIPT + script]  # a fork beside threads: Python 3.12
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (result.stdout, result.stderr, result.returncode) == (output, "", 0)


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/a/b", {"a/b/cpu.max": "max 100000"}, 8),
        ("0::/a/b", {"a/b/cpu.max": "150000 100000"}, 2),
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/", {"cpu.max": "300000 100000"}, 3),
        (
            "4:memory:/x\n1:cpu,cpuacct:/x\n0::/",
            {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "1"},
            8,
        ),
        (
            "1:cpuacct,cpu:/x",
            {"cpu/x/cpu.cfs_quota_us": "250000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        ("1:cpu:/elsewhere", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_cores_respect_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: str, files: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(lines + "\n")
    monkeypatch.setattr(cores, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(cores, "CGROUPS_OF_PROCESS", tmp_path / "cgroup")
    assert cores.available_cores() == expected
    monkeypatch.setattr(cores, "CGROUPS_OF_PROCESS", tmp_path / "absent")
    assert cores.available_cores() == 8
