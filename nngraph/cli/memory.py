"""How `inspect --memory` and `compile --emit memory` print a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from nngraph.cli.console import console
from nngraph.cli.tables import count, plural, show_table, size, sparkline

if TYPE_CHECKING:
    from nngraph.compiler import Compilation
    from nngraph.report.memory import MemoryReport, ValueRow

SHOWN = 20


def show_report(c: Compilation, report: MemoryReport, top: int | None = SHOWN) -> None:
    """Print the figures, the course over the calls, and the values: those alive at the peak, or all of them.

    Parameters
    ----------
    c : Compilation
        Planned.
    report : MemoryReport
    top : int, optional
        At most so many of the values at the peak; None prints every value of the arena.
    """
    threads = plural(report.threads, "thread")
    click.echo(f"{c.declared.graph['name']}: {c.purpose}, {c.dtype}, batch {report.batch}, {threads}\n")
    show_table(("memory", ">bytes", ">", ""), list(figures(report)))
    show_course(c, report)
    rows = list(report.rows) if top is None else report.at(report.peak_call)
    show_values(report, rows, top)


def figures(report: MemoryReport) -> Iterator[tuple[str, str, str, str]]:
    """The sums: what is allocated and what it is made of, and what it would be without reuse."""
    scratch = report.scratch * report.threads
    yield line("arena", report.arena, "allocated for this batch")
    yield line("  places of values", report.values)
    yield line("  scratch", scratch, f"{report.scratch:,} for each thread")
    if report.more:
        yield line("  more", report.more, "for what is prepared before the first batch")
    yield line("alive at the peak", report.peak, f"at call {report.peak_call} of 0 to {len(report.live) - 1}")
    yield line("values in the arena", report.placed, "if no place were used twice")
    share = f"the arena is {report.arena / report.unfused:.0%} of it" if report.unfused else ""
    yield line("all values", report.unfused, f"if nothing were fused either; {share}")
    for kind, nbytes in report.states.items():
        yield line(f"state: {kind}", nbytes, "outside of the arena")


def line(title: str, nbytes: int, note: str = "") -> tuple[str, str, str, str]:
    return title, count(nbytes), size(nbytes), note


def show_course(c: Compilation, report: MemoryReport) -> None:
    """The bytes alive at each call as a line of bars, and what runs at the peak."""
    if not report.live:
        return
    assert c.schedule
    width = min(console().width if console().is_terminal else 80, 100) - 2
    click.echo(f"\nalive from call to call (0 to {len(report.live) - 1}):\n  {sparkline(report.live, width)}")
    nodes = c.schedule.calls[report.peak_call].nodes
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    click.echo(f"the peak is reached at call {report.peak_call}, which computes {', '.join(nodes[:3])}{more}\n")


def show_values(report: MemoryReport, rows: list[ValueRow], top: int | None) -> None:
    shown = rows[:top]
    last = len(report.live)
    title = "value in the arena" if top is None else f"value alive at call {report.peak_call}"
    show_table(
        (title, "type", ">bytes", ">offset", "alive in calls"),
        [(r.name, r.type, count(r.nbytes), count(r.offset), lifetime(r, last)) for r in shown],
    )
    if len(rows) > len(shown):
        rest = sum(row.nbytes for row in rows[len(shown) :])
        click.echo(f"and {len(rows) - len(shown)} more of {rest:,} bytes together; --top shows more")


def lifetime(row: ValueRow, calls: int) -> str:
    """From which call to which a value lives; inputs are there before the first, outputs after the last."""
    first = "input" if row.first < 0 else str(row.first)
    last = "output" if row.last >= calls else str(max(row.last, row.first))
    return first if first == last else f"{first} to {last}"
