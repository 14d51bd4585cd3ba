"""Small vectors of numbers in registers, as tuples: what a thread adds up, and how shared memory is read and written.

They are functions for the sake of compilation: one that stands in many kernels is compiled once, and a kernel's text
stays short.
"""

from __future__ import annotations

from numba import int64, uint64

from nngraph_kernels.cuda.math import device


@device
def zeros1(zero):
    return (zero,)


@device
def zeros2(zero):
    return zero, zero


@device
def zeros4(zero):
    return zero, zero, zero, zero


@device
def zeros8(zero):
    return zero, zero, zero, zero, zero, zero, zero, zero


@device
def fetch(there, view, start, offset, zero):
    """The element `offset`, less than 2**32, from `start` on, or zero where there is none."""
    return view[uint64(start + (int64(offset) & 0xFFFFFFFF))] if there else zero


@device
def count_in(value, done, origin, total, squares):
    """Count a value in, after `done` others: deviations are from the first one, so that no large squares cancel."""
    origin = origin if done > 0 else value
    rest = value - origin
    return done + 1, origin, total + rest, squares + rest * rest


@device
def read1(shared, at):
    return (shared[at],)


@device
def read2(shared, at):
    return shared[at], shared[at + 1]


@device
def read4(shared, at):
    return shared[at], shared[at + 1], shared[at + 2], shared[at + 3]


@device
def write1(shared, at, v):
    shared[at] = v[0]


@device
def write2(shared, at, v):
    shared[at] = v[0]
    shared[at + 1] = v[1]


@device
def write4(shared, at, v):
    shared[at] = v[0]
    shared[at + 1] = v[1]
    shared[at + 2] = v[2]
    shared[at + 3] = v[3]


@device
def products1(sums, a, b):
    """The sums plus a times each of b."""
    return (sums[0] + a * b[0],)


@device
def products2(sums, a, b):
    return sums[0] + a * b[0], sums[1] + a * b[1]


@device
def products4(sums, a, b):
    return sums[0] + a * b[0], sums[1] + a * b[1], sums[2] + a * b[2], sums[3] + a * b[3]


@device
def products8(sums, a, b):
    return (
        sums[0] + a * b[0], sums[1] + a * b[1], sums[2] + a * b[2], sums[3] + a * b[3],
        sums[4] + a * b[4], sums[5] + a * b[5], sums[6] + a * b[6], sums[7] + a * b[7],
    )  # fmt: skip
