"""What was measured, whether the peers agree, and how both are shown."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from peers.processes import Peer
from peers.works import Work

# Relative differences, by element type: of the loss of the first step, which no update precedes, of its updates, and
# of the loss of the first epoch. Gradients of the weights of edges are sums in which nearly everything cancels.
TOLERANCES = {"float32": (1e-5, 0.2, 1e-3), "float64": (1e-12, 1e-6, 1e-10)}
SCORES = (1e-4, 1e-4, 1e-4)  # the same of inference
DRIFT = 0.05  # of the last epoch, relative to the first loss: rounding errors grow with every step
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
        How far the first step's updates are from the first peer's, for the worst of the parameters.
    worst : str
        That parameter.
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
    worst, update = farthest(first.updates, peer.updates)
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
    """Each peer whose losses are not those of the first, in a line."""
    first, *others = measured.rows
    exact, turned, close = SCORES if measured.work.inference else TOLERANCES[measured.work.dtype]
    for row in others:
        pairs = list(zip(first.losses, row.losses, strict=True))
        checks = (
            ("first step", pairs[0], pairs[0][0], exact),
            ("first epoch", pairs[1], pairs[1][0], close),
            ("last epoch", pairs[-1], pairs[0][0], DRIFT),
        )
        for when, (own, other), scale, limit in checks:
            if (found := difference(own, other, scale)) > limit:
                yield (
                    f"{measured.work.name}, {when}: {first.peer} has the loss {own:.7g}, {row.peer} {other:.7g}; "
                    f"a difference of at most {limit:.0e} expected, {found:.1e} found"
                )
        if not row.update_difference <= turned:
            yield (
                f"{measured.work.name}, first update: {row.peer} changes {row.worst} unlike {first.peer}; a difference "
                f"of at most {turned:.0e} expected, {row.update_difference:.1e} found"
            )


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
    work, threads = measured.work, measured.threads
    plural = "" if threads == 1 else "s"
    caches = ", empty caches" if measured.cold else ""
    wiring = f", wiring {work.wiring}" if work.wiring else ""
    return f"{work.name}{wiring}, batch {work.batch}, {work.dtype}, {threads} thread{plural}{caches}"


def machine() -> dict[str, str]:
    """What the times were taken on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": f"{processor()}, {usable} usable",
        "system": platform.platform(),
        "python": f"Python {platform.python_version()}",
    }


def load_average() -> float:
    """Processes that ran in the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write ``<path>.md`` and ``<path>.json``."""
    here = machine()
    lines = ["# A training step beside other frameworks", "", ", ".join(here.values()), "", NOTES]
    for measured in measurements:
        lines += ["", f"## {title(measured)}", "", table(measured)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text("\n".join(lines) + "\n")
    document = {"machine": here, "measurements": [asdict(measured) for measured in measurements]}
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")


NOTES = """\
Made by `tools/bench_peers.py`. Each peer runs in a process of its own and they take turns, each the same steps from the
same parameters on the same data. *First step*: from the import of the framework to the first loss, compilation
included. *Median*, *best*: of the turns' mean steps. *Ratio*: the median over that of the first row. *Processors*:
kept busy by the process. *Peak memory*: largest resident size of the process. *Update*: how far what the first step
adds to a parameter is from the first row's, for the worst of them. *Loss*: mean of the last epoch after all timed
steps; *difference*: from the first row's, relative to the loss of the first step."""
