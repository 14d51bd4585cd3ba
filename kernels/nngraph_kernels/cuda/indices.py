"""Text that takes the number of an element apart into the places along its axes, by division in 32 bits."""

from __future__ import annotations


def quotient(a: str, b: str) -> str:
    """a // b; neither is negative, nor more than 32 bits long."""
    return f"int64(uint32({a}) // uint32({b}))"


def quotient_lines(name: str, rest: str, a: str, b: str) -> list[str]:
    """Set `name` to a // b and `rest` to a % b."""
    return [f"{name} = {quotient(a, b)}", f"{rest} = {a} - {name} * {b}"]
