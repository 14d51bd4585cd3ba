"""The text that depthwise kernels share: arguments by name, constants, and the mixture of normalized values.

What is mixed is p = Σ s_i ((x_i − mean_i) factor_i + offset_i) = Σ a_i x_i + b, over a list of values whose length is
an argument: x_i, mean_i, factor_i and offset_i stand in the slots of the call, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cuda.depthwise_layout import STRIP, THREADS
from nngraph_kernels.cuda.indices import quotient_lines
from nngraph_kernels.cuda.text import VIEWS, arguments, indent

OF_THE_CPU = {"bundle", "slots", "row", "lead", "groups", "share"}  # how rows lie in its scratch memory
LIST = ("value", "mean", "factor", "offset")


def slots(dtype: str, names: Sequence[str], pointers: int, square: tuple[int, int] | None) -> list[str]:
    """The call's arguments by name, the window too where it is a constant."""
    given = [(name if name != "scratch" else "", dtype) for name in names[:pointers]]
    lines = [f"data = {VIEWS[dtype][0]}", f"zero = {dtype}(0)"]
    lines += [line for line in arguments(given, names[pointers:]) if line.split(" = ")[0] not in OF_THE_CPU]
    if square:
        lines += [f"rows = columns = {square[0]}", f"down = across = {square[1]}"]
        lines += ["down_dilation = across_dilation = 1"]
    return lines


def constants(called: Sequence[str], **numbers: int) -> list[str]:
    """Names that a kernel's text takes for given: functions of `depthwise_layout`, and numbers."""
    lines = [f"from nngraph_kernels.cuda.depthwise_layout import {', '.join(called)}", ""] if called else []
    return lines + [f"{name} = {number}" for name, number in {"THREADS": THREADS, **numbers}.items()]


def load(where: str) -> str:
    """A number of a tensor; Numba need not look whether the place counts from the end."""
    return f"data[uint64({where})]"


def store(where: str, value: str) -> str:
    return f"data[uint64({where})] = {value}"


def parts() -> list[str]:
    """Where a thread stands in its block, once `exponent` is known."""
    return [
        "lanes = 1 << exponent",
        "lane = cuda.threadIdx.x & (lanes - 1)",
        "worker = cuda.threadIdx.x >> exponent",
        "workers = THREADS >> exponent",
        "chunks = groups(channels, exponent)",
    ]


def listed(what: str, dtype: str, further: str = "c") -> str:
    """Of a value of the list, one number."""
    return load(f"(words[uint64(slot + {LIST.index(what)})] >> {2 if dtype == 'float32' else 3}) + {further}")


def each_value(lines: Sequence[str], first: str = "0", last: str = "values") -> list[str]:
    return [f"for i in range({first}, {last}):", "    slot = at + LISTED + 4 * i", *indent(lines)]


def offset_lines(dtype: str) -> list[str]:
    """Set `b` for channel `c`."""
    return [
        "b = zero",
        *each_value([
            f"share = {load('s + i')}",
            f"b += share * {listed('offset', dtype)}",
            f"b -= share * {listed('factor', dtype)} * {listed('mean', dtype)}",
        ]),
    ]  # fmt: skip


def mix_lines(dtype: str, count: int) -> list[str]:
    """Set `r0`, ... to max(0, p) of the pixels that are `row0`, ... elements behind `place`."""
    return [
        *(f"p{q} = b" for q in range(count)),
        *each_value([
            f"a = {load('s + i')} * {listed('factor', dtype)}",
            f"value = (words[uint64(slot)] >> {2 if dtype == 'float32' else 3}) + place",
            *(f"p{q} += {load(f'value + row{q}')} * a" for q in range(count)),
        ]),
        *(f"r{q} = zero if p{q} < zero else p{q}" for q in range(count)),
    ]  # fmt: skip


def strip_rows(count: int) -> list[str]:
    """Set `row0`, ... to where the rows from `h` on begin in an image, those outside moved to its border.

    So all are read, whether they are wanted or not: no branch then stands between one number's way and the next's.
    """
    return [f"row{q} = min(max(h + {q}, 0), height - 1) * width * channels" for q in range(count)]


def inside(q: int) -> str:
    """Whether row q of a strip is one of the image."""
    return f"h + {q} >= 0 and h + {q} < height"


def decode(unit: str, *axes: tuple[str, str]) -> list[str]:
    """Take a number apart: (name, size) of every axis but the outermost, and its name alone, from the innermost on."""
    lines: list[str] = []
    for k, (name, size) in enumerate(axes[:-1]):
        rest = axes[-1][0] if k == len(axes) - 2 else f"rest{k}"
        lines += quotient_lines(rest, name, unit, size)
        unit = rest
    return lines


def strips(length: str) -> str:
    return f"(({length} + {STRIP - 1}) >> {STRIP.bit_length() - 1})"
