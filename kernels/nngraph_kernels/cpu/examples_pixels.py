"""Pixels of a row, standardized in registers, in their order or mirrored; and where an example's window lies."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph_kernels.cpu.flow import ask_for, moved
from nngraph_kernels.examples_reference import STREAM
from nngraph_kernels.random import philox4x32
from nngraph_kernels.simd.arithmetic import shift_right_logical
from nngraph_kernels.simd.lanes import pick
from nngraph_kernels.simd.memory import load, load_scalar, store
from nngraph_kernels.simd.register import Pointer, Register, constant, convert
from nngraph_kernels.simd.tracing import traced

Scale = tuple[Pointer, Pointer]  # mean and factor of each element of a row, of the type that is computed in


@traced
def standardize(
    y: Pointer, target: Register, x: Pointer, source: Register, mean: Pointer, factor: Pointer, place: Register,
    lanes: int,
) -> None:  # fmt: skip
    """y[target + k] = (x[source + k] - mean[place + k]) * factor[place + k], for one element where `lanes` is 0."""
    value = load(x, source, lanes) if lanes else load_scalar(x, source)
    store(y, target, _scaled(value, (mean, factor), place, y.dtype))


@traced
def standardize_mirrored(
    y: Pointer, target: Register, x: Pointer, source: Register, mean: Pointer, factor: Pointer, place: Register,
    lanes: int, channels: int,
) -> None:  # fmt: skip
    """As many pixels as there are lanes, the last one first; a pixel's channels keep their order."""
    read = [load(x, source + k * lanes, lanes) for k in range(channels)]
    for k in range(channels):
        written = range(k * lanes, (k + 1) * lanes)
        value = _picked(read, [(lanes - 1 - e // channels) * channels + e % channels for e in written])
        store(y, target + k * lanes, _scaled(value, (mean, factor), place + k * lanes, y.dtype))


def _scaled(value: Register, scale: Scale, place: Register, dtype: str) -> Register:
    mean, factor = (load(p, place, value.lanes) if value.lanes else load_scalar(p, place) for p in scale)
    return convert((convert(value, mean.kind) - mean) * factor, dtype)


def _picked(vectors: Sequence[Register], elements: Sequence[int]) -> Register:
    """The elements with these numbers, counted through all vectors."""
    lanes = vectors[0].lanes
    needed = sorted({element // lanes for element in elements})
    found = vectors[needed[0]]
    order = [e % lanes for e in elements]
    for turn, number in enumerate(needed[1:]):
        own = [e if turn == 0 else k for k, e in enumerate(order)]
        found = pick(found, vectors[number], [
            lanes + e % lanes if e // lanes == number else own[k] for k, e in enumerate(elements)
        ])  # fmt: skip
    return found if len(needed) > 1 else pick(found, found, order)


@traced
def window(
    position: Register, epoch: Register, key0: Register, key1: Register, crop: Register
) -> tuple[Register, Register, Register]:
    """How far an example's window is moved down and to the right, and whether (1 or 0) it is mirrored.

    `examples_reference.windows` is the same in NumPy.
    """
    low, high = convert(position, "int32"), convert(shift_right_logical(position, 32), "int32")
    counter = (low, high, convert(epoch, "int32"), constant(low, STREAM))
    words = philox4x32(counter, (convert(key0, "int32"), convert(key1, "int32")))
    vertical, horizontal, side = (convert(word, "int64") & 0xFFFFFFFF for word in words[:3])
    sides = crop * 2 + 1
    return (vertical * sides >> 32) - crop, (horizontal * sides >> 32) - crop, side >> 31


@traced
def prefetch(x: Pointer, element: Register) -> None:
    """Ask for the cache line of an element that is read later."""
    ask_for(moved(x, element))
