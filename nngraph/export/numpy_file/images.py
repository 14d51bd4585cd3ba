"""Convolutions and pools of images (batch, height, width, channels) in plain NumPy, copied as those of `layers` are."""

from __future__ import annotations

from typing import Any

import numpy as np


def pair(given: Any) -> Any:
    """A number for rows and columns, or one for each."""
    return (given, given) if isinstance(given, int) else given


def sides(size: Any, window: Any, stride: Any, padding: Any) -> Any:
    """How many pixels are added before and after an axis; an odd one of "same" comes after."""
    if padding == "same":
        total = max(0, (-(-size // stride) - 1) * stride + window - size)
        return total // 2, total - total // 2
    return (0, 0) if padding == "valid" else pair(padding)


def padded(x: Any, window: Any, stride: Any, padding: Any, fill: Any = 0) -> Any:
    """Images with as much around them as a window of so many pixels needs."""
    down, across = padding if isinstance(padding, tuple) else (padding, padding)
    rows = sides(x.shape[1], window[0], stride[0], down)
    columns = sides(x.shape[2], window[1], stride[1], across)
    return np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)


def windows(x: Any, size: Any, stride: Any = 1, padding: Any = "valid", dilation: Any = 1, fill: Any = 0) -> Any:
    """What a window sees at each place: (batch, rows, columns, height, width, channels), a view."""
    size, stride, dilation = pair(size), pair(stride), pair(dilation)
    extent = [(n - 1) * d + 1 for n, d in zip(size, dilation)]  # noqa: B905
    whole = padded(x, extent, stride, padding, fill)
    seen = np.lib.stride_tricks.sliding_window_view(whole, extent, axis=(1, 2))
    seen = seen[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return np.moveaxis(seen, 3, -1)


def conv2d(
    x: Any, weight: Any, bias: Any = 0, stride: Any = 1, padding: Any = "same", dilation: Any = 1, groups: Any = 1
) -> Any:
    """A convolution; weight (filters, height, width, channels / groups)."""
    seen = windows(x, weight.shape[1:3], stride, padding, dilation)
    parts = zip(np.split(seen, groups, axis=-1), np.split(weight, groups))  # noqa: B905
    return np.concatenate([np.tensordot(s, w, axes=([3, 4, 5], [1, 2, 3])) for s, w in parts], axis=-1) + bias


def depthwise_conv2d(
    x: Any, weight: Any, bias: Any = 0, stride: Any = 1, padding: Any = "same", dilation: Any = 1, multiplier: Any = 1
) -> Any:
    """A convolution of each channel with windows of its own; weight (channels · multiplier, height, width, 1)."""
    seen = windows(x.repeat(multiplier, axis=-1), weight.shape[1:3], stride, padding, dilation)
    taps = np.ndindex(*weight.shape[1:3])
    return sum(seen[:, :, :, i, j] * weight[:, i, j, 0] for i, j in taps) + bias


def separable_conv(x: Any, depthwise_weight: Any, weight: Any, bias: Any = 0, **window: Any) -> Any:
    """A convolution of each channel by itself, then one of 1×1 across the channels."""
    return depthwise_conv2d(x, depthwise_weight, **window) @ weight[:, 0, 0].T + bias


def max_pool(x: Any, size: Any, stride: Any = None, padding: Any = "valid") -> Any:
    """The largest pixel of every window, for each channel."""
    return windows(x, size, stride or size, padding, fill=-np.inf).max(axis=(3, 4))


def average_pool(x: Any, size: Any, stride: Any = None, padding: Any = "valid", include_padding: Any = False) -> Any:
    """The mean of every window, for each channel."""
    seen = windows(x, size, stride or size, padding).sum(axis=(3, 4))
    if include_padding:
        return seen / (pair(size)[0] * pair(size)[1])
    return seen / windows(np.ones_like(x[:1, ..., :1]), size, stride or size, padding).sum(axis=(3, 4))
