"""Data that does not fit on the device: the rows of some steps are brought there while others are computed.

Rows are gathered by the host into pinned memory, in the order in which the steps take them, a chunk of steps at a time.
There are two places for chunks, on both sides. Once the steps of a chunk are launched, the next one is gathered, and
copied on a stream of its own; the device is at work meanwhile, and waits only where a chunk is not there yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nngraph.run.cuda.device import Device, Event
from nngraph_kernels.record import record

STEPS: Final = 16  # of a chunk at most
CHUNK: Final = 1 << 26  # bytes of a chunk, if a step has no more

Step = tuple[int, int]  # where a step's rows begin in the order of the data, and how many there are


@record(eq=False)
class Source:
    """One array of the data.

    Attributes
    ----------
    host : ndarray, (examples, numbers of one)
    rows : ndarray of int64 or None
        Where in `host` example 0, 1, ... lies; None: in this order.
    pinned : ndarray, (2, rows of a chunk, numbers of one)
    there : device array
        The same on the device, in one row.
    """

    host: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any] | None
    pinned: np.ndarray[Any, Any]
    there: Any


class Streamed:
    """All arrays of one feed that come in chunks.

    Parameters
    ----------
    device : Device
    order : ndarray of int64
        Numbers of the examples, batch after batch.
    batch : int
        The most rows that a step has.
    row_bytes : int
        Of an example, in all arrays together.

    Attributes
    ----------
    rows, nbytes : int
        Of a chunk, and what both places for chunks take on the device.
    shift : device array of int64, (1,)
        How far the rows of the chunk are from their places in `order`.
    sources : list of Source
    """

    def __init__(self, device: Device, order: np.ndarray[Any, Any], batch: int, row_bytes: int) -> None:
        self.rows = batch * max(1, min(STEPS, CHUNK // max(1, batch * row_bytes)))
        self.nbytes = 2 * self.rows * row_bytes
        self.shift = device.array(np.zeros(1, np.int64))
        self.sources: list[Source] = []
        self._device, self._order = device, order
        self._waiting: deque[list[Step]] = deque()
        self._left: deque[Step] = deque()
        self._half = 0
        self._there: list[Event | None] = [None, None]  # when each half has been brought
        self._done: list[Event | None] = [None, None]  # when each half has been worked off

    def add(self, host: np.ndarray[Any, Any], rows: np.ndarray[Any, Any] | None) -> Source:
        """Have an array brought too."""
        flat = host.reshape(len(host), -1)
        size = flat.shape[1]
        pinned = self._device.pinned(2 * self.rows * size, flat.dtype).reshape(2, self.rows, size)
        source = Source(flat, rows, pinned, self._device.array(np.zeros(2 * self.rows * size, flat.dtype)))
        self.sources.append(source)
        return source

    def begin(self, steps: Sequence[Step]) -> None:
        """A run with these steps begins: the first chunk is brought."""
        self._waiting = deque(chunks(steps, self.rows))
        self._left = deque()
        self._bring()

    def before(self) -> None:
        """A step is about to be launched: have its rows there."""
        if self._left:
            return
        chunk = self._waiting.popleft()
        self._left = deque(chunk)
        ready = self._there[self._half]
        assert ready
        self._device.hold(ready)
        self._device.upload(self.shift, 0, np.array([self._half * self.rows - chunk[0][0]], np.int64))

    def after(self) -> None:
        """The step has been launched: after a chunk's last one the next chunk is brought."""
        self._left.popleft()
        if not self._left:
            self._done[self._half] = self._device.event()
            self._half = 1 - self._half
            self._bring()

    def _bring(self) -> None:
        """Gather the next chunk, if there is one, and have it copied."""
        if not self._waiting:
            return
        chunk, half = self._waiting[0], self._half
        if (before := self._there[half]) is not None:
            before.sync()  # or the copy of what is overwritten here
        start, count = chunk[0][0], sum(rows for _, rows in chunk)
        numbers = self._order[start : start + count]
        for source in self.sources:
            where = numbers if source.rows is None else source.rows[numbers]
            part = source.pinned[half, :count]
            np.take(source.host, where, axis=0, out=part, mode="clip")  # the default would go through a copy
            place = half * source.pinned[half].size
            self._there[half] = self._device.bring(source.there, place, part, self._done[half])


def chunks(steps: Sequence[Step], rows: int) -> list[list[Step]]:
    """Steps that follow each other in the order of the data, no more than `rows` together."""
    found: list[list[Step]] = []
    end, count = -1, 0
    for start, own in steps:
        if start != end or count + own > rows:
            found.append([])
            count = 0
        found[-1].append((start, own))
        end, count = start + own, count + own
    return found
