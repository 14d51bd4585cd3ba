"""The processes that peers run in, one each, which wait between their turns."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peers.operations import Operation
from peers.works import Work

TOOLS = Path(__file__).parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")  # NPROC: JAX
PYTENSOR = "3.0.7"  # the version that is compared with; its Numba backend changes from one to the next
CACHES = ("NNGRAPH_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "NUMBA_CACHE_DIR")


@dataclass(frozen=True, slots=True)
class Framework:
    """One way to do a work.

    Attributes
    ----------
    name : str
        In tables.
    module : str
        Of this folder, without its ``with_`` for networks, ``operations_`` for operations.
    package : str
        What its interpreter has to have.
    variant : str
        Which of the ways that the module knows.
    perceptrons_only : bool
        Whether it leaves the networks of model files to others.
    trains, answers : bool
        Whether it does works of training, and of inference.
    preparation : str
        A module of this folder that is run before, in its interpreter, with the work's folder.
    version : str
        The only one that is compared with; any if it is empty.
    """

    name: str
    module: str
    package: str
    variant: str = ""
    perceptrons_only: bool = False
    trains: bool = True
    answers: bool = False
    preparation: str = ""
    version: str = ""

    def does(self, work: Work) -> bool:
        if isinstance(work, Operation):
            return self.name in ("nngraph", *work.peers)
        return not (self.perceptrons_only and work.model) and (self.answers if work.inference else self.trains)


FRAMEWORKS = (
    Framework("nngraph", "nngraph", "nngraph", answers=True),
    Framework("numpy", "numpy", "numpy", perceptrons_only=True),
    Framework("torch", "torch", "torch", answers=True),
    Framework("torch.compile", "torch", "torch", "compile", answers=True),
    Framework("onnxruntime", "onnxruntime", "onnxruntime", trains=False, answers=True, preparation="export_onnx"),
    Framework("jax", "jax", "jax"),
    Framework("jax-loop", "jax", "jax", "loop", perceptrons_only=True),  # XLA's convolutions in loops: 50 times slower
    Framework("pytensor", "pytensor", "pytensor", perceptrons_only=True, version=PYTENSOR),
)


def interpreter_of(framework: Framework, given: Mapping[str, str | None]) -> str | None:
    """The one that was given for its package, or else this one if it has the package."""
    if chosen := given.get(framework.package):
        return chosen
    return sys.executable if importlib.util.find_spec(framework.package) else None


def environment(interpreter: str, threads: int, cache: Path | None) -> dict[str, str]:
    """Without what holds OpenBLAS to older instructions, and with this many threads for every library."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    found = kept | dict.fromkeys(THREADS, str(threads))
    own = sys.path if interpreter == sys.executable else []
    found["PYTHONPATH"] = os.pathsep.join([str(TOOLS), *own])
    if cache:
        found |= dict.fromkeys(CACHES, str(cache))
        found["PYTENSOR_FLAGS"] = f"base_compiledir={cache}"
    return found


def prepare_in(interpreter: str, module: str, folder: Path, threads: int) -> None:
    """Run a module of this folder in an interpreter."""
    command = [interpreter, "-m", f"peers.{module}", str(folder)]
    done = subprocess.run(command, env=environment(interpreter, threads, None), capture_output=True, text=True)
    if done.returncode:
        raise ChildProcessError(f"peers.{module} failed in {interpreter}:\n{done.stderr}")


def changes(folder: Path, name: str) -> dict[str, np.ndarray]:
    """What was saved under `name`, less the parameters that it is new values of."""
    with np.load(folder / "start.npz") as start, np.load(folder / name) as after:
        begun = {key: start.get(f"parameter/{key}", 0.0) for key in after}
        return {key: after[key].astype("float64") - begun[key] for key in after}


class Peer:
    """One framework's process.

    Attributes
    ----------
    first : float
        Seconds that the first step took, with the import of the framework and all compilation.
    times : list of float
        Seconds of a step, the mean of each turn.
    processors : list of float
        How many processors each turn kept busy.
    losses : list of float
        The mean loss of the last epoch of each turn, those before the timed ones included.
    peak : float
        The largest resident size, in MB.
    found : dict of str to ndarray
        What is compared: of a network what the first step added to the parameters, or its scores; of an operation its
        results, which the last step has left.
    """

    def __init__(
        self, framework: Framework, work: Work, interpreter: str, folder: Path, threads: int, cache: Path | None
    ) -> None:  # fmt: skip
        self.name, self.folder = framework.name, folder
        module = f"{'operations' if isinstance(work, Operation) else 'with'}_{framework.module}"
        self.saved = f"{module}{framework.variant}.npz"
        command = ["-m", "peers.worker", module, str(folder), str(threads), framework.variant]
        self.process = subprocess.Popen(
            [interpreter, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(interpreter, threads, cache),
        )  # fmt: skip
        self.times: list[float] = []
        self.processors: list[float] = []
        self.losses: list[float] = []
        self.peak = 0.0
        self.version = ""
        self.first = self.turn(1)
        if framework.version not in ("", self.version):
            self.close()
            raise ChildProcessError(
                f"{self.name}: version {self.version} in {interpreter}, expected {framework.version}; install "
                f"{framework.package}=={framework.version}, or choose other peers with --peer"
            )
        if not isinstance(work, Operation):
            self.compare()

    def compare(self) -> None:
        """Let it save what is compared."""
        self.ask("results")
        self.found = changes(self.folder, self.saved)

    def forget(self) -> None:
        """Drop the times so far."""
        self.times.clear()
        self.processors.clear()

    def turn(self, steps: int) -> float:
        """Take steps; the seconds of one of them."""
        answer = self.ask(str(steps))
        self.times.append(answer["seconds"] / steps)
        self.processors.append(answer["processor"] / answer["seconds"])
        if answer["loss"] is not None:
            self.losses.append(answer["loss"])
        self.peak, self.version = answer["peak"], answer["version"]
        return self.times[-1]

    def ask(self, line: str) -> Mapping[str, Any]:
        """Write a line to the process; what it answers.

        Between its turns the process is stopped: threads of OpenBLAS and OpenMP spin for a tenth of a second after
        their last work, on cores that the next peer needs.
        """
        assert self.process.stdin
        assert self.process.stdout
        self.process.send_signal(signal.SIGCONT)
        answer = ""
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        if not answer:
            raise ChildProcessError(f"{self.name}: its process ended; what it wrote above says why")
        return json.loads(answer)

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
