"""Workers are started with this interpreter, its modules, and the target that is asked for."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nngraph.emit import worker_process
from nngraph.emit.cache import KernelCache
from nngraph.emit.worker_process import _environment, _python
from nngraph.emit.workers import DEATHS, Compiled, Crew
from nngraph.errors import CompilationError


def test_compiles_for_the_target_that_numba_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = KernelCache(tmp_path)
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    there = KernelCache(tmp_path)
    assert here.folder != there.folder
    there.prepare()
    address = there.entries({"ng_t": "def ng_t(args, thread, threads):\n    args[0] = 5\n"})["ng_t"]
    slot = ctypes.c_int64()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(ctypes.addressof(slot), 0, 1)
    assert slot.value == 5


def test_workers_stay_and_are_replaced_when_they_have_gone(tmp_path: Path) -> None:
    crew, codes = Crew("generic", ""), dict[str, Compiled]()
    path = tmp_path / "ng_g.py"
    path.write_text("def ng_g(args, thread, threads):\n    args[0] = 5\n")
    try:
        for _ in range(3):
            codes.clear()
            crew.compile({"ng_g": path}, codes.__setitem__, debug=False)
            assert codes.keys() == {"ng_g"}
            (worker,) = crew._workers
            os.kill(worker.process.pid, 9)
    finally:
        crew.close()
    assert crew._workers == []


def test_a_worker_that_leaves_when_it_is_asked_does_not_count_as_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew, codes = Crew("generic", ""), dict[str, Compiled]()
    path = tmp_path / "ng_l.py"
    path.write_text("def ng_l(args, thread, threads):\n    args[0] = 5\n")
    starts: list[worker_process.Worker] = []

    def start(*target: str) -> worker_process.Worker:
        starts.append(leaving(tmp_path) if len(starts) < DEATHS else worker_process.start_worker(*target))
        return starts[-1]

    monkeypatch.setattr("nngraph.emit.workers.start_worker", start)
    try:
        crew.compile({"ng_l": path}, codes.__setitem__, debug=False)
    finally:
        crew.close()
    assert len(starts) == DEATHS + 1
    assert codes.keys() == {"ng_l"}


def leaving(folder: Path) -> worker_process.Worker:
    """A worker that retires at the moment it is sent a job."""
    script = f"import sys; sys.stdin.readline(); sys.exit({worker_process.RETIRED})"
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script], bufsize=0, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    return worker_process.Worker(process, process.stdin, process.stdout, (folder / "words").open("wb"))


def test_the_environment_keeps_nothing_that_changes_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUMBA_OPT", "NUMBA_DISABLE_JIT", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONOPTIMIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("ELSE", "kept")
    monkeypatch.setattr(sys, "path", ["", "relative", "/absolute"])
    environment = _environment("znver4", "+avx2")
    assert environment["PYTHONPATH"].split(os.pathsep) == [
        os.getcwd(),
        f"{os.getcwd()}/relative",
        "/absolute",
    ]
    assert {name for name in environment if name.startswith("NUMBA_")} == {
        "NUMBA_CPU_NAME",
        "NUMBA_CPU_FEATURES",
    }
    assert not environment.keys() & {"PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONOPTIMIZE"}
    assert environment["ELSE"] == "kept"


def test_finds_the_interpreter_where_python_is_embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NNGRAPH_PYTHON", raising=False)
    assert _python() == sys.executable
    for odd in ("", None, "/usr/sbin/uwsgi"):
        monkeypatch.setattr(sys, "executable", odd)
        assert Path(_python()).name.startswith("python")
        assert _python() != odd
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_exec_prefix", str(tmp_path))
    with pytest.raises(CompilationError, match="NNGRAPH_PYTHON"):
        worker_process._python()
