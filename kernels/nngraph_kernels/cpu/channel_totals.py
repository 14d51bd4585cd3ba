"""Kernels that put together what each piece of rows has left for each channel, in float64 and in order.

`lanes` is that of float64.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent


def moments(name: str, dtype: str, lanes: int) -> str:
    """Mean and variance of the rows of all pieces (Chan, Golub and LeVeque 1983).

    Pointers: mean, variance (channels); partial (pieces, 3, channels): the number of rows of a piece, their mean and
    Σ (x − mean)². Integers: pieces, channels.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            mean = pointer(args, 0, "{dtype}")
            variance = pointer(args, 1, "{dtype}")
            partial = pointer(args, 2, "{dtype}")
            pieces = integer(args, 3)
            channels = integer(args, 4)
            vectors = (channels + {lanes - 1}) // {lanes}
            for vector in range(vectors * thread // threads, vectors * (thread + 1) // threads):
                c = vector * {lanes}
                mask = first(channels - c, {lanes})
                rows = splat(float64(0.0), {lanes})
                total = rows
                for piece in range(pieces):
                    at = piece * 3 * channels + c
                    number = cast(load_masked(partial, at, mask), "float64")
                    rows = rows + number
                    total = fma(number, cast(load_masked(partial, at + channels, mask), "float64"), total)
                center = total / rows
                squares = splat(float64(0.0), {lanes})
                for piece in range(pieces):
                    at = piece * 3 * channels + c
                    number = cast(load_masked(partial, at, mask), "float64")
                    rest = cast(load_masked(partial, at + channels, mask), "float64") - center
                    own = cast(load_masked(partial, at + 2 * channels, mask), "float64")
                    squares = squares + fma(number * rest, rest, own)
                store_masked(mean, c, cast(center, "{dtype}"), mask)
                store_masked(variance, c, cast(squares / rows, "{dtype}"), mask)
        """)


def sums(name: str, dtype: str, lanes: int) -> str:
    """Two sums over all pieces.

    Pointers: first, second (channels); partial (pieces, 2, channels). Integers: pieces, channels.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            totals = pointer(args, 0, "{dtype}")
            others = pointer(args, 1, "{dtype}")
            partial = pointer(args, 2, "{dtype}")
            pieces = integer(args, 3)
            channels = integer(args, 4)
            vectors = (channels + {lanes - 1}) // {lanes}
            for vector in range(vectors * thread // threads, vectors * (thread + 1) // threads):
                c = vector * {lanes}
                mask = first(channels - c, {lanes})
                total = splat(float64(0.0), {lanes})
                other = splat(float64(0.0), {lanes})
                for piece in range(pieces):
                    total = total + cast(load_masked(partial, piece * 2 * channels + c, mask), "float64")
                    other = other + cast(load_masked(partial, (piece * 2 + 1) * channels + c, mask), "float64")
                store_masked(totals, c, cast(total, "{dtype}"), mask)
                store_masked(others, c, cast(other, "{dtype}"), mask)
        """)


FAMILY: dict[str, Callable[[str, str, int], str]] = {"moments": moments, "sums": sums}
