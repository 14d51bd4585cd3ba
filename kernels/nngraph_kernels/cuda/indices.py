"""Text that takes the number of an element apart into its places along the axes.

Places are numbers of 32 bits: they divide fast, and take half the registers. Numba widens what is computed from them,
so that every result says again how wide it is.
"""

from __future__ import annotations

from typing import Final

# Elements of the largest value: places have 32 bits and a sign, and a loop steps past the end by all of its threads.
LARGEST: Final = 2**31 - 2**20


def narrow(text: str) -> str:
    """What is computed, in 32 bits."""
    return f"int32({text})"


def quotient(a: str, b: str) -> str:
    """a // b; neither is negative, nor more than 32 bits long."""
    return narrow(f"uint32({a}) // uint32({b})")


def quotient_lines(name: str, rest: str, a: str, b: str) -> list[str]:
    """Set `name` to a // b and `rest` to a % b."""
    return [f"{name} = {quotient(a, b)}", f"{rest} = {narrow(f'{a} - {name} * {b}')}"]


def decode(unit: str, *axes: tuple[str, str]) -> list[str]:
    """Take `unit` apart: the name and size of every axis from the innermost on, of the outermost its name alone."""
    lines: list[str] = []
    for k, (name, size) in enumerate(axes[:-1]):
        rest = axes[-1][0] if k == len(axes) - 2 else f"rest{k}"
        lines += quotient_lines(rest, name, unit, size)
        unit = rest
    return lines
