"""Windows that slide over images (B, H, W, C): convolutions and pooling share their arithmetic and attributes."""

from __future__ import annotations

import numpy as np

from nngraph.ir.op import Attribute
from nngraph.ir.types import FLOATS, Batch, Dim, Shape, TensorType, format_shape
from nngraph_kernels.record import record

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
Padding = str | int | Pair | Sides

STRIDE = Attribute("pair", "how far the window moves, in pixels: one number, or down and right", 1, minimum=1)
DILATION = Attribute("pair", "how far apart the pixels of the window are: one number, or down and right", 1, minimum=1)
PADDING = Attribute(
    "padding",
    "zeros around the image: 'same' (as many as make the result ceil(size / stride)), 'valid' (none), a number, "
    "(rows, columns), or ((top, bottom), (left, right))",
    "same",
)


def window_size(doc: str) -> Attribute:
    """The attribute that says how large the window is."""
    return Attribute("pair", f"{doc}: one number, or rows and columns", minimum=1)


@record
class Window:
    """Where a window stands on an image, each in rows and columns.

    Attributes
    ----------
    image : (int, int)
        Height and width of the image, without padding.
    size, stride, dilation : (int, int)
    padding : ((int, int), (int, int))
        Pixels added at the top and bottom, left and right; taken away where negative.
    """

    image: Pair
    size: Pair
    stride: Pair = (1, 1)
    padding: Sides = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """Rows and columns that the window spans."""
        return span(self.size[0], self.dilation[0]), span(self.size[1], self.dilation[1])

    @property
    def result(self) -> Pair:
        """How often the window fits, down and right; 0 or less where it does not."""
        (top, bottom), (left, right) = self.padding
        height, width = self.image[0] + top + bottom, self.image[1] + left + right
        down, across = height - self.extent[0], width - self.extent[1]
        return down // self.stride[0] + 1, across // self.stride[1] + 1

    @property
    def taps(self) -> int:
        """Pixels in the window."""
        return self.size[0] * self.size[1]


def span(size: int, dilation: int) -> int:
    """Pixels from the first to the last of `size`, `dilation` apart, both included."""
    return (size - 1) * dilation + 1


def as_pair(given: int | Pair) -> Pair:
    return (given, given) if isinstance(given, int) else given


def window_of(
    x: TensorType,
    size: int | Pair,
    stride: int | Pair = 1,
    padding: Padding = "valid",
    dilation: int | Pair = 1,
    name: str = "kernel_size",
) -> Window:
    """The window on images of type `x`, as attributes say it.

    Parameters
    ----------
    name : str
        Of the attribute that gives the window's size, for messages.

    Raises
    ------
    ValueError
        If `x` is no image, or smaller than the window.
    """
    image, size, stride, dilation = image_size(x), as_pair(size), as_pair(stride), as_pair(dilation)
    sides = (
        sides_along(image[0], size[0], stride[0], padding_along(padding, 0), dilation[0]),
        sides_along(image[1], size[1], stride[1], padding_along(padding, 1), dilation[1]),
    )
    window = Window(image, size, stride, sides, dilation)
    expect_fit(window, padding, name)
    return window


def window_at(x: TensorType, size: int | Pair, stride: int | Pair | None = None, padding: Padding = "valid") -> Window:
    """Where windows stand; each sees a pixel at least.

    Raises
    ------
    ValueError
        If `x` is no image or smaller than the window, or a window would see nothing but padding.
    """
    window = window_of(x, size, size if stride is None else stride, padding, name="size")
    if any(max(sides) >= extent for sides, extent in zip(window.padding, window.size, strict=True)):
        raise ValueError(
            f"padding {padding!r} given, on each side less than the window {window.size} expected: a window would see "
            "nothing else; use less, or a larger window"
        )
    return window


def image_size(x: TensorType) -> Pair:
    """Height and width of a batch of images; ValueError for anything else."""
    if x.dtype not in FLOATS:
        raise ValueError(f"a float input expected, {x.dtype} given; convert with cast")
    if x.rank != 4:
        raise ValueError(f"images (batch, height, width, channels) expected, {format_shape(x.shape)} given")
    _, height, width, channels = x.shape
    if isinstance(height, Batch) or isinstance(width, Batch) or isinstance(channels, Batch):
        raise ValueError(f"images with the batch as first axis expected, {format_shape(x.shape)} given")
    return height, width


def channels_of(x: TensorType) -> int:
    """The size of the last axis."""
    channels = x.shape[-1]
    assert isinstance(channels, int)
    return channels


def padding_along(padding: Padding, axis: int) -> str | int | Pair:
    return padding[axis] if isinstance(padding, tuple) else padding


def sides_along(size: int, window: int, stride: int, padding: str | int | Pair, dilation: int) -> Pair:
    """Pixels added before and after; where "same" is odd the extra one comes after (TensorFlow, SAME_UPPER)."""
    if isinstance(padding, tuple):
        return padding
    if isinstance(padding, int):
        return padding, padding
    if padding == "valid":
        return 0, 0
    steps = -(-size // stride)
    total = max(0, (steps - 1) * stride + span(window, dilation) - size)
    return total // 2, total - total // 2


def expect_fit(window: Window, padding: Padding, name: str) -> None:
    """Refuse an image that the window does not fit on."""
    if min(window.result) >= 1:
        return
    dilated = "" if window.dilation == (1, 1) else f" with dilation {window.dilation}"
    (height, width), (down, across) = window.image, window.extent
    raise ValueError(
        f"{name} {window.size}{dilated} given, a window of {down}×{across} pixels, but the image has {height}×{width} "
        f"and padding {padding!r}; expected an image as large as the window: make the window smaller, or use "
        "padding='same'"
    )


def result_shape(x: TensorType, window: Window, channels: int) -> Shape:
    batch: Dim = x.shape[0]
    return (batch, *window.result, channels)


def patches(x: np.ndarray, window: Window, fill: float = 0.0) -> np.ndarray:
    """What the window sees at each place: (B, OH, OW, kh, kw, C); `fill` stands in the padding."""
    (height, width), ((top, bottom), (left, right)) = window.image, window.padding
    inside = x[:, max(0, -top) : height + min(0, bottom), max(0, -left) : width + min(0, right)]
    above, below, before, after = (max(0, side) for side in (top, bottom, left, right))
    rows, columns = inside.shape[1:3]
    padded = np.full((len(x), above + rows + below, before + columns + after, x.shape[3]), fill, x.dtype)
    padded[:, above : above + rows, before : before + columns] = inside
    image, row, column, channel = padded.strides
    (down, across), (dilated_down, dilated_across) = window.stride, window.dilation
    strides = (image, row * down, column * across, row * dilated_down, column * dilated_across, channel)
    shape = (len(x), *window.result, *window.size, x.shape[3])
    return np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)


def sum_of_patches(seen: np.ndarray, window: Window) -> np.ndarray:
    """The transpose of `patches`: each value of (B, OH, OW, kh, kw, C) added to the pixel it was seen at."""
    batch, (height, width), channels = seen.shape[0], window.image, seen.shape[-1]
    above, before = (max(0, side[0]) for side in window.padding)
    (top, bottom), (left, right) = window.padding
    whole = np.zeros((batch, above + height + max(0, bottom), before + width + max(0, right), channels), seen.dtype)
    (rows, columns), (down, across) = window.result, window.stride
    for i, j in np.ndindex(window.size):
        y, x = above - top + i * window.dilation[0], before - left + j * window.dilation[1]
        whole[:, y : y + rows * down : down, x : x + columns * across : across] += seen[:, :, :, i, j]
    return whole[:, above : above + height, before : before + width]
