"""Reductions over the threads of a block, in shared memory and in one fixed order: bitwise the same in every run."""

from __future__ import annotations

from threading import current_thread
from typing import Any

from numba import cuda

from nngraph_kernels.cuda.math import device, maximum, minimum
from nngraph_kernels.cuda.target import is_simulated


def wait() -> None:
    thread: Any = current_thread()
    thread.syncthreads()


# The simulator lends `cuda` to a device function, and takes it away as soon as one thread leaves the function.
barrier: Any = wait if is_simulated() else cuda.syncthreads


@device
def reduce_sum(value, shared, lane, count):
    """The sum of what `count` threads, a power of two, give: in all of them. `shared` has room for one number each."""
    shared[lane] = value
    barrier()
    half = count // 2
    while half > 0:
        if lane < half:
            shared[lane] += shared[lane + half]
        barrier()
        half //= 2
    total = shared[0]
    barrier()
    return total


@device
def reduce_max(value, shared, lane, count):
    """The largest, NaN where one is; otherwise as `reduce_sum`."""
    shared[lane] = value
    barrier()
    half = count // 2
    while half > 0:
        if lane < half:
            shared[lane] = maximum(shared[lane], shared[lane + half])
        barrier()
        half //= 2
    total = shared[0]
    barrier()
    return total


@device
def reduce_min(value, shared, lane, count):
    """The smallest, NaN where one is; otherwise as `reduce_sum`."""
    shared[lane] = value
    barrier()
    half = count // 2
    while half > 0:
        if lane < half:
            shared[lane] = minimum(shared[lane], shared[lane + half])
        barrier()
        half //= 2
    total = shared[0]
    barrier()
    return total


@device
def reduce_sum_columns(value, shared, lane, count, columns):
    """For each column the sum of what its threads give, in all of them; thread `lane` is in column lane % columns.

    `count` and `columns` are powers of two. Otherwise as `reduce_sum`.
    """
    shared[lane] = value
    barrier()
    half = count // 2
    while half >= columns:
        if lane < half:
            shared[lane] += shared[lane + half]
        barrier()
        half //= 2
    total = shared[lane % columns]
    barrier()
    return total
