"""Sums over rows of channels: around the sizes of a block, with empty pieces, and far from zero."""

import numpy as np
import pytest

from nngraph.ir.program import Kernel
from nngraph.ops.channel_sums import (
    finish_moments_reference,
    finish_sums_reference,
    moment_sums,
    pieces_of,
    scale_shift_sums,
)
from nngraph_kernels.cpu.channel_sums import ChannelSumsSpec
from nngraph_kernels.cuda import channel_sums, shares
from nngraph_kernels.cuda.target import DEVICE
from tests.cuda.calls import call, hole

TOLERANCE = {"float32": 4e-6, "float64": 1e-13}
SHAPES = [(1, 1), (3, 2), (40, 3), (33, 5), (1000, 1), (700, 2)]
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
shapes = pytest.mark.parametrize("shape", SHAPES)


def moments(x, pieces=32):
    found = hole([pieces, 3, x.shape[1]], str(x.dtype))
    call(Kernel("channel_sums", ChannelSumsSpec("moments", str(x.dtype))), [found], [x], [*x.shape, pieces])
    return found


def totals(operation, partial):
    found = [hole([partial.shape[2]], str(partial.dtype)) for _ in range(2)]
    call(Kernel("channel_totals", (operation, str(partial.dtype))), found, [partial], [len(partial), partial.shape[2]])
    return found


def assert_close(found, expected, dtype):
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(expected).max()))


@dtypes
@shapes
def test_moments(dtype, shape):
    x = np.random.default_rng(0).normal(2, 1, shape).astype(dtype)
    found, expected = moments(x), moment_sums.reference(x)
    for k in range(3):
        assert_close(found[:, k], expected[:, k], dtype)
    for result, reference in zip(totals("moments", found), finish_moments_reference(expected), strict=True):
        assert_close(result, reference, dtype)


@dtypes
@pytest.mark.parametrize("outlier", [False, True])
def test_moments_far_from_zero(dtype, outlier):
    """The mean is a thousand deviations from zero; the first row of each piece may be as far from the others."""
    x = np.random.default_rng(1).normal(1000, 1, (32 * 40, 2)).astype(dtype)
    if outlier:
        x[::40] = 0
    found = moments(x)
    exact = [piece.astype(float) for piece in pieces_of(x)]
    squares = np.stack([np.square(piece - piece.mean(0)).sum(0) for piece in exact])
    np.testing.assert_allclose(found[:, 1], [piece.mean(0) for piece in exact], rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(found[:, 2], squares, rtol=1e-4 if dtype == "float32" else 1e-11)
    _, variance = totals("moments", found)
    np.testing.assert_allclose(variance, x.astype(float).var(0), rtol=1e-4 if dtype == "float32" else 1e-11)


def test_equal_rows_have_no_deviation():
    found = moments(np.full((200, 3), 3.1, np.float32))
    assert (found[:, 1] == np.float32(3.1)).all()
    assert (found[:, 2] == 0).all()


@dtypes
@shapes
def test_scale_shift_sums(dtype, shape):
    rng = np.random.default_rng(2)
    dz, x, mean = (rng.normal(size=s).astype(dtype) for s in (shape, shape, shape[1:]))
    found = hole([32, 2, shape[1]], dtype)
    call(Kernel("channel_sums", ChannelSumsSpec("scale_shift", dtype)), [found], [dz, x, mean], [*shape, 32])
    assert_close(found, scale_shift_sums.reference(*(a.astype(float) for a in (dz, x, mean))), dtype)
    for result, reference in zip(totals("sums", found), finish_sums_reference(found), strict=True):
        assert_close(result, reference, dtype)


def test_other_numbers_of_pieces():
    """Products leave as many as they like."""
    x = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    for pieces in (1, 2, 7):
        mean, variance = totals("moments", moments(x, pieces))
        assert_close(mean, x.mean(0), "float32")
        assert_close(variance, x.var(0), "float32")


def test_a_device_is_filled(monkeypatch):
    """What a device would be given: whole warps of neighboring channels, and blocks for all of it."""
    monkeypatch.setattr(channel_sums, "target", lambda: DEVICE)
    monkeypatch.setattr(shares, "target", lambda: DEVICE)
    monkeypatch.setattr(channel_sums, "largest_block", lambda: 512)
    spec = ChannelSumsSpec("moments")
    widths = {c: channel_sums.across_of(c) for c in (1, 2, 3, 7, 16, 32, 33, 64, 65, 78, 512)}
    assert widths == {1: 1, 2: 2, 3: 4, 7: 8, 16: 8, 32: 8, 33: 16, 64: 16, 65: 32, 78: 32, 512: 32}
    for channels, across in widths.items():
        text = channel_sums.across_text().replace("channels", str(channels))
        assert eval(text) == across
    assert channel_sums.grid(spec, (32 * 32 * 32, 32, 32)) == (128, 512)
    assert channel_sums.grid(spec, (32 * 64, 128, 32)) == (128, 256)
    assert channel_sums.grid(spec, (2, 1, 32)) == (32, 1)
