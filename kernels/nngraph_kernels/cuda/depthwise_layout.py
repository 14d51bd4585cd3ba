"""How depthwise kernels share out channels and pixels among threads: the same functions on host and device.

A thread works on one channel of a *strip*: pixels one below the other. Neighboring threads take neighboring
channels, which lie side by side in memory, and the threads further on the next columns.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint32
from numba.extending import register_jitable

from nngraph_kernels.cuda.target import target

STRIP = 4  # pixels
THREADS = target().threads
WIDEST = target().columns.bit_length() - 1  # log2 of the threads that stand along the channels, at most
NARROWEST = max(WIDEST - 2, 0)  # and at least, where there are as many channels: they read 32 bytes
EDGE = max(2, target().columns // 2)  # rows and columns of a tile, at most, but for whole strips
TILE_BYTES = 128 * THREADS
ENOUGH = THREADS  # blocks: about two for each multiprocessor of a large device

either: Any = register_jitable  # compiled when called from a kernel


@either
def lanes_exponent(channels):
    """log2 of how many threads stand along the channels, so that few of them have none."""
    best = WIDEST
    for exponent in range(WIDEST - 1, -1, -1):
        worth = exponent >= NARROWEST or channels <= 1 << exponent
        if worth and groups(channels, exponent) << exponent < groups(channels, best) << best:
            best = exponent
    return best


@either
def groups(channels, exponent):
    """Into how many groups the channels fall."""
    return (channels + (1 << exponent) - 1) >> exponent


@either
def piece_lanes(pieces, channels, units):
    """As `lanes_exponent`, where a block has a piece of the batch to itself.

    Fewer threads along the channels make more blocks, as long as the `units` of work of all pieces keep the threads of
    a block busy.
    """
    exponent = lanes_exponent(channels)
    while (
        exponent > NARROWEST
        and pieces * groups(channels, exponent) < ENOUGH
        and (THREADS >> exponent) * 2 * pieces <= units
    ):
        exponent -= 1
    return exponent


@either
def tile_of(images, height, width, channels, window, strip, capacity):
    """log2 of the threads along the channels, and rows and columns of a tile of results.

    What a tile's windows see has to have room in `capacity` numbers; no rows are returned if no tile does. `window` is
    how far it reaches down and across, and its strides; rows are a multiple of `strip`.
    """
    exponent, rows, columns = lanes_exponent(channels), side(height, strip), side(width, 1)
    while seen(rows, columns, window) << exponent > capacity:
        if exponent > NARROWEST:
            exponent -= 1
        elif rows > strip:
            rows = halved(rows, strip)
        elif columns > 1:
            columns = halved(columns, 1)
        elif exponent > 0:
            exponent -= 1
        else:
            return exponent, 0, 1
    while exponent > NARROWEST and tiles(images, height, width, rows, columns) * groups(channels, exponent) < ENOUGH:
        exponent -= 1
    while rows > 2 * strip and tiles(images, height, width, rows, columns) * groups(channels, exponent) < ENOUGH:
        rows = halved(rows, strip)
    return exponent, rows, columns


@either
def side(length, unit):
    """Of a tile, of several alike that make up a length: a multiple of `unit`."""
    count = (length + EDGE - 1) // EDGE
    return (quotient(length + count - 1, count) + unit - 1) // unit * unit


@either
def halved(length, unit):
    return (length // 2 + unit - 1) // unit * unit


@either
def seen(rows, columns, window):
    """Pixels that the windows of a tile see."""
    reach_y, reach_x, down, across = window
    return ((rows - 1) * down + reach_y + 1) * ((columns - 1) * across + reach_x + 1)


@either
def tiles(images, height, width, rows, columns):
    """Of all images."""
    return images * quotient(height + rows - 1, rows) * quotient(width + columns - 1, columns)


@either
def quotient(a, b):
    """a // b in 32 bits, as a device does it best."""
    return int64(uint32(a) // uint32(b))
