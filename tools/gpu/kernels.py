"""Times single kernels on the device, by its own clock, over operands that are in no cache any more."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from gpu.works import KernelWork

import nngraph as ng
from nngraph.programs import Programs
from nngraph.run.cuda.device import Device

PAST = 4  # times the cache: what is read in turn before it is read again
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of one launch, of each turn."""

    name: str
    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def time_kernel(work: KernelWork, device: Device, turns: int, launches: int) -> Timed:
    """One work: `turns` times so many launches, on copies of its operands in turn.

    A launch is a step of a program: the work's kernel, and one that counts steps.
    """
    steps = [step_of(work, seed) for seed in range(copies(work.traffic, device.cache_bytes()))]
    return Timed(work.name, timed(device, steps, turns, launches))


def copies(traffic: int, cache: int) -> int:
    """How many sets of operands it takes so that none is in the cache when it is read again."""
    return max(1, -(-PAST * cache // traffic))


def step_of(work: KernelWork, seed: int) -> Callable[[], None]:
    """A function that launches a step, on random operands of its own."""
    programs = Programs(work.graph().declaration(), device="cuda", seed=seed, products=work.products)
    bound = programs.bind("predict", work.batch)
    random = np.random.default_rng(seed)
    for array in bound.inputs.values():
        array[...] = random.standard_normal(array.shape, np.float32)
    bound.ready.run()  # compiles, and takes down the step's graph
    return lambda: launched(programs, bound.program.step)


def launched(programs: Programs, step: Callable[[], None]) -> None:
    """Launch a step; the programs, whose memory it works on, stay."""
    assert programs
    step()


def timed(device: Device, steps: Sequence[Callable[[], None]], turns: int, launches: int) -> list[float]:
    """Seconds of one launch in each turn."""

    def launch() -> None:
        for k in range(launches):
            steps[k % len(steps)]()

    for _ in range(WARM_UP):
        launch()
    return [device.seconds(launch) / launches for _ in range(turns)]


def copy_bandwidth(device: Device, nbytes: int, turns: int, launches: int) -> float:
    """Bytes that a copy reads and writes in a second, at the median."""
    source, target = (device.zeros(nbytes) for _ in range(2))
    found = timed(device, [lambda: device.copy(target, source)], turns, launches)
    return 2 * nbytes / statistics.median(found)


def versions() -> dict[str, str]:
    """Of what has made the kernels."""
    from importlib.metadata import distributions

    kept = ("numba", "numba-cuda", "cuda-core", "cuda-bindings", "nvidia-cuda-nvcc", "nvidia-nvjitlink", "numpy")
    found = {d.name.lower(): d.version for d in distributions()}
    return {"nngraph": ng.__version__} | {
        name: version for name, version in sorted(found.items()) if name.startswith(kept)
    }
