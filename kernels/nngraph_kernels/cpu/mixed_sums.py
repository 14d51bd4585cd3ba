"""Kernels of a few channels' work each, over lists whose lengths are arguments."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent


def weights_gradient(name: str, dtype: str, lanes: int) -> str:
    """ds[i] = Σ_c factor_i[c] Q[i, c] + offset_i[c] P[c].

    Pointers: ds, P, Q. Integers: values, channels. List: factor and offset of each value.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            ds = pointer(args, 0, "{dtype}")
            total = pointer(args, 1, "{dtype}")
            centered = pointer(args, 2, "{dtype}")
            values = integer(args, 3)
            channels = integer(args, 4)
            for i in range(values):
                factor = pointer(args, 5 + 2 * i, "{dtype}")
                offset = pointer(args, 6 + 2 * i, "{dtype}")
                found = splat({dtype}(0.0), {lanes})
                for c in range(0, channels, {lanes}):
                    mask = first(channels - c, {lanes})
                    found = fma(load_masked(factor, c, mask), load_masked(centered, i * channels + c, mask), found)
                    found = fma(load_masked(offset, c, mask), load_masked(total, c, mask), found)
                ds[i] = sum_lanes(found)
        """)


def sums(name: str, dtype: str, lanes: int) -> str:
    """total[c] = Σ_j s_j P_j[c]; centered[c] = Σ_j s_j Q_j[c].

    Pointers: total, centered. Integers: triples, channels. List: for each triple the number s, P and the row of Q.
    """
    return dedent(f"""\
        def {name}(args, thread, threads):
            total = pointer(args, 0, "{dtype}")
            centered = pointer(args, 1, "{dtype}")
            triples = integer(args, 2)
            channels = integer(args, 3)
            for c in range(0, channels, {lanes}):
                mask = first(channels - c, {lanes})
                p = splat({dtype}(0.0), {lanes})
                q = splat({dtype}(0.0), {lanes})
                for j in range(triples):
                    s = load_splat(pointer(args, 4 + 3 * j, "{dtype}"), 0, {lanes})
                    p = fma(s, load_masked(pointer(args, 5 + 3 * j, "{dtype}"), c, mask), p)
                    q = fma(s, load_masked(pointer(args, 6 + 3 * j, "{dtype}"), c, mask), q)
                store_masked(total, c, p, mask)
                store_masked(centered, c, q, mask)
        """)


FAMILY: dict[str, Callable[[str, str, int], str]] = {"weights_gradient": weights_gradient, "sums": sums}
