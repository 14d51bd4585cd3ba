"""Where commands write to: a rich console on a terminal, plain lines where output is piped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> Console:
    """Standard output; NO_COLOR and the terminal's width are rich's to honor."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)
