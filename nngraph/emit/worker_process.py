"""A worker as its parent sees it: how it is started, asked and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from nngraph.errors import CompilationError

RETIRED: Final = 75  # the exit status of a worker that left by itself: "try again" in sysexits.h
KEPT_SETTINGS: Final = ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


@dataclass(slots=True, eq=False)
class Worker:
    """A process that compiles one kernel at a time."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]
    complaints: IO[bytes]
    job: str | None = None
    received: bytes = b""

    def send(self, name: str, path: Path) -> None:
        """Give it the kernel in the file at ``path`` to compile."""
        self.job = name
        with suppress(BrokenPipeError):  # it has just retired or died; its answers have ended then
            self.requests.write(json.dumps({"path": str(path)}).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Read what it has to say: an answer, None while that is incomplete, or nothing if it died."""
        received = os.read(self.answers.fileno(), 1 << 20)
        if not received:
            return {}
        self.received += received
        if not self.received.endswith(b"\n"):
            return None
        answer = json.loads(self.received)
        self.job, self.received = None, b""
        return answer

    def retired(self) -> bool:
        """Whether it had left by itself before it saw its job; only asked once its answers have ended."""
        return self.process.wait() == RETIRED

    def last_words(self) -> str:
        """Return the last line that it wrote to its standard error, and how it ended."""
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        return f"exit status {self.process.wait()}" + (f": {lines[-1]}" if lines else "")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.forget()

    def forget(self) -> None:
        """Let go of the process, which is somebody else's in a forked child."""
        for stream in (self.requests, self.answers, self.complaints):
            stream.close()


def start_worker(cpu: str, features: str, *arguments: str) -> Worker:
    """Start a process that compiles for a processor, given in LLVM's words; `arguments` are those of the worker.

    Its session is its own, so that a Ctrl-C at the terminal reaches this process alone; it finds the same
    modules as this process, whatever the current directory.
    """
    complaints = tempfile.TemporaryFile()  # noqa: SIM115  # the worker's `forget` closes it
    process = subprocess.Popen(
        [_python(), "-P", "-m", "nngraph.emit.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        bufsize=0,
        cwd=Path(__file__).parent,  # Numba reads settings from the current directory
        env=_environment(cpu, features),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return Worker(process, process.stdin, process.stdout, complaints)


def _environment(cpu: str, features: str) -> dict[str, str]:
    """Return this process's environment without what changes how Python or Numba work."""
    settings = () if sys.flags.ignore_environment else KEPT_SETTINGS
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in settings or not name.startswith(("PYTHON", "NUMBA_"))
    }
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    python = {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    return kept | python | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}


def _python() -> str:
    """Return this interpreter's command; ``sys.executable`` is another program where Python is embedded."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(given) for given in (os.environ.get("NNGRAPH_PYTHON"), sys.executable) if given]
    candidates = [path for path in candidates if "python" in path.name.lower()]
    candidates += [Path(prefix) / "bin" / name for prefix in (sys.exec_prefix, sys.base_exec_prefix)]
    for path in candidates:
        if os.access(path, os.X_OK):
            return str(path)
    raise CompilationError("no Python interpreter to compile kernels with; name one in $NNGRAPH_PYTHON")
