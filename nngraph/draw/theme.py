"""The colors of SVG and pages, on light and on dark, made of the table of looks."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from nngraph.draw.families import BUFFERS, LOOKS


def asset(name: str) -> str:
    """The text of a file that stands beside this one."""
    return (files("nngraph.draw") / name).read_text(encoding="utf-8")


def variables(dark: bool) -> str:
    """The fills and inks of all sorts as CSS variables."""
    pairs = [
        (name, look.dark_fill if dark else look.fill, look.dark_ink if dark else look.ink)
        for name, look in LOOKS.items()
    ]
    fills = " ".join(f"--b{k}: {pair[dark]};" for k, pair in enumerate(BUFFERS))
    return " ".join(f"--{name}-fill: {fill}; --{name}-ink: {ink};" for name, fill, ink in pairs) + " " + fills


def sorts() -> str:
    """A rule for each sort of item, and for each color of a buffer."""
    rules = [f".s-{name} {{ --fill: var(--{name}-fill); --ink: var(--{name}-ink); }}" for name in LOOKS]
    return "\n".join(rules + [f".b-{k} {{ --fill: var(--b{k}); }}" for k in range(len(BUFFERS))])


@cache
def theme() -> str:
    """The style sheet that SVG and pages share."""
    text = asset("theme.css")
    for mark, made in (("light", variables(dark=False)), ("dark", variables(dark=True)), ("sorts", sorts())):
        text = text.replace(f"/* {mark} */", made)
    return text
