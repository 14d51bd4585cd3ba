"""The arena over the schedule: a box for every value, as high as its bytes, from the call that writes it to the last
that reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

from nngraph.compiler import Compilation, compile_program
from nngraph.draw import page
from nngraph.draw.drawing import Drawing
from nngraph.draw.measure import fitted, text_width
from nngraph.draw.outline import number
from nngraph.draw.svg import document, text
from nngraph.report.memory import MemoryReport, ValueRow, memory_report
from nngraph_kernels.record import record

FORMATS: Final = ("text", "svg", "html")
WIDTH, HEIGHT = 1040.0, 520.0  # of the plot, in pixels
LEFT, TOP, BELOW = 74.0, 98.0, 58.0  # around it
KINDS: Final = {
    "input": "inputs and targets", "forward": "forward", "loss": "loss and metrics", "backward": "gradients",
    "update": "updates",
}  # fmt: skip
UNITS: Final = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
LOOK: Final = {
    "input": "data", "forward": "linear", "loss": "activation", "backward": "loss", "update": "update",
}  # fmt: skip
STYLE: Final = """
.place { fill: var(--fill); stroke: var(--ink); stroke-width: 0.7; vector-effect: non-scaling-stroke; }
.kind-backward .place, .place.kind-backward { stroke-dasharray: 3 1.5; }
.inside { font-size: 9.5px; fill: var(--text); text-anchor: middle; pointer-events: none; }
.axis { stroke: var(--faint); stroke-width: 0.8; } .tick { font-size: 10px; fill: var(--muted); }
.live { fill: none; stroke: var(--text); stroke-width: 1.4; vector-effect: non-scaling-stroke; }
.peak { stroke: var(--accent); stroke-width: 1.2; stroke-dasharray: 4 3; }
"""


@record(eq=False)
class Arena:
    """What the picture shows.

    Attributes
    ----------
    calls : tuple of str
        What each call computes.
    """

    title: str
    subtitle: str
    report: MemoryReport
    calls: tuple[str, ...]


def arena_of(c: Compilation) -> Arena:
    """The arena of a compilation none of whose stages has been run."""
    compile_program(c, "plan")
    assert c.graph is not None
    assert c.schedule is not None
    assert c.plan is not None
    report = memory_report(c.graph, c.schedule, c.plan)
    subtitle = (
        f"{c.purpose}, {c.dtype}, batch {c.batch}: values in {amount(report.values)}, which would be "
        f"{amount(report.placed)} if no place were used twice; scratch of {amount(report.scratch * report.threads)}"
    )
    calls = tuple(", ".join(call.nodes) for call in c.schedule.calls)
    return Arena(c.declared.graph["name"], subtitle, report, calls)


def arena_drawing(arena: Arena, format: str) -> Drawing:
    """The picture as SVG, or as a page."""
    return Drawing(format, arena_svg(arena) if format == "svg" else arena_page(arena))


def amount(nbytes: int) -> str:
    """A size in the unit that leaves few digits."""
    size, unit = next((pair for pair in UNITS if nbytes >= pair[0]), UNITS[-1])
    return f"{nbytes / size:.3g} {unit}"


def kind_of(row: ValueRow) -> str:
    """A key of `KINDS`."""
    first = row.name.partition("/")[0]
    if row.first < 0:
        return "input"
    return {"gradient": "backward", "update": "update", "loss": "loss", "metric": "loss"}.get(first, "forward")


def arena_svg(arena: Arena) -> str:
    """The SVG text: time to the right, offset upward, what is alive as a line."""
    report = arena.report
    calls, top = max(len(report.live), 1), max(report.values, 1)
    plot = Plot(WIDTH / (calls + 1), HEIGHT / top)
    body = [
        text(18, 32, "title", arena.title), text(18, 48, "subtitle", arena.subtitle), *legend(report.rows),
        *axes(plot, calls, top), *(plot.box(row) for row in report.rows), plot.course(report), *peak(plot, report),
    ]  # fmt: skip
    size = (LEFT + WIDTH + 24, TOP + HEIGHT + BELOW)
    return document(*size, f"{arena.title}, memory", body, STYLE, {f"kind-{kind}": look for kind, look in LOOK.items()})


@record
class Plot:
    """Pixels for a call and for a byte."""

    across: float
    up: float

    def x(self, call: float) -> float:
        return LEFT + (call + 1) * self.across

    def y(self, offset: float) -> float:
        return TOP + HEIGHT - offset * self.up

    def box(self, row: ValueRow) -> str:
        """A value."""
        x, y = self.x(max(row.first, -1)), self.y(row.offset + row.nbytes)
        width, height = self.x(row.last + 1) - x, row.nbytes * self.up
        width = min(width, LEFT + WIDTH - x)
        room = width > 34 and height > 11
        label = fitted(row.name, 9.5, width - 6) if room else ""
        inside = text(x + width / 2, y + height / 2 + 3.3, "inside", label) if len(label) > 3 else ""
        return (
            f'<g class="kind-{kind_of(row)}"><title>{escape(told(row))}</title><rect class="place" x="{number(x)}" '
            f'y="{number(y)}" width="{max(width, 0.6):.2f}" height="{max(height, 0.5):.2f}"/>{inside}</g>'
        )

    def course(self, report: MemoryReport) -> str:
        """The bytes alive at each call, as steps."""
        steps = "".join(f"V{number(self.y(live))}H{number(self.x(k + 1))}" for k, live in enumerate(report.live))
        start = f"M{number(self.x(0))} {number(self.y(0))}"
        return f'<path class="live" d="{start}{steps}"><title>bytes alive</title></path>'


def told(row: ValueRow) -> str:
    first = "input" if row.first < 0 else f"call {row.first}"
    return f"{row.name}: {row.type}\n{row.nbytes:,} bytes at {row.offset:,}\nfrom {first} to call {row.last}"


def ticks(most: int, count: int, steps: Sequence[int]) -> list[int]:
    """Round numbers up to `most`, about `count` of them."""
    step = next((step for step in steps if most / step <= count), steps[-1])
    return list(range(0, most + 1, step))


def axes(plot: Plot, calls: int, top: int) -> Iterator[str]:
    """Lines and numbers: bytes to the left, calls below."""
    for offset in ticks(top, 7, [2**k for k in range(50)]):
        y = plot.y(offset)
        yield f'<path class="axis" d="M{number(LEFT)} {number(y)}H{number(LEFT + WIDTH)}"/>'
        yield text(LEFT - 8, y + 3.5, "tick", amount(offset) if offset else "0", ' text-anchor="end"')
    for call in ticks(calls - 1, 12, [m * 10**k for k in range(8) for m in (1, 2, 5)]):
        x = plot.x(call)
        yield f'<path class="axis" d="M{number(x)} {number(TOP + HEIGHT)}v5"/>'
        yield text(x, TOP + HEIGHT + 17, "tick", str(call), ' text-anchor="middle"')
    yield text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, "tick", "kernel call", ' text-anchor="middle"')


def peak(plot: Plot, report: MemoryReport) -> Iterator[str]:
    """Where most is alive."""
    x = plot.x(report.peak_call + 0.5)
    yield f'<path class="peak" d="M{number(x)} {number(TOP - 4)}V{number(TOP + HEIGHT)}"/>'
    label = f"most alive: {amount(report.peak)} at call {report.peak_call}"
    anchor = "end" if x > LEFT + WIDTH / 2 else "start"
    yield text(x, TOP - 8, "tick", label, f' text-anchor="{anchor}"')


def legend(rows: Sequence[ValueRow]) -> Iterator[str]:
    """The kinds that are there."""
    seen = {kind_of(row) for row in rows}
    at = 18.0
    for kind, title in KINDS.items():
        if kind in seen:
            yield f'<g class="kind-{kind}"><rect class="place" x="{number(at)}" y="58" width="16" height="11"/></g>'
            yield text(at + 21, 67, "count", title)
            at += 40 + text_width(title, 10.0)
    yield f'<path class="live" d="M{number(at)} 64h16"/>' + text(at + 21, 67, "count", "bytes alive")


def arena_page(arena: Arena) -> str:
    """The same as a page to move about in."""
    report = arena.report
    rows = [
        [row.name, row.type, row.nbytes, row.offset, row.first, row.last, kind_of(row)]
        for row in sorted(report.rows, key=lambda row: (row.first, row.offset))
    ]
    data: dict[str, Any] = {
        "title": arena.title, "subtitle": arena.subtitle, "rows": rows, "live": report.live, "values": report.values,
        "kinds": KINDS, "calls": arena.calls, "peak": report.peak, "peakCall": report.peak_call,
    }  # fmt: skip
    own = [f".kind-{kind} {{ --fill: var(--{look}-fill); --ink: var(--{look}-ink); }}" for kind, look in LOOK.items()]
    style = "\n".join([*own, STYLE])
    return page.document(arena.title, arena.subtitle, data, ("page_elements.js", "arena.js"), "arena.html", style)
