"""Turns the text of ``for i in range(...)`` into that of a ``while`` loop.

Numba counts the steps of a range beforehand, by a division, and down beside the index; NVIDIA's compiler does not see
through that, and unrolls both, which takes several times the instructions and registers of a plain loop.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

LOOP = re.compile(r"( *)for (\w+) in range\((.*)\):")


def while_loops(lines: Iterable[str], wide: Container[str] = ()) -> list[str]:
    """The same lines without ranges; steps are positive. Indices have 32 bits, but for those that are `wide`."""
    return _rewritten(list(lines), wide)


def _rewritten(lines: list[str], wide: Container[str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(lines):
        loop = LOOP.fullmatch(lines[at])
        at += 1
        if loop is None:
            found.append(lines[at - 1])
            continue
        start = at
        while at < len(lines) and lines[at].startswith(loop[1] + " "):
            at += 1
        dtype = "int64" if loop[2] in wide else "int32"
        found += _loop(loop[1], loop[2], split(loop[3]), dtype, _rewritten(lines[start:at], wide))
    return found


def _loop(margin: str, name: str, given: list[str], dtype: str, body: list[str]) -> list[str]:
    start, stop, step = {1: ["0", *given, "1"], 2: [*given, "1"], 3: given}[len(given)]
    lines = [f"{margin}{name} = {dtype}({start})"]
    if not stop.isalnum():
        lines.append(f"{margin}{name}_stop = {dtype}({stop})")
        stop = f"{name}_stop"
    return [
        *lines,
        f"{margin}while {name} < {stop}:",
        *body,
        f"{margin}    {name} = {dtype}({name} + {step})",
    ]


def split(text: str) -> list[str]:
    """The parts between commas that stand in no parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
