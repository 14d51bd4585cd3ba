"""What kernels of depthwise convolutions share: arguments by name, scratch memory, channels in bundles of blocks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from nngraph_kernels.cpu.depthwise_layout import Block, Pair
from nngraph_kernels.cpu.depthwise_mixture import Mixture
from nngraph_kernels.cpu.depthwise_rows import Channels, Ring
from nngraph_kernels.cpu.flow import integer_constant, moved
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import least, quotient
from nngraph_kernels.record import record
from nngraph_kernels.simd.arguments import integer, pointer
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.register import Pointer, Register


@record(eq=False)
class Frame:
    """A call of a kernel by one thread.

    Attributes
    ----------
    args : Pointer
    slots : dict of str to Register or Pointer
        The arguments by name, and the window where it is a constant, as Python numbers.
    held : Channels
    blocks, bundles : Register
        Blocks of channels, and bundles of blocks.
    ring : Pointer
        The thread's scratch memory: the rings of a bundle, then `zeros`, the row of zeros.
    """

    args: Pointer
    slots: dict[str, Any]
    held: Channels
    blocks: Register
    bundles: Register
    ring: Pointer
    zeros: Pointer

    def __getitem__(self, name: str) -> Any:
        return self.slots[name]

    @property
    def behind(self) -> Pointer:
        """The scratch memory after the rows of zeros."""
        return moved(self.zeros, self["row"] * self.held.block.lanes)


@record(eq=False)
class Place:
    """A block of channels of a unit of work: its first channel, and its number in the bundle."""

    c: Register
    number: Register


def frame_of(
    block: Block, square: Pair | None, names: tuple[str, ...], pointers: int, args: Pointer, thread: Register
) -> Frame:
    """The arguments `names`, of which so many are pointers."""
    slots: dict[str, Any] = {
        name: pointer(args, i, block.dtype) if i < pointers else integer(args, i) for i, name in enumerate(names)
    }
    if square:
        (slots["rows"], slots["down"]), slots["down_dilation"] = square, 1
        slots["columns"], slots["across"] = square
    blocks = _parts(slots["channels"], integer_constant(args.builder, block.lanes))
    ring = moved(slots["scratch"], thread * slots["share"])
    zeros = moved(ring, slots["bundle"] * slots["slots"] * slots["row"] * block.lanes)
    held = Channels(block, slots["channels"])
    return Frame(args, slots, held, blocks, _parts(blocks, slots["bundle"]), ring, zeros)


def _parts(whole: Register, size: Register) -> Register:
    return quotient(whole + size - 1, size)


@contextmanager
def units(f: Frame, outside: Register, thread: Register, threads: Register) -> Generator[tuple[Register, Register]]:
    """A thread's share of `outside` times the bundles: the number outside, and the first block of the bundle."""
    count = outside * f.bundles
    with loop(quotient(count * thread, threads), quotient(count * (thread + 1), threads)) as unit:
        number = quotient(unit, f.bundles)
        yield number, (unit - number * f.bundles) * f["bundle"]


@contextmanager
def blocks_from(f: Frame, first: Register) -> Generator[Place]:
    """The blocks of the bundle that begins with block `first`; the last one ends where the channels end."""
    lanes = f.held.block.lanes
    with loop(first, least(first + f["bundle"], f.blocks)) as block:
        c = block * 0 if f.held.block.narrow else least(block * lanes, f["channels"] - lanes)
        yield Place(c, block - first)


def ring_of(f: Frame, place: Place, height: Register) -> Ring:
    """The ring of a block, of an image of so many rows."""
    row = f["row"] * f.held.block.lanes
    return Ring(moved(f.ring, place.number * f["slots"] * row), row, f.zeros, f["slots"], height)


def mixture_of(f: Frame, slot: int, table: Pointer, ahead: bool) -> Mixture:
    """The list that begins at `slot`, its table in scratch memory."""
    return Mixture(f.args, slot, f["values"], f.held, table, f.blocks * f.held.block.lanes, ahead)


def most(a: Register, b: Register) -> Register:
    """The larger of two."""
    return select(a > b, a, b)
