"""What was measured, whether the peers agree, and how both are shown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from peers.operations import Operation
from peers.processes import Peer
from peers.works import Network, Work

# Relative differences, by element type: of the loss of the first step, which no update precedes, of its updates, and
# of the loss of the first epoch. Gradients of the weights of edges are sums in which nearly everything cancels.
TOLERANCES = {"float32": (1e-5, 0.2, 1e-3), "float64": (1e-12, 1e-6, 1e-10)}
SCORES = (1e-4, 1e-4, 1e-4)  # the same of inference
RESULTS = {"float32": 1e-4, "float64": 1e-10}  # of what an operation computes
# Of the last epoch of each further turn: relative to the first loss, for rounding errors grow with every step; and how
# many times one loss may be the other, both at least `FLOORS` of the first, below which they are rounding errors alone.
DRIFT, TIMES = 0.05, 2.0
FLOORS = {"float32": 1e-7, "float64": 1e-12}
COLUMNS = ("first step", "median", "best", "ratio", "processors", "peak memory", "update", "loss", "difference")


@dataclass(frozen=True, slots=True)
class Row:
    """One peer.

    Attributes
    ----------
    seconds : list of float
        Of a step, the mean of each turn.
    losses : list of float
        Mean of the first step, of the first epoch, and of the last epoch after each further turn.
    update_difference : float
        How far the first step's updates, or an operation's results, are from the first peer's, for the worst of them.
    worst : str
        The parameter, or the result.
    """

    peer: str
    version: str
    first_step_seconds: float
    median_seconds: float
    best_seconds: float
    seconds: Sequence[float]
    processors: float
    peak_megabytes: float
    losses: Sequence[float]
    update_difference: float = 0.0
    worst: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One work, with one number of threads; `steps` is how many a turn has."""

    work: Work
    threads: int
    steps: int
    cold: bool
    rows: Sequence[Row]


def row_of(peer: Peer, first: Peer) -> Row:
    worst, update = farthest(first.found, peer.found)
    return Row(
        peer.name, peer.version, peer.first, statistics.median(peer.times), min(peer.times), peer.times,
        statistics.median(peer.processors), peer.peak, peer.losses, update, worst,
    )  # fmt: skip


def farthest(own: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> tuple[str, float]:
    """The parameter whose updates differ most, and how much: in proportion to it, if it is not unusually small."""
    sizes = {name: size(update) for name, update in own.items()}
    usual = float(np.median(list(sizes.values())))
    found = {
        name: difference(size(own[name] - other[name]), 0, max(sizes[name], usual)) if name in other else math.inf
        for name in own
    }
    worst = max(found, key=lambda name: found[name])
    return worst, found[worst]


def size(update: np.ndarray) -> float:
    return float(np.sqrt(np.square(update).mean()))


def difference(own: float, other: float, scale: float) -> float:
    """Relative to `scale`; infinite where one of them is not a number."""
    found = abs(own - other) / max(abs(scale), 1e-30)
    return found if found < math.inf else math.inf


def disagreements(measured: Measurement) -> Iterator[str]:
    """Each peer that does not compute what the first does, in a line."""
    work = measured.work
    return unlike_results(measured, work) if isinstance(work, Operation) else unlike_losses(measured, work)


def unlike_results(measured: Measurement, operation: Operation) -> Iterator[str]:
    first, *others = measured.rows
    limit = RESULTS[operation.dtype]
    for row in others:
        if not row.update_difference <= limit:
            yield (
                f"{operation.name}: {row.peer} computes another {row.worst} than {first.peer}; a difference of at most "
                f"{limit:.0e} expected, {row.update_difference:.1e} found"
            )


def unlike_losses(measured: Measurement, network: Network) -> Iterator[str]:
    first, *others = measured.rows
    exact, turned, close = SCORES if network.inference else TOLERANCES[network.dtype]
    for row in others:
        pairs = list(zip(first.losses, row.losses, strict=True))
        checks = (
            ("first step", pairs[0], pairs[0][0], exact),
            ("first epoch", pairs[1], pairs[1][0], close),
        )
        for when, (own, other), scale, limit in checks:
            if (found := difference(own, other, scale)) > limit:
                yield (
                    f"{network.name}, {when}: {first.peer} has the loss {own:.7g}, {row.peer} {other:.7g}; "
                    f"a difference of at most {limit:.0e} expected, {found:.1e} found"
                )
        if said := unlike_turn(pairs, FLOORS[network.dtype] * abs(pairs[0][0])):
            yield f"{network.name}, {said.format(first.peer, row.peer)}"
        if not row.update_difference <= turned:
            yield (
                f"{network.name}, first update: {row.peer} changes {row.worst} unlike {first.peer}; a difference "
                f"of at most {turned:.0e} expected, {row.update_difference:.1e} found"
            )


def unlike_turn(pairs: Sequence[tuple[float, float]], floor: float) -> str:
    """The first turn after which the losses lie too far apart, in a line; it has places for the names of both."""
    for turn, (own, other) in enumerate(pairs[2:], 2):
        losses = f"turn {turn}: {{}} has the loss {own:.7g}, {{}} {other:.7g}"
        if (found := difference(own, other, pairs[0][0])) > DRIFT:
            return f"{losses}; a difference of at most {DRIFT:.0e} of the first loss expected, {found:.1e} found"
        least, most = sorted(max(loss, floor) for loss in (own, other))
        if most > TIMES * least:
            return f"{losses}; one at most {TIMES:g} times the other expected, {most / least:.3g} times found"
    return ""


def table(measured: Measurement) -> str:
    """The rows in Markdown."""
    first = measured.rows[0]
    cells = [["peer", *COLUMNS], ["---", *["---:"] * len(COLUMNS)]]
    for row in measured.rows:
        drift = difference(first.losses[-1], row.losses[-1], first.losses[0])
        cells.append([
            f"{row.peer} {row.version}", f"{row.first_step_seconds:.2f} s", duration(row.median_seconds),
            duration(row.best_seconds), f"{row.median_seconds / first.median_seconds:.2f}", f"{row.processors:.1f}",
            f"{row.peak_megabytes:.0f} MB", f"{row.update_difference:.0e}", f"{row.losses[-1]:.5g}", f"{drift:.0e}",
        ])  # fmt: skip
    return aligned(cells)


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a table in Markdown."""
    widths = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    return "\n".join("| " + " | ".join(padded(line, widths)) + " |" for line in cells)


def padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for k, (text, width) in enumerate(zip(line, widths, strict=True)):
        if text.startswith("---"):
            yield text.rjust(width, "-")
        else:
            yield text.rjust(width) if k else text.ljust(width)


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"


def title(measured: Measurement) -> str:
    return f"{measured.work.title}, {counted(measured.threads)}" + (", empty caches" if measured.cold else "")


def counted(threads: int) -> str:
    return f"{threads} thread" + ("" if threads == 1 else "s")


def one_line(measured: Measurement) -> str:
    times = (f"{row.peer} {duration(row.median_seconds)}" for row in measured.rows)
    return f"{title(measured)}: {', '.join(times)}"
