"""Data of training loops on a CUDA device: all of an array where there is room for it, or else the rows to come."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from nngraph.errors import DeviceError
from nngraph.run.cuda.device import Device
from nngraph.run.cuda.streamed import Source, Streamed
from nngraph.run.feed import Feed, Gather
from nngraph_kernels.record import record

Array = np.ndarray[Any, Any]


@record(eq=False)
class Flow:
    """What of a feed comes in chunks: sources by the input's name."""

    streamed: Streamed
    sources: dict[str, Source]


class CudaData:
    """What is on the device for arrays of the host, as long as these are there.

    Parameters
    ----------
    device : Device
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._there: dict[int, Any] = {}  # by the number of the host's array, while that lives
        self._brought: dict[int, weakref.ref[Array]] = {}  # by the same, the order of the feed that it was brought for
        self._flows: dict[int, Flow | None] = {}  # by that of a feed's order

    def kept(self, array: Array, feed: Feed) -> Any:
        """An array on the device: one for all programs, as it is on the host when the first of a feed is bound."""
        there = id(array) in self._there
        found = self.once(array, lambda: self._device.array(as_numbers(array)))
        brought = self._brought.get(id(array))
        if there and (brought is None or brought() is not feed.order):  # it may have been changed since
            self._device.upload(found, 0, as_numbers(array))
        self._brought[id(array)] = weakref.ref(feed.order)
        return found

    def once(self, array: Array, make: Callable[[], Any]) -> Any:
        """What is made for an array of the host, as long as that is there."""
        if id(array) not in self._there:
            self._there[id(array)] = make()
            for kept in (self._there, self._brought):
                weakref.finalize(array, kept.pop, id(array), None)
        return self._there[id(array)]

    def streamed(self, feed: Feed, name: str, batch: int) -> tuple[Streamed | None, Source | None]:
        """The chunks that a feed's data come in, if some do, and in them what an input is read from, if it is.

        It is decided for all programs of a feed together, when the first is bound: that of the largest batch.

        Raises
        ------
        DeviceError
            If there is no room for chunks either.
        """
        if id(feed.order) not in self._flows:
            self._flows[id(feed.order)] = self._flow(feed, batch)
            weakref.finalize(feed.order, self._flows.pop, id(feed.order), None)
        flow = self._flows[id(feed.order)]
        return (flow.streamed, flow.sources.get(name)) if flow else (None, None)

    def _flow(self, feed: Feed, batch: int) -> Flow | None:
        late = self._late(feed)
        if not late:
            return None
        streamed = Streamed(self._device, feed.order, batch, sum(row_bytes(array_of(x)) for x in late.values()))
        if streamed.nbytes > (free := self._device.memory()[0]):
            raise DeviceError(
                f"device: the data do not fit there, nor do two steps of batch size {batch}: {streamed.nbytes:,} bytes "
                f"needed, {free:,.0f} free; give a smaller batch_size"
            )
        sources = {
            name: streamed.add(as_numbers(array_of(x)), x.rows if isinstance(x, Gather) else None)
            for name, x in late.items()
        }
        return Flow(streamed, sources)

    def _late(self, feed: Feed) -> dict[str, Array | Gather]:
        """The arrays that there is no room for: the smallest ones are there first."""
        room = self._device.room()
        late: dict[str, Array | Gather] = {}
        for name, x in sorted(feed.arrays.items(), key=lambda item: array_of(item[1]).nbytes):
            array = array_of(x)
            room -= 0 if id(array) in self._there else array.nbytes
            if room < 0 and id(array) not in self._there:
                late[name] = x
        return late


def array_of(examples: Array | Gather) -> Array:
    return examples.array if isinstance(examples, Gather) else examples


def as_numbers(array: Array) -> Array:
    """As kernels read it: NumPy's truth values are bytes."""
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def row_bytes(array: Array) -> int:
    return array.nbytes // max(1, len(array))
