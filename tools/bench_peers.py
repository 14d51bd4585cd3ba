"""Times steps of training, inference and single operations in nngraph beside the same in other frameworks, in turn.

Each peer runs in a process of its own that waits between its turns, so that all of them see the same machine, and
each takes the same steps from the same parameters: losses and results that differ are an error, and are not written
down. Quote ratios of medians.
Frameworks that are not installed beside nngraph can be given by the interpreter of an environment of their own, as
PyTensor must, which pins an older Numba.

    python tools/bench_peers.py --work randwire --torch ~/venv-torch/bin/python --output docs/benchmarks/peers
    python tools/bench_peers.py --work products --threads 1 --torch ~/venv-torch/bin/python

A later run with the same --output takes the place of what was measured of its works, and leaves the others.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from peers.document import group_tables, write
from peers.machine import load_average
from peers.operations import Operation, prepare_operation
from peers.prepare import prepare
from peers.processes import FRAMEWORKS, PYTENSOR, Framework, Peer, interpreter_of, prepare_in
from peers.report import Measurement, disagreements, one_line, row_of, table, title
from peers.works import GROUPS, WORKS, Network, Work

IDLE = 0.3  # load up to which a machine counts as idle
LONGEST = 20  # times the length of a turn, for the slowest peer
T = TypeVar("T")
Chosen = Sequence[tuple[Framework, str]]


@click.command()
@click.option("--work", "given", metavar="NAME", multiple=True,
              help=f"A work, or all of a group: {', '.join(GROUPS)}.  [default: all]")  # fmt: skip
@click.option("--peer", "names", multiple=True, type=click.Choice([each.name for each in FRAMEWORKS]),
              help="Which frameworks.  [default: all that are there]")  # fmt: skip
@click.option("--threads", multiple=True, type=click.IntRange(1), default=(1, 2), show_default=True,
              help="Each work is measured with each of these numbers of threads.")  # fmt: skip
@click.option("--turns", type=click.IntRange(1), default=15, show_default=True, help="Timed turns of each peer.")
@click.option("--seconds", default=0.1, show_default=True, help="About how long the fastest peer's turn takes.")
@click.option("--cold", is_flag=True, help="Give each peer an empty cache, so that its first step compiles all.")
@click.option("--wiring", default=0, show_default=True, help="Which wiring of the randomly wired network: a new one is "
              "a new graph, whose kernels nngraph has.")  # fmt: skip
@click.option("--torch", metavar="PYTHON", help="Interpreter of an environment with PyTorch.")
@click.option("--jax", metavar="PYTHON", help="Interpreter of an environment with JAX.")
@click.option("--onnxruntime", metavar="PYTHON", help="Interpreter of an environment with onnxruntime and PyTorch.")
@click.option("--pytensor", metavar="PYTHON", help=f"Interpreter of an environment with PyTensor {PYTENSOR}.")
@click.option("--output", type=click.Path(path_type=Path), help="Write or add to OUTPUT.md and OUTPUT.json.")
def main(
    given: tuple[str, ...], names: tuple[str, ...], threads: tuple[int, ...], turns: int, seconds: float, cold: bool,
    wiring: int, output: Path | None, **interpreters: str | None,
) -> None:  # fmt: skip
    """Print each peer's first, median and best step, how many times nngraph is faster, and its peak memory."""
    signal.signal(signal.SIGTERM, leave)
    chosen = frameworks(names, interpreters)
    if (load := load_average()) > IDLE:
        click.echo(f"load {load:.1f} in the last minute: times of a busy machine mean little", err=True)
    measurements: list[Measurement] = []
    problems: list[str] = []
    for work in works_of(given, wiring):
        doing = [(framework, interpreter) for framework, interpreter in chosen if framework.does(work)]
        for count in threads if doing else ():
            measured = measure(work, doing, count, turns, seconds, cold)
            click.echo(shown(measured))
            measurements.append(measured)
            problems += (found := list(disagreements(measured)))
            if output and not found:
                save(output, measured)
    click.echo("\n" + "\n".join(group_tables(measurements)))
    if problems:
        raise click.ClickException("the peers do not compute the same\n" + "\n".join(problems))


