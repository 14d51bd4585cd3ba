"""Times a training step of nngraph beside the same step in other frameworks, in turn, in one run.

Each peer runs in a process of its own that waits between its turns, so that all of them see the same machine.
Quote ratios of medians. PyTensor pins an older Numba: give the interpreter of an environment of its own.

    python tools/bench_peers.py --work mlp-2-16-16-2 --pytensor ~/venv-pytensor/bin/python
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
from peers.works import WORKS

HERE = Path(__file__).parent / "peers"
WORKER = """
import importlib, json, sys, time
from works import WORKS
module, work, threads = sys.argv[1], WORKS[sys.argv[2]], int(sys.argv[3])
begin = time.perf_counter()
cls = importlib.import_module(module).Trainer
trainer = cls(work, threads) if module == "with_nngraph" else cls(work)
trainer.epoch(work.examples // work.batch)
print(json.dumps({"first": time.perf_counter() - begin}), flush=True)
for line in sys.stdin:
    steps = int(line)
    begin = time.perf_counter()
    loss = trainer.epoch(steps)
    print(json.dumps({"seconds": (time.perf_counter() - begin) / steps, "loss": loss}), flush=True)
"""


def environment(threads: int) -> dict[str, str]:
    """Without what holds OpenBLAS to older instructions, and with this many threads for every library."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return kept | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}


class Peer:
    """One framework's process."""

    def __init__(self, module: str, interpreter: str, work: str, threads: int) -> None:
        variables = environment(threads)
        if interpreter != sys.executable:
            variables["PYTHONPATH"] = str(HERE)
        self.name = module.removeprefix("with_")
        self.process = subprocess.Popen(
            [interpreter, "-c", WORKER, module, work, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, text=True,
        )  # fmt: skip
        self.first = self.read()["first"]
        self.times: list[float] = []
        self.loss = 0.0

    def read(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise click.ClickException(f"{self.name}: its process ended; run it by hand to see why")
        return json.loads(line)

    def turn(self, steps: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        result = self.read()
        self.times.append(result["seconds"])
        self.loss = result["loss"]


@click.command()
@click.option("--work", "works", multiple=True, help="Which works; all by default.")
@click.option("--threads", default=2, show_default=True)
@click.option("--turns", default=15, show_default=True, help="Timed turns of each peer.")
@click.option("--seconds", default=0.1, show_default=True, help="About how long a turn takes.")
@click.option("--pytensor", help="Interpreter of an environment with PyTensor.")
def main(works: tuple[str, ...], threads: int, turns: int, seconds: float, pytensor: str | None) -> None:
    """Print the median and best step of each peer, and how many times nngraph is faster."""
    for name in works or WORKS:
        modules = [("with_nngraph", sys.executable), ("with_numpy", sys.executable)]
        if pytensor:
            modules.append(("with_pytensor", pytensor))
        peers = [Peer(module, interpreter, name, threads) for module, interpreter in modules]
        epoch = WORKS[name].examples // WORKS[name].batch
        steps: list[int] = []
        for peer in peers:
            peer.turn(epoch)
            steps.append(max(1, round(seconds / peer.times.pop() / epoch)) * epoch)
        for _ in range(turns):
            for peer, count in zip(peers, steps, strict=True):
                peer.turn(count)
                time.sleep(0.01)
        ours = statistics.median(peers[0].times)
        click.echo(f"{name}, {threads} threads")
        for peer in peers:
            median, best = statistics.median(peer.times), min(peer.times)
            click.echo(
                f"  {peer.name:10} median {median * 1e6:9.1f} us  best {best * 1e6:9.1f} us  "
                f"{median / ours:5.2f} times nngraph's  first epoch after {peer.first:.2f} s  loss {peer.loss:.4g}"
            )
            peer.process.kill()


if __name__ == "__main__":
    main()
