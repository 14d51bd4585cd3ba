"""The loops of weighted sums and inner products over a list of tensors, as primitives: templates are in `mixing`."""

from __future__ import annotations

from functools import cache
from typing import Any

from nngraph_kernels.cpu.flow import declared, integer_constant, load_scalar, loop, moved, reduction, zero_vector
from nngraph_kernels.cpu.mixing import SPAN
from nngraph_kernels.simd.arguments import pointer
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first, sum_lanes
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast

RUN = 4096  # elements: of dy they stay in the L1 cache while all tensors are multiplied with it


@cache
def mixer(dtype: str, width: int) -> Any:
    """A function for kernels, `mix(args, slot, k, y, start, stop)`: elements start to stop of the weighted sum.

    At `slot` begins the list: addresses of weights and tensors in turn.
    """
    unit = SPAN * width

    def mix(args, slot, k, y, start, stop) -> None:
        whole = start + ((stop - start) & -unit)
        with loop(start, whole, unit) as at:
            sums = _weighted(args, slot, k, dtype, [(at + v * width, None) for v in range(SPAN)], width)
            for v, total in enumerate(sums):
                store(y, at + v * width, total)
        with loop(whole, stop, width) as at:
            mask = first(stop - at, width)
            (total,) = _weighted(args, slot, k, dtype, [(at, mask)], width)
            store_masked(y, at, total, mask)

    return declared(mix, dtype, "annpnn", (dtype, width))


def _weighted(
    args: Pointer, slot: Register, k: Register, dtype: str, places: list[tuple[Register, Register | None]], width: int
) -> list[Register]:
    zero = zero_vector(k.builder, dtype, width)
    with reduction(k, [zero] * len(places)) as (i, sums, results):
        weight = broadcast(load_scalar(pointer(args, slot + i * 2, dtype), 0), width)
        x = pointer(args, slot + i * 2 + 1, dtype)
        results += [fma(weight, _load(x, *place, width), total) for place, total in zip(places, sums, strict=True)]
    return results


def _load(x: Pointer, at: Register, mask: Register | None, width: int) -> Register:
    return load(x, at, width) if mask is None else load_masked(x, at, mask)


def _store(y: Pointer, at: Register, value: Register, mask: Register | None) -> None:
    store(y, at, value) if mask is None else store_masked(y, at, value, mask)


@cache
def cotangent_mixer(dtype: str, width: int) -> Any:
    """A function for kernels, `mix(args, slot, k, y, x, mean, factor, slope, base, start, stop, channels)`.

    Rows start to stop of what `MixedCotangentSpec` says. At `slot` begins the list: addresses of weights and tensors
    in turn.
    """

    def mix(args, slot, k, y, x, mean, factor, slope, base, start, stop, channels) -> None:
        whole_rows = start + ((stop - start) & -SPAN)
        whole = channels & -width

        def column(row: Register, count: int, c: Register, mask: Register | None) -> None:
            center, scale, tilt, rest = (_load(v, c, mask, width) for v in (mean, factor, slope, base))
            places = [((row + r) * channels + c, mask) for r in range(count)]
            sums = _weighted(args, slot, k, dtype, places, width)
            for (at, _), total in zip(places, sums, strict=True):
                own = fma(_load(x, at, mask, width) - center, tilt, rest)
                _store(y, at, fma(total, scale, own), mask)

        for begin, end, count in ((start, whole_rows, SPAN), (whole_rows, stop, 1)):
            with loop(begin, end, count) as row:
                with loop(0, whole, width) as c:
                    column(row, count, c, None)
                with k.builder.if_then((whole < channels).value):  # a masked store takes several times as long
                    column(row, count, whole, first(channels - whole, width))

    return declared(mix, dtype, "annppppppnnn", (dtype, width))


@cache
def products_of_piece(dtype: str, width: int) -> Any:
    """A function for kernels, `products(args, slot, k, dy, start, stop, partial)`: of elements start to stop.

    At `slot` begins the list of the addresses of tensors.
    """

    def products(args, slot, k, dy, start, stop, partial) -> None:
        zero = zero_vector(k.builder, dtype, width)
        with loop(0, k) as i:
            store(moved(partial, i), integer_constant(k.builder, 0), sum_lanes(zero))
        with loop(start, stop, RUN) as at, loop(0, k) as i:
            end = select(stop - at > RUN, at + RUN, stop)
            x, place = pointer(args, slot + i, dtype), moved(partial, i)
            total = sum_lanes(_product(dy, x, at, end, width)) + load_scalar(place, 0)
            store(place, integer_constant(k.builder, 0), total)

    return declared(products, dtype, "annpnnp", (dtype, width))


def _product(dy: Pointer, x: Pointer, start: Register, stop: Register, width: int) -> Register:
    """A vector whose lanes add up to the inner product of these elements."""
    zero = zero_vector(start.builder, dy.dtype, width)
    unit = SPAN * width
    units = (stop - start) >> (unit.bit_length() - 1)
    with reduction(units, [zero] * SPAN) as (j, sums, results):
        places = [start + j * unit + v * width for v in range(SPAN)]
        results += [fma(load(dy, at, width), load(x, at, width), s) for at, s in zip(places, sums, strict=True)]
    total = _pairwise(results)
    rest = start + units * unit
    with reduction((stop - rest + (width - 1)) >> (width.bit_length() - 1), [total]) as (j, sums, results):
        at = rest + j * width
        mask = first(stop - at, width)
        results.append(fma(load_masked(dy, at, mask), load_masked(x, at, mask), sums[0]))
    return results[0]


def _pairwise(values: list[Register]) -> Register:
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]
