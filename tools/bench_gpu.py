"""Times kernels and steps of training on a CUDA device: beside its copy bandwidth, cuBLAS and PyTorch.

    python tools/bench_gpu.py --torch ~/venv-torch/bin/python

Kernels are timed by the device's clock, steps of training by `bench_peers.py`'s turns, in which PyTorch (eager, and
compiled with mode="reduce-overhead") takes the same steps and its losses are compared. It writes Markdown and JSON.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from bench_peers import leave, measure
from gpu.document import KernelRow, Report, kernel_table, network_table, write
from gpu.kernels import copy_bandwidth, time_kernel, versions
from gpu.works import FRAMEWORKS, NETWORK_WORKS, WITH_LIBRARY, KernelWork, kernel_works
from peers.processes import TOOLS, Framework, interpreter_of
from peers.report import Measurement, disagreements

from nngraph.errors import DeviceError
from nngraph.run.cuda.cublas import library
from nngraph.run.cuda.device import device

if TYPE_CHECKING:
    from nngraph.run.cuda.device import Device

LAUNCHES = 10
COPIED = 1 << 30
OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "gpu"
PARTS = ("kernels", "networks")


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS, help="What.  [default: both]")
@click.option("--turns", type=click.IntRange(1), default=15, show_default=True, help="Timed turns of each.")
@click.option("--seconds", default=1.0, show_default=True, help="About how long a network's turn takes.")
@click.option("--torch", metavar="PYTHON", help="Interpreter of an environment with PyTorch.  [default: this one]")
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT, help="Write OUTPUT.md and OUTPUT.json.  "
              "[default: docs/benchmarks/gpu]")  # fmt: skip
def main(parts: tuple[str, ...], turns: int, seconds: float, torch: str | None, output: Path) -> None:
    """Print what was measured, and write it down; without a device one line says so."""
    signal.signal(signal.SIGTERM, leave)
    here = the_device()
    libraried = found_library()
    peers = interpreters(torch, libraried)
    kernels = measured_kernels(kernel_works(library=libraried), here, turns, peers) if "kernels" in parts else []
    networks = measured_networks(peers, turns, seconds) if "networks" in parts else []
    write(output, Report(about(here, networks), kernels, networks))
    click.echo(f"written: {output.with_suffix('.md')}, {output.with_suffix('.json')}")
    if problems := [line for measured in networks for line in disagreements(measured)]:
        raise click.ClickException("the peers do not compute the same\n" + "\n".join(problems))


def the_device() -> Device:
    """The device; a line where there is none, or where the simulator stands for it."""
    try:
        found = device()
    except DeviceError as error:
        raise click.ClickException(f"nothing measured: {error}") from None
    if found.simulated:
        raise click.ClickException("nothing measured: Numba's simulator is no device; unset NUMBA_ENABLE_CUDASIM")
    return found


def found_library() -> bool:
    """Whether cuBLAS can do our products; a line where it cannot."""
    try:
        library()
    except DeviceError as error:
        click.echo(f"cuBLAS: left out, {error}")
        return False
    return True


def interpreters(torch: str | None, libraried: bool) -> list[tuple[Framework, str]]:
    """The frameworks that can be run, with their interpreters; a line for each other one."""
    found: list[tuple[Framework, str]] = []
    for framework in (*FRAMEWORKS, WITH_LIBRARY) if libraried else FRAMEWORKS:
        if interpreter := interpreter_of(framework, {"torch": torch}):
            found.append((framework, interpreter))
        else:
            click.echo(f"{framework.name}: left out, no {framework.package} here; give an interpreter: --torch PYTHON")
    return found


def about(here: Device, networks: Sequence[Measurement]) -> dict[str, str]:
    """When, on what, and with what."""
    found = here.about()
    torch = next((row.version for measured in networks for row in measured.rows if row.peer == "torch"), "")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "device": f"{found.name}, compute capability {found.capability[0]}.{found.capability[1]}, "
        f"{found.total / 2**30:.0f} GiB",
        "driver": found.driver,
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        **({"torch": torch} if torch else {}),
    }  # fmt: skip


def measured_kernels(
    works: Sequence[KernelWork], here: Device, turns: int, peers: Sequence[tuple[Framework, str]]
) -> list[KernelRow]:
    """A row each: the copy first, which the others are held against."""
    bandwidth = copy_bandwidth(here, COPIED, turns, LAUNCHES)
    rows = [KernelRow("copy", [], 2 * COPIED / bandwidth, bandwidth, "GB/s", bandwidth, 0.0)]
    torch = next((interpreter for framework, interpreter in peers if framework.package == "torch"), "")
    for work in works:
        timed = time_kernel(work, here, turns, LAUNCHES)
        arithmetic = work.group == "product"
        rate = (work.flops if arithmetic else work.traffic) / timed.median
        against = cublas_rate(work, torch, turns) if arithmetic else bandwidth
        unit = "GFLOP/s" if arithmetic else "GB/s"
        rows.append(KernelRow(work.name, timed.seconds, timed.median, rate, unit, against, work.asked))
    click.echo(kernel_table(rows))
    return rows


def cublas_rate(work: KernelWork, interpreter: str, turns: int) -> float:
    """Operations a second of PyTorch's product; 0 where it cannot be measured, which a line says."""
    if not interpreter:
        return 0.0
    side = round((work.flops / 2) ** (1 / 3))
    done = subprocess.run(
        [interpreter, "-m", "gpu.with_torch", str(side), str(turns), str(int(work.products == "cublas_tf32"))],
        cwd=TOOLS, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(TOOLS)},
    )  # fmt: skip
    if done.returncode:
        click.echo(
            f"{work.name}: no product to compare with: {(done.stderr.strip().splitlines() or [''])[-1]}", err=True
        )
        return 0.0
    return work.flops / statistics.median(json.loads(done.stdout)["seconds"])


def measured_networks(peers: Sequence[tuple[Framework, str]], turns: int, seconds: float) -> list[Measurement]:
    """Steps of training, in all peers."""
    found = [measure(work, peers, 1, turns, seconds, cold=False) for work in NETWORK_WORKS]
    click.echo(network_table(found))
    return found


if __name__ == "__main__":
    main()
