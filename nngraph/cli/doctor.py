"""``nngraph doctor``: whether nngraph works here, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from nngraph.cli.compilation import json_option

if TYPE_CHECKING:
    from nngraph.doctor import Check

STYLES: Final = {"ok": "green", "note": "yellow", "broken": "bold red"}


@click.command(short_help="Check the installation and this machine.")
@json_option
def command(as_json: bool) -> int:
    """Check the installation and this machine: versions, processor, cores, cache, and a kernel compiled and run.

    The exit code is 1 if something is broken. Notes are worth knowing and break nothing.

    \b
    nngraph doctor
    nngraph doctor --json > report.json
    """
    from nngraph.cli.tables import show_json
    from nngraph.doctor import checks

    found: list[Check] = []
    for check in checks():
        found.append(check)
        if not as_json:
            show_check(check)
    broken = [check.name for check in found if check.verdict == "broken"]
    if as_json:
        show_json({"checks": found, "broken": broken})
    else:
        click.echo(f"\nbroken: {', '.join(broken)}" if broken else "\nnngraph works on this machine")
    return 1 if broken else 0


def show_check(check: Check) -> None:
    from rich.text import Text

    from nngraph.cli.console import console

    line = Text.assemble((f"{check.verdict:<7}", STYLES[check.verdict]), f"{check.name:<12}", check.found)
    console().print(line)
