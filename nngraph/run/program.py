"""Bound programs: the tables of calls and arguments that the native driver reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nngraph.run.memory import aligned_zeros
from nngraph_kernels import tape_layout as layout
from nngraph_kernels.record import record

Words = NDArray[np.int64]


@record
class Program:
    """A bound program: the table that the driver reads, its address, and what keeps its memory alive."""

    table: Words
    address: int
    rows: int
    first_write: int
    parallel: bool
    keep: object


@record
class Segment:
    """Some steps of one program, a `Program` or what a device has in its stead.

    ``cursor`` is where in the order of the data they begin (-1: go on).
    """

    program: Any
    steps: int
    cursor: int = -1


def pack_arguments(blocks: Sequence[Sequence[int | float]]) -> tuple[Words, Words]:
    """Write blocks of arguments into one array of 8-byte slots.

    Parameters
    ----------
    blocks : sequence of sequences of int or float
        The arguments of each call: addresses and integers as int, the others as float.

    Returns
    -------
    words : array of int64
        The slots; it has to live as long as a program that refers to it.
    addresses : array of int64
        Where each block begins.
    """
    flat = [value for block in blocks for value in block]
    words = aligned_zeros(max(1, len(flat)), np.int64)
    floats = [at for at, value in enumerate(flat) if isinstance(value, float)]
    whole = flat.copy()
    for at in floats:
        whole[at] = 0
    words[: len(flat)] = whole
    words.view(np.float64)[floats] = [flat[at] for at in floats]
    starts = np.cumsum([0, *(len(block) for block in blocks)])[: len(blocks)]
    return words, words.ctypes.data + 8 * starts.astype(np.int64)


def bind(
    kernels: ArrayLike,
    blocks: ArrayLike,
    parallel: ArrayLike,
    *,
    rows: int = 0,
    first_write: int | None = None,
    keep: object = None,
) -> Program:
    """Make the table of a program's calls.

    Parameters
    ----------
    kernels, blocks : array-like of int
        Address of the kernel and of the block of arguments of each call.
    parallel : array-like of bool
        Whether all threads make the call, each its share, or only one.
    rows : int
        Rows of a batch: by so much the cursor moves on after each step.
    first_write : int, optional
        Index of the first call that writes a state; a stop before it discards the step. Without it the
        program writes none.
    keep : object
        What the table refers to: kept alive with the program.
    """
    flags = np.asarray(parallel, bool)
    table = aligned_zeros((len(flags), layout.CALL_WORDS), np.int64)
    table[:, 0] = kernels
    table[:, 1] = blocks
    table[:, 2] = flags * layout.PARALLEL
    first = len(flags) if first_write is None else first_write
    return Program(table, table.ctypes.data, rows, first, bool(flags.any()), keep)
