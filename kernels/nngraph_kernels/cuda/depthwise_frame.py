"""The text that depthwise kernels share: arguments by name, strips of pixels, and the mixture of normalized values.

What is mixed is p = Σ s_i ((x_i − mean_i) factor_i + offset_i) = Σ a_i x_i + b, over a list of values whose length is
an argument: x_i, mean_i, factor_i and offset_i stand in the slots of the call, one after the other.

Places within an image are numbers of 32 bits. Pixels outside of an image are not skipped: one of its border is read
instead, and what was read replaced by 0 afterwards, so that no branch stands between one number's way and the next's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nngraph_kernels.cuda.depthwise_layout import STRIP, THREADS
from nngraph_kernels.cuda.indices import narrow
from nngraph_kernels.cuda.text import VIEWS, arguments, indent, read, write

OF_THE_CPU = {"bundle", "slots", "row", "lead", "groups", "share"}  # how rows lie in its scratch memory
LIST = ("value", "mean", "factor", "offset")
TENSORS = {"x", "y", "dx", "dy", "dp", "value"}  # that may lie in 16 bits
ACCESS = r"([a-z]+)_data\[uint64\(([^\[\]]*)\)\]"
NAMED = re.compile(r"\b" + ACCESS)
STORED = re.compile(r"( *)" + ACCESS + r" = (.*)")


def kinds(dtype: str, names: Sequence[str], narrow: Sequence[str]) -> dict[str, str]:
    """As what each pointer's tensor lies in memory, and the listed values: see `narrow` of a `Kernel`."""
    known = [*(name for name in names if name != "scratch"), "value"]
    found = {name: own for name, own in zip(known, narrow, strict=False) if own}
    if not found.keys() <= TENSORS:
        raise ValueError(f"{', '.join(sorted(found.keys() - TENSORS))}: numbers of {dtype} expected, {found} given")
    return dict.fromkeys(known, dtype) | found


def slots(
    kinds: Mapping[str, str], dtype: str, names: Sequence[str], pointers: int, square: tuple[int, int] | None
) -> list[str]:
    """The call's arguments by name, the window too where it is a constant."""
    given = [(name, kinds[name]) if name != "scratch" else ("", dtype) for name in names[:pointers]]
    lines = [f"data = {VIEWS[dtype][0]}", f"zero = {dtype}(0)", "nought = int32(0)", *arguments(given, [])]
    lines += [f"value_shift = {VIEWS[kinds['value']][1].bit_length() - 1}"]
    for slot, name in enumerate(names[pointers:], pointers):
        lines += [f"{name} = {narrow(f'words[at + {slot}]')}"] if name not in OF_THE_CPU else []
    if square:
        lines += [f"rows = columns = int32({square[0]})", f"down = across = int32({square[1]})"]
        lines += ["down_dilation = across_dilation = int32(1)"]
    return [
        *lines,
        "row_size = int32(width * channels)",
        "image_size = int32(height * row_size)",
        "result_row_size = int32(result_width * channels)",
        "result_size = int32(result_height * result_row_size)",
    ]


def constants(called: Sequence[str], **numbers: int) -> list[str]:
    """Names that a kernel's text takes for given: functions of `depthwise_layout`, and numbers."""
    lines = [f"from nngraph_kernels.cuda.depthwise_layout import {', '.join(called)}", ""] if called else []
    return lines + [f"{name} = {number}" for name, number in {"THREADS": THREADS, **numbers}.items()]


def load(where: str, tensor: str = "") -> str:
    """A number of a tensor; Numba need not look whether the place counts from the end.

    Those that may lie in 16 bits are named: `as_stored` writes out how they are read.
    """
    return f"{tensor}_data[uint64({where})]" if tensor else f"data[uint64({where})]"


def store(where: str, value: str, tensor: str = "") -> str:
    return f"{load(where, tensor)} = {value}"


def as_stored(lines: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """The lines with what reads and writes each named tensor as it lies in memory."""

    def loads(text: str) -> str:
        return NAMED.sub(lambda found: read(kinds[found[1]], found[2]), text)

    def line(text: str) -> str:
        found = STORED.fullmatch(text)
        return found[1] + write(kinds[found[2]], found[3], loads(found[4])) if found else loads(text)

    return [line(text) for text in lines]


def parts() -> list[str]:
    """Where a thread stands in its block, once `exponent` is known."""
    return [
        "lanes = int32(1 << exponent)",
        "thread = int32(cuda.threadIdx.x)",
        "lane = int32(thread & (lanes - 1))",
        "worker = int32(thread >> exponent)",
        "workers = int32(THREADS >> exponent)",
        "chunks = int32(groups(channels, exponent))",
    ]


def channel_lines() -> list[str]:
    """The thread's channel of group `chunk`; those behind the last one work on the last one, and store nothing."""
    return ["channel = int32((chunk << exponent) + lane)", "c = int32(min(channel, channels - 1))"]


def listed(what: str, dtype: str) -> str:
    """Where one of a value's tensors begins."""
    shift = "value_shift" if what == "value" else VIEWS[dtype][1].bit_length() - 1
    return f"(words[uint64(slot + {LIST.index(what)})] >> {shift})"


def each_value(lines: Sequence[str], first: str = "nought", last: str = "values") -> list[str]:
    return [f"for i in range({first}, {last}):", "    slot = at + LISTED + 4 * i", *indent(lines)]


def offset_lines(dtype: str) -> list[str]:
    """Set `b` for channel `c`."""
    return [
        "b = zero",
        *each_value([
            f"share = {load('s + i')}",
            f"b += share * {load(listed('offset', dtype) + ' + c')}",
            f"b -= share * {load(listed('factor', dtype) + ' + c')} * {load(listed('mean', dtype) + ' + c')}",
        ]),
    ]  # fmt: skip


def mix_lines(dtype: str, count: int) -> list[str]:
    """Set `r0`, ... to max(0, p) of the pixels that stand at `row0`, ... of the image `image_at`."""
    return [
        *(f"p{q} = b" for q in range(count)),
        *each_value([
            f"a = {load('s + i')} * {load(listed('factor', dtype) + ' + c')}",
            f"value = {listed('value', dtype)} + image_at",
            *(f"p{q} += {load(f'value + row{q}', 'value')} * a" for q in range(count)),
        ]),
        *(f"r{q} = zero if p{q} < zero else p{q}" for q in range(count)),
    ]  # fmt: skip


def strip_places() -> list[str]:
    """Set `row0`, ... to where the pixels from (h, w) on, one below the other, stand in an image."""
    lines = [f"column = {clamped('w', 'width', 'channels + c')}"]
    return lines + [f"row{q} = {clamped(f'h + {q}', 'height', 'row_size + column')}" for q in range(STRIP)]


def clamped(place: str, length: str, step: str) -> str:
    """The nearest place that there is, times `step`."""
    return narrow(f"min(max({narrow(place)}, nought), {narrow(f'{length} - 1')}) * {step}")


def inside(place: str, length: str) -> str:
    """Whether there is such a place."""
    return f"({narrow(place)} >= nought) & ({narrow(place)} < {length})"


def masked(variable: str, condition: str) -> str:
    """A number that was read becomes 0 unless the condition holds."""
    return f"{variable} = {variable} if {condition} else zero"


def strips(length: str) -> str:
    return narrow(f"({length} + {STRIP - 1}) >> {STRIP.bit_length() - 1}")
