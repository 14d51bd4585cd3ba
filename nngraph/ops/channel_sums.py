"""Sums over all axes but the last: in pieces that threads share out among themselves, then put together.

A tensor is rows of channels here. Piece p of n rows is rows n p / 32 to n (p + 1) / 32, whatever the number of threads,
so that results are the same with any.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nngraph.ir.op import ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, TensorType, format_shape, multiply, size_of
from nngraph.ops.records import BACKWARD, expect_float, expect_rank

PIECES = 32
SAMPLES = tuple(Sample((shape,)) for shape in ((40, 7), (3, 5, 4, 17), (5, 64), (100, 1), (2, 35, 78)))


def channels_of(x: TensorType) -> int:
    """The size of the last axis.

    Raises
    ------
    ValueError
        If x is no float tensor of rows of a known number of channels.
    """
    expect_float(x)
    expect_rank(x, 2)
    channels = x.shape[-1]
    if isinstance(channels, Batch):
        raise ValueError(f"a last axis of known size expected, {format_shape(x.shape)} given; put the batch in front")
    return channels


def rows_of(x: TensorType) -> Dim:
    """How many rows of channels there are."""
    return size_of(x.shape[:-1])


def pieces_of(x: np.ndarray) -> list[np.ndarray]:
    """The rows of x in pieces, some of which are empty if there are few rows."""
    rows = x.reshape(-1, x.shape[-1])
    bounds = [len(rows) * p // PIECES for p in range(PIECES + 1)]
    return [rows[start:stop] for start, stop in pairwise(bounds)]


def moments_of(rows: np.ndarray) -> np.ndarray:
    """Number, mean and sum of squared deviations of one piece; zeros if it is empty."""
    if not len(rows):
        return np.zeros((3, rows.shape[1]), rows.dtype)
    mean = rows.mean(0, np.float64)
    return np.stack([np.full_like(mean, len(rows)), mean, np.square(rows - mean).sum(0)]).astype(rows.dtype)


moment_sums = register_op(
    Op(
        "moment_sums", "of each piece of rows, for each channel: their number, their mean, Σ (x − mean)²",
        "normalization", ("x",),
        lambda x: TensorType((PIECES, 3, channels_of(x)), x.dtype),
        lambda x: np.stack([moments_of(piece) for piece in pieces_of(x)]),
        vjp=BACKWARD, kernel="channel_sums", internal=True, flops=lambda x: multiply(x.size, 4),
        samples=SAMPLES,
        errors=(
            ErrorSample(((3, 5),), {}, "float input", ("int32",)), ErrorSample(((5,),), {}, "at least 2 axes"),
            ErrorSample(((3, Batch()),), {}, "last axis of known size"),
        ),
    )
)  # fmt: skip
