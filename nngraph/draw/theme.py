"""The colors of SVG and pages, on light and on dark, made of the table of looks.

A page holds them as CSS variables. A file of SVG is read by many programs, of which few know variables, and may stand
in the midst of a notebook: there every rule is written out with its colors, and is one of this drawing alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from nngraph.draw.families import BUFFERS, LOOKS

SCOPE: Final = "svg.nngraph"
RULE: Final = re.compile(r"([^{}]+){([^{}]*)}")
VARIABLE: Final = re.compile(r"var\(--([\w-]+)\)")
OWN: Final = ("fill", "ink")  # variables that each sort of item has its own values of


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
    return "\n".join(rules + [f".b-{k} {{ --fill: var(--b{k}); }}" for k in range(len(BUFFERS))]) + "\n"


@cache
def theme() -> str:
    """The style sheet of pages."""
    text = asset("theme.css")
    for mark, made in (("light", variables(dark=False)), ("dark", variables(dark=True)), ("sorts", sorts())):
        text = text.replace(f"/* {mark} */", made)
    return text + asset("rules.css")


def written_out(content: str, more: str = "", looks: Mapping[str, str] | None = None) -> str:
    """The style sheet of an SVG file, for the classes that its content names.

    Parameters
    ----------
    content : str
        What stands in the file beside it.
    more : str
        Further rules.
    looks : mapping of str to str
        Further classes, each with the key of its look.
    """
    owners = {f".s-{name}": name for name in LOOKS} | {f".{name}": look for name, look in (looks or {}).items()}
    used = set(re.findall(r"[\w-]+", " ".join(re.findall(r'class="([^"]*)"', content))))
    kept = {owner: look for owner, look in owners.items() if owner[1:] in used}
    rules = [(s.strip(), d.strip()) for s, d in RULE.findall(asset("rules.css") + more)]
    buffers = [k for k in range(len(BUFFERS)) if f"b-{k}" in used]
    light = "\n".join(rules_in(rules, kept, buffers, dark=False))
    dark = "\n".join(rules_in(rules, kept, buffers, dark=True))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def rules_in(
    rules: list[tuple[str, str]], owners: Mapping[str, str], buffers: list[int], *, dark: bool
) -> Iterator[str]:
    """Every rule with its colors; on dark those that name some."""
    palette = palette_of(dark)
    for selector, declarations in rules:
        names = set(VARIABLE.findall(declarations))
        if names & set(OWN):
            yield from owned(selector, declarations, owners, buffers, palette, dark=dark)
        elif names or not dark:
            yield f"{scoped('', selector)} {{ {resolved(declarations, palette)} }}"


def owned(
    selector: str, declarations: str, owners: Mapping[str, str], buffers: list[int], palette: Mapping[str, str], *,
    dark: bool,
) -> Iterator[str]:  # fmt: skip
    """A rule whose colors are those of a sort: once for each, and the fill once more for each buffer."""
    parts = [part.strip() for part in declarations.split(";") if part.strip()]
    plain = [part for part in parts if not VARIABLE.search(part)]
    if plain and not dark:
        yield f"{scoped('', selector)} {{ {'; '.join(plain)} }}"
    colored = "; ".join(part for part in parts if VARIABLE.search(part))
    for owner, name in owners.items():
        own = {"fill": palette[f"{name}-fill"], "ink": palette[f"{name}-ink"]}
        yield f"{scoped(owner, selector)} {{ {resolved(colored, {**palette, **own})} }}"
    fills = "; ".join(part for part in parts if "var(--fill)" in part)
    for k in buffers if fills else ():
        own = {"fill": palette[f"b{k}"]}
        yield f"{scoped(f'.item.b-{k}', selector)} {{ {resolved(fills, {**palette, **own})} }}"


def scoped(owner: str, selector: str) -> str:
    """A selector inside of the drawing, and of what has the class `owner`."""
    around = f"{SCOPE} {owner}".rstrip()
    return ", ".join(f"{around} {part.strip()}" for part in selector.split(","))


def resolved(declarations: str, palette: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: palette[found[1]], " ".join(declarations.split()))


@cache
def palette_of(dark: bool) -> Mapping[str, str]:
    """The variables of the page's style sheet on light or on dark."""
    head, _, tail = asset("theme.css").partition("@media")
    text = (tail.partition("}")[0] if dark else head) + variables(dark)
    return {name: value.strip() for name, value in re.findall(r"--([\w-]+):([^;]+);", text)}