def works_of(given: Sequence[str], wiring: int) -> list[Work]:
    """The works that are named, by themselves or by their groups; all where none is."""
    for name in given:
        if name not in WORKS and name not in GROUPS:
            raise click.BadParameter(
                f"'{name}' given, expected a group or one of {', '.join(WORKS)}", param_hint="--work"
            )
    chosen = [work for work in WORKS.values() if not given or work.name in given or work.group in given]
    return [replace(work, wiring=wiring) if isinstance(work, Network) else work for work in chosen]


def shown(measured: Measurement) -> str:
    """A network's table; a line of an operation, whose group has a table."""
    if isinstance(measured.work, Operation):
        return one_line(measured)
    return f"\n{title(measured)}\n\n{table(measured)}"


def save(output: Path, measured: Measurement) -> None:
    try:
        write(output, [measured])
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def leave(number: int, _: object) -> None:
    """End as an exception does, which leaves no peers and no folders behind."""
    sys.exit(128 + number)


def frameworks(names: Sequence[str], interpreters: Mapping[str, str | None]) -> Chosen:
    """Those that were asked for and can be run, with their interpreters; a line for each other one."""
    found: list[tuple[Framework, str]] = []
    for framework in FRAMEWORKS:
        if names and framework.name not in names:
            continue
        if interpreter := interpreter_of(framework, interpreters):
            found.append((framework, interpreter))
        else:
            package = framework.package
            click.echo(f"{framework.name}: left out, no {package} here; give an interpreter: --{package} PYTHON")
    return found


def measure(work: Work, chosen: Chosen, threads: int, turns: int, seconds: float, cold: bool) -> Measurement:
    """Run one work in all peers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        prepare_operation(work, folder) if isinstance(work, Operation) else prepare(work, folder)
        peers: list[Peer] = []
        for framework, interpreter in chosen:
            peers.append(started(framework, work, interpreter, folder, threads, cold))
            stack.callback(peers[-1].close)
        steps = take_turns(peers, work.epoch, turns, seconds)
        if isinstance(work, Operation):
            each(peers, Peer.compare)
        return Measurement(work, threads, steps, cold, [row_of(peer, peers[0]) for peer in peers])


def started(framework: Framework, work: Work, interpreter: str, folder: Path, threads: int, cold: bool) -> Peer:
    cache = folder / f"cache-{framework.name}" if cold else None
    if cache:
        cache.mkdir()
    try:
        if framework.preparation:
            prepare_in(interpreter, framework.preparation, folder, threads)
        return Peer(framework, work, interpreter, folder, threads, cache)
    except OSError as error:
        raise click.ClickException(str(error)) from None


def each(peers: list[Peer], do: Callable[[Peer], T]) -> list[T]:
    """What all peers give; one whose process ends is left out from then on, with a line.

    Raises
    ------
    ClickException
        If it is the first one, which the others are compared with.
    """
    found: list[T] = []
    for peer in tuple(peers):
        try:
            found.append(do(peer))
        except ChildProcessError as error:
            if peer is peers[0]:
                raise click.ClickException(str(error)) from None
            click.echo(f"{error}; left out", err=True)
            peers.remove(peer)
    return found


def take_turns(peers: list[Peer], epoch: int, turns: int, seconds: float) -> int:
    """Time all peers, the same steps each; how many steps a turn has."""
    each(peers, lambda peer: peer.turn(epoch))
    steps = epoch
    for _ in range(2):  # a few steps alone tell little of how long many take
        found = each(peers, lambda peer, steps=steps: peer.turn(steps))
        wanted = min(seconds / min(found), LONGEST * seconds / max(found))
        steps = max(1, round(wanted / epoch)) * epoch
    for peer in peers:
        peer.forget()
    for _ in range(turns):
        each(peers, lambda peer: timed(peer, steps))
    return steps


def timed(peer: Peer, steps: int) -> None:
    peer.turn(steps)
    time.sleep(0.01)


if __name__ == "__main__":
    main()
