"""Times what happens before the first step: a graph never seen, its kernels cached; and chains of many layers.

python tools/bench_compile.py first-step
python tools/bench_compile.py chain
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

import click

FIRST_STEP = """
import sys, time
import nngraph as ng
begin = time.perf_counter()
import random
chance, units = random.Random(int(sys.argv[1])), int(sys.argv[2])
g = ng.Graph("random-net")
values = [g.input("x", shape=(units,))]
for _ in range(30):
    source = chance.choice(values[-6:])
    kind = chance.choice(
        ["linear", "linear", "relu", "tanh", "sigmoid", "elu", "silu", "softplus", "gelu", "add", "multiply"]
    )
    if kind == "linear":
        values.append(g.linear(source, units))
    elif kind in ("add", "multiply"):
        values.append(getattr(g, kind)(source, chance.choice(values)))
    else:
        values.append(getattr(g, kind)(source))
total = values[-1]
for value in values[-6:-1]:
    total = g.add(total, value)
g.output(g.linear(total, 4, name="scores"))
model = ng.compile(g, loss="cross_entropy", optimizer="adam")
import numpy as np
x = np.zeros((32, units), np.float32)
model.fit(x, np.zeros(32, np.int32), epochs=1, batch_size=32)
seconds = time.perf_counter() - begin
kernels = len({call.kernel for call in model.schedule})
print(seconds, kernels, "numba" in sys.modules)
"""


def first_step_of(seed: int, units: int) -> tuple[float, int, bool]:
    """Seconds from the end of `import nngraph` to the end of the first step in a fresh process."""
    command = [sys.executable, "-c", FIRST_STEP, str(seed), str(units)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.run(command, env=kept, check=True, capture_output=True, text=True).stdout.split()
    return float(output[0]), int(output[1]), output[2] == "True"


@click.group()
def main() -> None:
    """Compile times."""


@main.command("first-step")
@click.option("--seed", default=11, show_default=True, help="Of the random net of 30 nodes.")
@click.option("--runs", default=9, show_default=True)
def first_step(seed: int, runs: int) -> None:
    """A net whose kernels another net, of other sizes, has left in the cache."""
    first_step_of(seed, 48)
    found = [first_step_of(seed, 64 + 16 * k) for k in range(runs)]
    seconds = [run[0] for run in found]
    click.echo(
        f"{found[0][1]} distinct kernels, Numba imported: {any(run[2] for run in found)}; "
        f"to the end of the first step: median {statistics.median(seconds):.3f} s, best {min(seconds):.3f} s"
    )


@main.command()
@click.option("--layers", default=10_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="Of each length, in turn; medians count.")
def chain(layers: int, runs: int) -> None:
    """Chains of N and 2N identical layers (linear, relu) from declaration to a bound training step."""
    counts = (layers, 2 * layers)
    found = {count: list[tuple[float, float]]() for count in counts}
    for _ in range(runs):
        for count in counts:
            found[count].append(chain_of(count))
    times = {count: statistics.median(seconds for seconds, _ in found[count]) for count in counts}
    for count in counts:
        grown = max(bytes_grown for _, bytes_grown in found[count])
        click.echo(
            f"{count} layers: {times[count]:.2f} s, {times[count] / count * 1e3:.3f} ms a layer; peak memory grew by "
            f"{grown / (2 * count) / 1e3:.1f} kB a node, parameters and activations apart"
        )
    click.echo(f"ratio {times[2 * layers] / times[layers]:.2f}")


def chain_of(layers: int) -> tuple[float, float]:
    """Seconds, and bytes that a fresh process's peak grew by."""
    command = [sys.executable, __file__, "one-chain", str(layers)]
    seconds, grown = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    return seconds, grown


@main.command("one-chain", hidden=True)
@click.argument("layers", type=int)
def one_chain(layers: int) -> None:
    import nngraph as ng
    from nngraph.programs import Programs

    def programs(count: int) -> Programs:
        g = ng.Graph("chain")
        x = g.input("x", shape=(16,))
        for _ in range(count):
            x = g.relu(g.linear(x, 16))
        g.output(x, name="y")
        return ng.compile(g, loss="mean_squared_error", optimizer=ng.SGD(0.001), threads=1).programs

    programs(3).bind("train", 32)  # what is imported and loaded once
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    made = programs(layers)
    bound = made.bind("train", 32)
    seconds = time.perf_counter() - begin
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    print(seconds, grown - made.store.nbytes - bound.plan.nbytes)


if __name__ == "__main__":
    main()
