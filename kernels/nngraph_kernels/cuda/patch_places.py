"""Where windows stand in images, and where elements are in windows: functions that `patches` calls."""

from __future__ import annotations

from numba import int32, uint32

from nngraph_kernels.cuda.math import device


@device
def in_image(y, height, x, line):
    """Whether an element is in the image; x counts elements of a row of pixels, `line` in all."""
    return (y >= 0) & (y < height) & (x >= 0) & (x < line)


@device
def place_of(number, width, height):
    """A number as three digits, the last below `width`, the one before below `height`.

    Image, row and column of a window; or row and column of an element's run in its patch, and where in the run it is.
    """
    above = uint32(number) // uint32(width)
    first = uint32(above) // uint32(height)
    return int32(first), int32(above - first * height), int32(number - above * width)


@device
def next_place(first, y, x, count, width, height):
    """The same of the number that is larger by `count`."""
    x += count
    while x >= width:
        x -= width
        y += 1
        if y == height:
            y = 0
            first += 1
    return int32(first), int32(y), int32(x)
