"""Best fit over free intervals of one arena, neighbors merged."""

from __future__ import annotations

from bisect import bisect_left, insort

from nngraph_kernels.cuda.target import ALIGNMENT as DEVICE_ALIGNMENT

ALIGNMENT = 64


def alignment_of(device: str) -> int:
    """What offsets are multiples of: a cache line, or what a CUDA device reads at once."""
    return DEVICE_ALIGNMENT if device == "cuda" else ALIGNMENT


def aligned(nbytes: int, alignment: int = ALIGNMENT) -> int:
    """`nbytes` rounded up to where something else may begin."""
    return (nbytes + alignment - 1) // alignment * alignment


class Allocator:
    """Hands out offsets; the arena grows where no free interval is large enough.

    Every operation takes logarithmic time in the number of free intervals (but for moving list items).

    Parameters
    ----------
    alignment : int
        What all offsets are multiples of.
    """

    def __init__(self, alignment: int = ALIGNMENT) -> None:
        self.alignment = alignment
        self.nbytes = 0
        self.by_size: list[tuple[int, int]] = []
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}

    def allocate(self, nbytes: int) -> int:
        """The offset of `nbytes` free bytes."""
        size = aligned(nbytes, self.alignment)
        place = bisect_left(self.by_size, (size, -1))
        if place < len(self.by_size):
            found, offset = self.by_size[place]
            self.take(offset, found)
            if found > size:
                self.give(offset + size, found - size)
            return offset
        return self.grow(size)

    def grow(self, size: int) -> int:
        """Extend the arena, beginning with the free interval at its end if there is one."""
        offset = self.ends.get(self.nbytes, self.nbytes)
        if offset < self.nbytes:
            self.take(offset, self.nbytes - offset)
        self.nbytes = offset + size
        return offset

    def release(self, offset: int, nbytes: int) -> None:
        """Free what `allocate` gave, joining it to free neighbors."""
        size = aligned(nbytes, self.alignment)
        before = self.ends.get(offset)
        if before is not None:
            self.take(before, offset - before)
            offset, size = before, size + offset - before
        after = self.starts.get(offset + size)
        if after is not None:
            self.take(offset + size, after)
            size += after
        self.give(offset, size)

    def take(self, offset: int, size: int) -> None:
        del self.by_size[bisect_left(self.by_size, (size, offset))]
        del self.starts[offset]
        del self.ends[offset + size]

    def give(self, offset: int, size: int) -> None:
        if size:
            insort(self.by_size, (size, offset))
            self.starts[offset] = size
            self.ends[offset + size] = offset
