"""The document of what was measured on a GPU."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gpu.works import ASKED
from peers.report import Measurement, aligned, duration, table


@dataclass(frozen=True, slots=True)
class KernelRow:
    """A kernel beside what it is held against.

    Attributes
    ----------
    seconds : list of float
        Of each turn.
    median : float
    rate : float
        Bytes or operations a second.
    unit : str
    against : float
        The same of the copy, or of cuBLAS; 0 where that is not known.
    asked : float
        The share that is asked for.
    """

    name: str
    seconds: Sequence[float]
    median: float
    rate: float
    unit: str
    against: float
    asked: float


@dataclass(frozen=True, slots=True)
class Report:
    """All of one run; `about` says when, on what and with what."""

    about: Mapping[str, str]
    kernels: Sequence[KernelRow]
    networks: Sequence[Measurement]


def write(path: Path, report: Report) -> None:
    """Write ``<path>.md`` and ``<path>.json``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(text(report))
    document = {
        "about": dict(report.about), "kernels": [asdict(row) for row in report.kernels],
        "networks": [asdict(measured) for measured in report.networks],
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")


def text(report: Report) -> str:
    about = [f"- {name}: {value}" for name, value in report.about.items()]
    lines = ["# On a GPU", "", *about, "", NOTES, ""]
    if report.kernels:
        lines += ["## Kernels", "", kernel_table(report.kernels), ""]
    if report.networks:
        lines += ["## Steps of training", "", network_table(report.networks), ""]
    for measured in report.networks:
        lines += [f"### {measured.work.title}", "", table(measured), ""]
    return "\n".join(lines)


def kernel_table(rows: Sequence[KernelRow]) -> str:
    """A row a kernel: its share of what it is held against."""
    cells = [["kernel", "median", "rate", "against", "share", "asked for"], ["---", *["---:"] * 5]]
    for row in rows:
        against = f"{row.against / 1e9:,.0f}" if row.against else "not measured"
        share = f"{row.rate / row.against:.0%}" if row.against else ""
        rate = f"{row.rate / 1e9:,.0f} {row.unit}"
        cells.append([row.name, duration(row.median), rate, against, share, f"{row.asked:.0%}" if row.asked else ""])
    return aligned(cells)


def network_table(networks: Sequence[Measurement]) -> str:
    """A row a network: our step, and how many times longer the others' are."""
    names = list(dict.fromkeys(row.peer for measured in networks for row in measured.rows[1:]))
    asked = [f"{name} (asked for: {ASKED[name]:g})" if name in ASKED else name for name in names]
    cells = [["work", "nngraph", *asked], ["---", *["---:"] * (1 + len(names))]]
    for measured in networks:
        own = measured.rows[0].median_seconds
        times = {row.peer: row.median_seconds for row in measured.rows}
        ratios = [f"{times[name] / own:.2f}" if name in times else "" for name in names]
        cells.append([measured.work.title, duration(own), *ratios])
    return aligned(cells)


NOTES = """\
Made by `tools/bench_gpu.py`. Kernels: medians over turns of launches in a row, by the device's own clock, after turns
that are not timed, on sets of operands in turn that together are several times the device's cache. *Rate*: bytes that
have to be moved, or operations, in a second; *against*: what a copy on the device moves, or what PyTorch's product
(cuBLAS) computes, in the same unit. Steps of training: each peer in a process of its own, in turn, the same steps from
the same parameters on the same data, losses compared after them; the time of a turn from its first launch to when its
last loss is known, by the clock of the host. TF32 is off on both sides, but
for the product that names it, where it is on on both."""
