"""Sums over all axes but the last: in pieces that threads share out among themselves, then put together.

A tensor is rows of channels here. Piece p of n rows is rows n p / 32 to n (p + 1) / 32, whatever the number of threads,
so that results are the same with any.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nngraph.ir.op import Absent, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, TensorType, format_shape, multiply, size_of
from nngraph.ops.records import TRAINING_ONLY, expect_float, expect_rank

PIECES = 32  # in which sums over all pixels are made, whatever the number of threads
AFTERWARDS = Absent("made after differentiation")
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
        vjp=AFTERWARDS, kernel="channel_sums", internal=True, flops=lambda x: multiply(x.size, 4),
        samples=SAMPLES,
        errors=(
            ErrorSample(((3, 5),), {}, "float input", ("int32",)), ErrorSample(((5,),), {}, "at least 2 axes"),
            ErrorSample(((3, Batch()),), {}, "last axis of known size"),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def expect_parts(partial: TensorType, parts: int) -> TensorType:
    """The type of one of `parts` results for each channel, of which every piece has left a share."""
    expect_float(partial)
    if partial.rank != 3 or partial.shape[1] != parts:
        given = format_shape(partial.shape)
        raise ValueError(f"sums of shape (pieces, {parts}, channels) expected, {given} given")
    return TensorType(partial.shape[2:], partial.dtype)


def finish_moments_infer(partial: TensorType) -> tuple[TensorType, TensorType]:
    result = expect_parts(partial, 3)
    return result, result


def finish_moments_reference(partial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    number, means, squares = partial.astype(np.float64).swapaxes(0, 1)
    total = number.sum(0)
    mean = (number * means).sum(0) / total
    variance = (squares + number * np.square(means - mean)).sum(0) / total
    return mean.astype(partial.dtype), variance.astype(partial.dtype)


PARTIAL_ERRORS = (
    ErrorSample(((32, 4, 5),), {}, "channels) expected"), ErrorSample(((32, 5),), {}, "channels) expected"),
    ErrorSample(((32, 3, 5),), {}, "float input", ("int32",)),
)  # fmt: skip
finish_moments = register_op(
    Op(
        "finish_moments", "mean and variance of each channel, from what `moment_sums` left of the pieces",
        "normalization", ("partial",), finish_moments_infer, finish_moments_reference,
        vjp=AFTERWARDS, kernel="channel_totals", internal=True, flops=lambda partial: multiply(partial.size, 3),
        samples=tuple(Sample(((PIECES, 3, c),), {}, ((0.5, 2.0),)) for c in (1, 7, 16, 78)), errors=PARTIAL_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def scale_shift_sums_infer(dz: TensorType, x: TensorType, mean: TensorType) -> TensorType:
    expect_like(dz, x, mean)
    return TensorType((PIECES, 2, channels_of(x)), x.dtype)


def expect_like(dz: TensorType, x: TensorType, mean: TensorType) -> None:
    """Refuse anything but two tensors of one type, and one number a channel."""
    channels = channels_of(x)
    if dz != x or mean != TensorType((channels,), x.dtype):
        given = ", ".join(map(str, (dz, x, mean)))
        raise ValueError(f"dz and x of one type, and a mean for each channel of x expected, {given} given")


def scale_shift_sums_reference(dz: np.ndarray, x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    pieces = zip(pieces_of(dz), pieces_of(dz * (x - mean)), strict=True)
    return np.stack([np.stack([piece.sum(0), product.sum(0)]) for piece, product in pieces])


THREE = tuple(Sample((s.shapes[0], s.shapes[0], s.shapes[0][-1:])) for s in SAMPLES)
THREE_ERRORS = (
    ErrorSample(((3, 5), (3, 4), (4,)), {}, "one type"), ErrorSample(((3, 5), (3, 5), (4,)), {}, "one type"),
    ErrorSample(((5,), (5,), (5,)), {}, "at least 2 axes"),
    ErrorSample(((3, 5), (3, 5), (5,)), {}, "float input", ("int32",) * 3),
)  # fmt: skip
scale_shift_sums = register_op(
    Op(
        "scale_shift_sums", "of each piece of rows Σ dz and Σ dz (x − mean) for each channel", "normalization",
        ("dz", "x", "mean"), scale_shift_sums_infer, scale_shift_sums_reference,
        vjp=AFTERWARDS, kernel="channel_sums", internal=True, flops=lambda dz, x, mean: multiply(x.size, 4),
        samples=THREE, errors=THREE_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def finish_sums_infer(partial: TensorType) -> tuple[TensorType, TensorType]:
    result = expect_parts(partial, 2)
    return result, result


def finish_sums_reference(partial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = partial.sum(0, np.float64).astype(partial.dtype)
    return first, second


finish_sums = register_op(
    Op(
        "finish_sums", "two sums for each channel, from the shares of the pieces", "normalization", ("partial",),
        finish_sums_infer, finish_sums_reference,
        vjp=AFTERWARDS, kernel="channel_totals", internal=True, flops=lambda partial: partial.size,
        samples=tuple(Sample(((PIECES, 2, c),)) for c in (1, 7, 16, 78)), errors=PARTIAL_ERRORS,
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
