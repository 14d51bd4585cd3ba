"""Rows of a mixture of normalized values, there and back.

What is mixed is p = Σ s_i ((x_i − mean_i) factor_i + offset_i) = Σ a_i x_i + b, over a list of values whose length is
an argument: the addresses of x_i, mean_i, factor_i and offset_i stand in the slots of the kernel, one after the other.
"""

from __future__ import annotations

from nngraph_kernels.cpu.depthwise_rows import Channels, each_once, groups
from nngraph_kernels.cpu.flow import ask_for, load_scalar, moved, short_loop, short_reduction, zero_vector
from nngraph_kernels.record import record
from nngraph_kernels.simd.arguments import pointer
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register, broadcast

X, MEAN, FACTOR, OFFSET = range(4)


@record(eq=False)
class Mixture:
    """The values that are mixed.

    Attributes
    ----------
    args : Pointer
        The block of arguments, whose slots from `slot` on hold the list.
    values : Register
        How many there are.
    held : Channels
    table : Pointer
        Row i is a_i, for all channels; the row after the last one is b.
    row : Register
        Elements in one of them.
    ahead : bool
        Whether the row below is asked for when one is mixed: it pays where the values were written long ago.
    """

    args: Pointer
    slot: int
    values: Register
    held: Channels
    table: Pointer
    row: Register
    ahead: bool = False

    def listed(self, i: Register, which: int) -> Pointer:
        """x, mean, factor or offset of value i."""
        return pointer(self.args, self.slot + i * 4 + which, self.held.block.dtype)


def tabulate(mixture: Mixture, s: Pointer) -> None:
    """Fill the table, from the weights s."""
    lanes, values, channels = mixture.held.block.lanes, mixture.values, mixture.held.count
    zero = zero_vector(values.builder, mixture.held.block.dtype, lanes)
    with short_loop(0, channels, lanes) as c:
        mask = first(channels - c, lanes)
        with short_reduction(values, [zero]) as (i, (b,), results):
            mean, factor, offset = (load_masked(mixture.listed(i, k), c, mask) for k in (MEAN, FACTOR, OFFSET))
            weight = broadcast(load_scalar(moved(s, i), 0), lanes)
            a = weight * factor
            store(mixture.table, i * mixture.row + c, a)
            results.append(fma(-a, mean, fma(weight, offset, b)))
        store(mixture.table, values * mixture.row + c, results[0])


def mix_row(mixture: Mixture, at: Register, c: Register, width: Register, y: Pointer) -> None:
    """Vector j of y becomes max(0, p) at pixel j of the row that starts `at` elements into each x_i.

    The block's channels begin at c.
    """
    groups(width, lambda j, pixels: mix_pixels(mixture, at, c, width, y, (j, pixels)))


def mix_pixels(
    mixture: Mixture, at: Register, c: Register, width: Register, y: Pointer, which: tuple[Register, int]
) -> None:
    """The same for a group of pixels: the first one, and how many."""
    held, values, lanes, (j, pixels) = mixture.held, mixture.values, mixture.held.block.lanes, which
    table = moved(mixture.table, c)
    places = [at + (j + q) * held.count for q in range(pixels)]
    start = load(table, values * mixture.row, lanes)
    with short_reduction(values, [start] * pixels) as (i, sums, results):
        x = mixture.listed(i, X)
        a = load(table, i * mixture.row, lanes)
        for place in places if mixture.ahead else []:
            ask_for(moved(x, place + width * held.count))
        results += [fma(held.read(x, place), a, p) for place, p in zip(places, sums, strict=True)]
    for q, p in enumerate(results):
        store(y, (j + q) * lanes, select(p < 0.0, 0.0, p))


def finish_row(
    mixture: Mixture, at: Register, c: Register, width: Register, r: Pointer, dr: Pointer, dp: Pointer, sums: Pointer
) -> None:
    """Take the row `dr` of the cotangent of `r` = max(0, p) on to p and into the sums.

    dp = dr where r > 0, and 0 elsewhere, is stored `at` elements into the image dp; sums[0] += Σ dp, and for each value
    sums[1 + i] += Σ dp (x_i − mean_i).
    """
    held, lanes = mixture.held, mixture.held.block.lanes

    def finish(j: Register, pixels: int) -> None:
        steps = [(j + q) * lanes for q in range(pixels)]
        places = [at + (j + q) * held.count for q in range(pixels)]
        found = [select(load(r, step, lanes) > 0.0, load(dr, step, lanes), 0.0) for step in steps]
        total = load(sums, 0, lanes)
        for place, value in zip(places, found, strict=True):
            held.write(dp, place, value)
            total = total + value
        store(sums, 0, total)
        with short_loop(0, mixture.values) as i:
            x, mean = mixture.listed(i, X), held.read(mixture.listed(i, MEAN), c)
            centered = load(sums, (i + 1) * lanes, lanes)
            for place, value in zip(places, found, strict=True):
                centered = fma(value, held.read(x, place) - mean, centered)
            store(sums, (i + 1) * lanes, centered)

    each_once(width, finish)
