"""How many blocks there are for so many items, and threads for an item; and the text of what these put together."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cuda.target import is_simulated, target


def blocks_for(items: int) -> int:
    """Blocks that go over so many items, each with a stride of all of them."""
    return max(1, min(items, target().blocks))


def largest_block() -> int:
    """Threads of a block where few blocks have to keep the device's memory busy: each may have 128 registers."""
    return target().threads if is_simulated() else 512


def block_for(work: int, least: int = 32) -> int:
    """A power of two of threads for so many shares of work, not below `least` on a device."""
    return min(largest_block(), max(power_above(work), 1 if is_simulated() else least))


def power_above(number: int) -> int:
    """The power of two that is not below `number`."""
    return 1 << max(0, number - 1).bit_length()


def pairwise(terms: Sequence[str]) -> str:
    """The text of a sum, pair by pair; a power of two of terms."""
    while len(terms) > 1:
        terms = [f"({a} + {b})" for a, b in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]
