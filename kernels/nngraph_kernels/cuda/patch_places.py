"""Where windows stand in images, and where elements are in windows: functions that `patches` calls."""

from __future__ import annotations

from numba import int32, uint32

from nngraph_kernels.cuda.math import device


@device
def in_image(y, height, x, line):
    """Whether an element is in the image; x counts elements of a row of pixels, `line` in all."""
    return (y >= 0) & (y < height) & (x >= 0) & (x < line)


@device
def window_place(number, width, height):
    """Image, row and column of a window, of `width` by `height` in each image."""
    above = uint32(number) // uint32(width)
    image = uint32(above) // uint32(height)
    return int32(image), int32(above - image * height), int32(number - above * width)


@device
def next_window(image, y, x, count, width, height):
    """The same of the one that comes `count` later."""
    x += count
    while x >= width:
        x -= width
        y += 1
        if y == height:
            y = 0
            image += 1
    return int32(image), int32(y), int32(x)


@device
def element_place(number, runs, length):
    """Row and column of an element's run, of `runs` in a row, and where in the run it is."""
    run = uint32(number) // uint32(length)
    row = uint32(run) // uint32(runs)
    return int32(row), int32(run - row * runs), int32(number - run * length)


@device
def next_element(row, column, within, count, runs, length):
    """The same of the one that comes `count` later."""
    within += count
    while within >= length:
        within -= length
        column += 1
        if column == runs:
            column = 0
            row += 1
    return int32(row), int32(column), int32(within)
