"""Templates of weighted sums of tensors, and of inner products with them, over a list whose length is an argument.

The list costs a few instructions for every tensor and visit, so that a visit takes many vectors: the sums of `SPAN`
vectors stay in registers while the list is gone through, and inner products go over `RUN` elements of a tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from nngraph_kernels.cpu.flow import declared, integer_constant, load_scalar, loop, moved, reduction, zero_vector
from nngraph_kernels.simd.arguments import pointer
from nngraph_kernels.simd.arithmetic import fma, select
from nngraph_kernels.simd.lanes import first, sum_lanes
from nngraph_kernels.simd.memory import load, load_masked, store, store_masked
from nngraph_kernels.simd.register import Pointer, Register, broadcast
from nngraph_kernels.target import lanes

SPAN = 8  # vectors
RUN = 4096  # elements: of dy they stay in the L1 cache while all tensors are multiplied with it
PIECES = 32


@dataclass(frozen=True, slots=True)
class MixSpec:
    """y = Σ s_i x_i.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class InnerProductsSpec:
    """partial[piece, i] = Σ dy x_i over the elements of a piece.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


def mix_source(name: str, spec: MixSpec) -> str:
    """The source text of the kernel `name`.

    Slots: `y`; `n`, the number of elements, and `k`; then k times the address of a weight and that of a tensor.
    Units of `SPAN` vectors are shared out over the threads; every element is one sum in the order of the list.
    """
    unit = SPAN * lanes(spec.dtype)
    return module(
        spec.dtype, "mixer",
        f"def {name}(args, thread, threads):",
        f'    y = pointer(args, 0, "{spec.dtype}")',
        "    n = integer(args, 1)",
        "    k = integer(args, 2)",
        f"    units = (n + {unit - 1}) // {unit}",
        f"    start = units * thread // threads * {unit}",
        f"    stop = min(units * (thread + 1) // threads * {unit}, n)",
        "    mixer(args, 3, k, y, start, stop)",
    )  # fmt: skip


def inner_products_source(name: str, spec: InnerProductsSpec) -> str:
    """The source text of the kernel `name`.

    Slots: `partial`, `dy`; `n`, the number of elements, and `k`; then the addresses of k tensors. Piece p is elements
    n p // 32 to n (p + 1) // 32, whatever the number of threads.
    """
    return module(
        spec.dtype, "products_of_piece",
        f"def {name}(args, thread, threads):",
        f'    partial = pointer(args, 0, "{spec.dtype}")',
        f'    dy = pointer(args, 1, "{spec.dtype}")',
        "    n = integer(args, 2)",
        "    k = integer(args, 3)",
        f"    for p in range({PIECES} * thread // threads, {PIECES} * (thread + 1) // threads):",
        f"        start, stop = n * p // {PIECES}, n * (p + 1) // {PIECES}",
        "        products_of_piece(args, 4, k, dy, start, stop, offset_pointer(partial, p * k))",
    )  # fmt: skip


def module(dtype: str, function: str, *lines: str) -> str:
    head = [
        "from nngraph_kernels.cpu import mixing",
        "from nngraph_kernels.simd import integer, offset_pointer, pointer",
        "",
        f'{function} = mixing.{function}("{dtype}", {lanes(dtype)})',
        "",
        "",
    ]
    return "\n".join([*head, *lines]) + "\n"


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
