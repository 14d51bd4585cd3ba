"""The document of all measurements: a table of what is fastest, one for each group of operations and each network."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from peers.machine import machine
from peers.operations import Operation
from peers.processes import FRAMEWORKS
from peers.report import Measurement, Row, aligned, counted, duration, table, title
from peers.works import WORKS, Network


def write(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write ``<path>.md`` and ``<path>.json``; what other runs have measured stays, unless it was measured again."""
    here = machine()
    found = merged(read(path.with_suffix(".json"), here), measurements)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(text(found, here))
    document = {"machine": here, "measurements": [asdict(measured) for measured in found]}
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")


def read(path: Path, here: Mapping[str, str]) -> list[Measurement]:
    """The measurements of earlier runs.

    Raises
    ------
    ValueError
        If they were taken on another processor: they cannot stand in one table with those of this one.
    """
    if not path.exists():
        return []
    document = json.loads(path.read_text())
    if (there := document["machine"]["processor"]) != here["processor"]:
        raise ValueError(
            f"{path}: measured on {there}, expected {here['processor']}; choose another --output, or delete it"
        )
    return [measurement_of(given) for given in document["measurements"]]


def measurement_of(given: Mapping[str, Any]) -> Measurement:
    kind = Operation if "formula" in given["work"] else Network
    rest = {name: value for name, value in given.items() if name not in ("work", "rows")}
    return Measurement(kind(**given["work"]), **rest, rows=[Row(**row) for row in given["rows"]])


def merged(old: Sequence[Measurement], new: Sequence[Measurement]) -> list[Measurement]:
    """All, the newer one of each work, in the order of the works."""
    found = {key_of(measured): measured for measured in (*old, *new)}
    places = {name: place for place, name in enumerate(WORKS)}
    return sorted(found.values(), key=lambda each: (places.get(each.work.name, len(places)), key_of(each)[1:]))


def key_of(measured: Measurement) -> tuple[str, int, int, bool]:
    wiring = 0 if isinstance(measured.work, Operation) else measured.work.wiring
    return measured.work.name, wiring, measured.threads, measured.cold


def text(measurements: Sequence[Measurement], here: Mapping[str, str]) -> str:
    lines = ["# Beside other frameworks", "", ", ".join(here.values()), "", NOTES, "", "## The fastest of the others"]
    lines += ["", summary(measurements), "", *group_tables(measurements)]
    for measured in measurements:
        if not isinstance(measured.work, Operation):
            lines += [f"## {title(measured)}", "", table(measured), ""]
    return "\n".join(lines)


def summary(measurements: Sequence[Measurement]) -> str:
    """A row a work and number of threads; its last cell names the peers that do such a work but are not in it."""
    columns = ("threads", "nngraph", "fastest other", "its time", "ratio", "of bests", "without")
    cells = [["work", *columns], ["---", *["---:"] * len(columns)]]
    for measured in measurements:
        if fastest := fastest_other(measured):
            own, other = measured.rows[0].median_seconds, fastest.median_seconds
            name = title(replace(measured, threads=1)).removesuffix(", 1 thread")
            cells.append([
                name, str(measured.threads), duration(own), fastest.peer, duration(other), f"{other / own:.2f}",
                of_bests(measured), ", ".join(missing(measured)),
            ])  # fmt: skip
    return aligned(cells)


def missing(measured: Measurement) -> list[str]:
    """Frameworks that do the work, but were left out of the measurement."""
    there = {row.peer for row in measured.rows}
    return [each.name for each in FRAMEWORKS if each.does(measured.work) and each.name not in there]


def fastest_other(measured: Measurement) -> Row | None:
    return min(measured.rows[1:], key=lambda row: row.median_seconds, default=None)


def of_bests(measured: Measurement) -> str:
    """The ratio between the best turns: what it would be on a machine that does nothing else."""
    own, *others = (row.best_seconds for row in measured.rows)
    return f"{min(others) / own:.2f}" if others else ""


def group_tables(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Lines of the tables of operations, one for each group and number of threads."""
    groups: dict[tuple[str, int], list[Measurement]] = {}
    for measured in measurements:
        if isinstance(measured.work, Operation):
            groups.setdefault((measured.work.group, measured.threads), []).append(measured)
    for (group, threads), members in groups.items():
        yield from (f"## {group}, {counted(threads)}", "", group_table(members), "", spread(members), "")


def group_table(members: Sequence[Measurement]) -> str:
    """A row an operation: the medians of all peers, and how many times longer than ours the fastest other one took."""
    names = list(dict.fromkeys(row.peer for measured in members for row in measured.rows))
    cells = [[members[0].work.group, *names, "ratio", "of bests", "difference"], ["---", *["---:"] * (len(names) + 3)]]
    for measured in members:
        times = {row.peer: duration(row.median_seconds) for row in measured.rows}
        ratio = f"{found:.2f}" if (found := ratio_of(measured)) else ""
        difference = f"{max(row.update_difference for row in measured.rows):.0e}"
        cells.append(
            [measured.work.name, *(times.get(name, "") for name in names), ratio, of_bests(measured), difference]
        )
    return aligned(cells)


def ratio_of(measured: Measurement) -> float | None:
    fastest = fastest_other(measured)
    return fastest.median_seconds / measured.rows[0].median_seconds if fastest else None


def spread(members: Sequence[Measurement]) -> str:
    """The geometric mean of the ratios, and the worst."""
    ratios = {measured.work.name: ratio for measured in members if (ratio := ratio_of(measured))}
    if not ratios:
        return "Nothing to compare with."
    worst = min(ratios, key=lambda name: ratios[name])
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    return f"Ratios: geometric mean {mean:.2f}, worst {ratios[worst]:.2f} ({worst})."


NOTES = """\
Made by `tools/bench_peers.py`. Each peer runs in a process of its own and they take turns, each the same steps from the
same parameters on the same data. *First step*: from the import of the framework to the end of the first step,
compilation included. *Median*, *best*: of the turns' mean steps. *Ratio*: the median over that of the first row; where
a row is a work, the fastest other's median over that of nngraph; *of bests*: the same of the best turns; *without*:
peers that do such a work but were not there. *Processors*: kept busy by the process. *Peak memory*: largest resident
size of the process. *Update*: how far what the first step adds to a parameter is from the first row's, for the worst of
them. *Loss*: mean of the last epoch after all timed steps; *difference*: from the first row's, relative to the loss of
the first step.

Operations run over operands that stay in memory. *Backward*: the result, and the gradients of all operands from a
random cotangent of it, all of them written. *Difference*: the largest of what any of the others computes, after the
last timed step, relative to its size."""
