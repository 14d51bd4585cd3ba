"""Tables and numbers as the commands print them: drawn on a terminal, plain aligned columns where piped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from nngraph.cli.console import console

if TYPE_CHECKING:
    from rich.table import Table

UNITS = ("B", "KiB", "MiB", "GiB")
BARS = "▁▂▃▄▅▆▇█"
PLAIN_WIDTH = 110  # where output is piped


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], total: Sequence[Any] | None = None) -> None:
    """Print a table; a column whose title begins with ``>`` is flush right.

    Parameters
    ----------
    columns : sequence of str
        Titles.
    rows : iterable of sequences
    total : sequence, optional
        A last row, set apart.
    """
    body = [[str(cell) for cell in row] for row in rows]
    last = None if total is None else [str(cell) for cell in total]
    if console().is_terminal:
        console().print(drawn(columns, body, last), soft_wrap=False)
    else:
        plain(columns, body, last)


def drawn(columns: Sequence[str], rows: list[list[str]], total: list[str] | None) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    narrow = console().width < PLAIN_WIDTH
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False, show_footer=total is not None,
                  collapse_padding=True)  # fmt: skip
    for k, title in enumerate(columns):
        right = title.startswith(">")
        # Numbers are mostly shorter than their titles, and must not be broken.
        broken = title.replace("-", "-\n").replace(" ", "\n") if right and narrow else title
        table.add_column(
            broken.lstrip(">"), justify="right" if right else "left", no_wrap=right, overflow="fold",
            footer=total[k] if total else "", footer_style="bold",
        )  # fmt: skip
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def plain(columns: Sequence[str], rows: list[list[str]], total: list[str] | None) -> None:
    """Two spaces between columns, nothing cut off."""
    lines = [[title.lstrip(">") for title in columns], *rows, *([total] if total else [])]
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if title.startswith(">") else cell.ljust(width)
            for cell, width, title in zip(line, widths, columns, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def show_list(title: str, items: Sequence[str]) -> None:
    """Print a titled list, in as many lines as it needs."""
    show_titled(title, " ".join(items), indent=6)


def show_titled(title: str, text: str, indent: int = 0) -> None:
    """Print a title and what goes with it, in lines as long as the terminal is wide, or the plain width."""
    width = max(console().width, 40) if console().is_terminal else PLAIN_WIDTH
    start = " " * indent + f"{title:<10}"
    click.echo(fill(text, width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False,
                    break_long_words=False))  # fmt: skip


def show_json(given: Any) -> None:
    """Print dataclasses, mappings and lists of them as JSON."""
    click.echo(json.dumps(given, indent=2, ensure_ascii=False, default=as_plain))


def as_plain(item: Any) -> Any:
    if is_dataclass(item) and not isinstance(item, type):
        return asdict(item)
    return str(item)


def size(nbytes: float) -> str:
    """A number of bytes in the largest unit that leaves at least 1."""
    for unit in UNITS[:-1]:
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} {UNITS[-1]}"


def count(number: int) -> str:
    return f"{number:,}"


def amount(number: int) -> str:
    """A large number in millions (M) or billions (B), with three digits, as papers state size and work."""
    for size, unit in ((1e8, "B"), (1e5, "M")):
        if number >= size:
            return f"{number / (10 * size):.3g} {unit}"
    return count(number)


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """A time in the unit that gives it one to three digits before the point."""
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"


def age(seconds: float) -> str:
    """How long ago, in words."""
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def sparkline(numbers: Sequence[float], width: int) -> str:
    """The course of some numbers in one line of at most `width` letters, each the largest of its share.

    Few numbers get several letters each.
    """
    if not numbers:
        return ""
    columns = min(width, len(numbers))
    edges = [len(numbers) * k // columns for k in range(columns + 1)]
    highest = max(*numbers, 1e-300)
    shares = [max(numbers[a:b]) / highest for a, b in pairwise(edges)]
    letters = [BARS[min(len(BARS) - 1, int(share * len(BARS)))] for share in shares]
    return "".join(letter * max(1, min(4, width // columns)) for letter in letters)
