"""Template of the matrix product: out[batch] = epilogue(A[batch] @ B[batch]), sizes known at run time.

The work is a list of units, (batch, block of columns, tile of rows), shared out over the threads; every element of
the product is one sum over k in order, so that results do not depend on the sharing. A's numbers are read where they
stand, except for the copies told of below; B where it stands if it is small or A is thin; otherwise it is packed,
once per block of columns and thread, into panels as wide as the register tile. The sum over k is not blocked: A and B
stream through the caches in order, which costs less than partial sums would, unless a block of B is larger than the
L2 cache: then a share of k is gone over for a group of row tiles at a time, and their accumulators are kept in
scratch memory in between; the order of each sum stays the same. A transposed A with few rows is long, and mostly
comes from memory: it too is gone over in shares. Of a transposed A with many rows a few tiles at a time are copied,
if there are a whole block's columns to read the copy for; where it is not copied, what a group of tiles takes of a
share is read once from end to end before, as memory is fastest. The epilogue is applied to the accumulators while
they are in registers, unless it is long; what is no whole tile goes through a small copy in the L1 cache.

`matmul_kernel` writes all this down as instructions; what stands in a kernel's module is its epilogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from nngraph_kernels.cpu.blocking import Blocking, blocking
from nngraph_kernels.cpu.epilogue import (
    Epilogue,
    is_positionless,
    is_short,
    moment_names,
    number_names,
    once_per_call,
    operand_names,
    output_names,
    stride_names,
)
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.record import record

ITEM_BYTES = {"float32": 4, "float64": 8}
THIN = 2  # up to so many rows are multiplied one by one
PACK_ROW_TILES = 20  # fewer tiles of rows than this do not repay the packing of B
PACK_ELEMENTS = 65536  # a B smaller than this stays in the L2 cache
L2_BYTES = 1 << 20  # a block of B larger than this is gone over in shares of k, half as large with A's part
SHARE_TILES = 16  # of rows, whose accumulators are kept between shares
COPIED_TILES = 4  # of rows, that are copied together where A is stored transposed


@record
class MatmulSpec:
    """Which matrix product.

    Attributes
    ----------
    dtype : {"float32", "float64"}
        Of A, B and the sums.
    transpose_a, transpose_b : bool
        Whether A is stored [K, M], and B [N, K].
    M, N, K : int or None
        Sizes that are constants of the kernel rather than arguments.
    patches : bool
        Whether A's rows are patches of images, see `patches`. Its batches are then groups of channels.
    """

    dtype: str = "float32"
    transpose_a: bool = False
    transpose_b: bool = False
    M: int | None = None
    N: int | None = None
    K: int | None = None
    patches: bool = False


def arguments(spec: MatmulSpec, epilogue: Epilogue) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: the epilogue's outputs `y0`..., `partial` if it leaves moments, `a`, `b`, its operands `x0`...,
    `scratch` (best 64-byte aligned). Ints: `batches`, those of `M`, `N`, `K` that are no constants, `a_row`, `b_row`
    (elements from one stored row to the next), `a_batch`, `b_batch` (0 where all batches share one), then `y0_batch`,
    `y0_row`, ... `x0_batch`, ..., and `channels` of the moments. Numbers: `s0`....
    Patches have their `GEOMETRY` in place of `a_row`.
    """
    sizes = [size for size in ("M", "N", "K") if getattr(spec, size) is None]
    layout = [*(GEOMETRY if spec.patches else ["a_row"]), "b_row", "a_batch", "b_batch"]
    partial, channels = moment_names(epilogue)
    pointers = [*output_names(epilogue), *partial, "a", "b", *operand_names(epilogue), "scratch"]
    return (*pointers, "batches", *sizes, *layout, *stride_names(epilogue), *channels, *number_names(epilogue))


def scratch_bytes(spec: MatmulSpec, M: int, N: int, K: int, threads: int, runs: int = 1) -> int:
    """Size of the scratch memory, a multiple of 64; K falls into so many `runs`."""
    cut, item = blocking_of(spec), ITEM_BYTES[spec.dtype]
    deep = is_deep(spec, M, N, K)
    tiles = SHARE_TILES if deep else 1
    strip = runs * -(-(K // runs) // cut.lanes) * cut.rows * cut.lanes if spec.patches else 0
    if spec.transpose_a:
        depth = min(K, share_of(spec, M, N)) if deep else K
        strip = depth * COPIED_TILES * cut.rows if is_copied(spec, M, N) else cut.lanes
    packing = spec.transpose_b or (-(-M // cut.rows) >= PACK_ROW_TILES and K * N > PACK_ELEMENTS and not deep)
    panels = -(-min(N, cut.width) // cut.panel) if packing else 1
    elements = tiles * cut.rows * cut.width + strip + (panels * K + cut.lanes) * cut.panel
    return threads * -(-elements * item // 64) * 64


def is_deep(spec: MatmulSpec, M: int, N: int, K: int) -> bool:
    """Whether the sum over k is done in shares: what is read for them stays in the L2 cache."""
    columns = min(N, blocking_of(spec).width)
    long = spec.transpose_a and is_low(spec, M) and share_of(spec, M, N) < K
    return not spec.patches and (K * columns * ITEM_BYTES[spec.dtype] > L2_BYTES or long)


def share_of(spec: MatmulSpec, M: int, N: int) -> int:
    """How many k there are in a share: its parts of A and B take half of the L2 cache together."""
    cut = blocking_of(spec)
    sides = min(M, SHARE_TILES * cut.rows) + min(N, cut.width) + 1
    return L2_BYTES // ITEM_BYTES[spec.dtype] // 2 // sides


def is_low(spec: MatmulSpec, M: int) -> bool:
    """Whether all rows are one group of tiles, whose accumulators are kept between shares."""
    return SHARE_TILES * blocking_of(spec).rows >= M


def is_copied(spec: MatmulSpec, M: int, N: int) -> bool:
    """Whether a transposed A is copied, a few tiles at a time, for each k lies on a line of its own."""
    return spec.transpose_a and not is_low(spec, M) and blocking_of(spec).width <= N


def source(name: str, spec: MatmulSpec, epilogue: Epilogue) -> str:
    """The source text of the kernel `name`."""
    return "\n".join(_module(name, spec, epilogue)) + "\n"


def blocking_of(spec: MatmulSpec) -> Blocking:
    return blocking(spec.dtype)


def _module(name: str, spec: MatmulSpec, epilogue: Epilogue) -> Iterator[str]:
    a, b = "A.T" if spec.transpose_a else "A", "B.T" if spec.transpose_b else "B"
    function = list(_function(spec, epilogue))
    layout = replace(epilogue, lines=(), constants=(), imports=())
    yield f'"""out = epilogue({a} @ {b}), a batch of {spec.dtype} matrices{", A of patches" * spec.patches}."""'
    yield ""
    yield from (f"# args[{slot}] is {argument}" for slot, argument in enumerate(arguments(spec, epilogue)))
    yield ""
    yield "from nngraph_kernels.cpu.epilogue import Epilogue, Operand"
    yield "from nngraph_kernels.cpu.matmul import MatmulSpec"
    yield f"from nngraph_kernels.cpu.matmul_kernel import {', '.join([*_conversions(function), 'matmul_kernel'])}"
    yield "from nngraph_kernels.simd import splat"
    yield from (line for line in epilogue.imports if not line.startswith("from numba "))
    yield ""
    yield f"LANES = {blocking_of(spec).lanes}"
    yield ""
    yield ""
    yield from function
    yield ""
    yield ""
    flags = f"unrolled={is_short(epilogue)}, positionless={is_positionless(epilogue)}"
    yield f"run = matmul_kernel({name!r}, {spec!r}, {layout!r}, epilogue, {flags})"
    yield ""
    yield ""
    yield f"def {name}(args, thread, threads):"
    yield "    run(args, thread, threads)"


def _conversions(function: list[str]) -> list[str]:
    """What the epilogue calls to give its numbers a type."""
    return sorted(set(re.findall(r"\b(float32|float64|int32)\(", "\n".join(function))))


def _function(spec: MatmulSpec, epilogue: Epilogue) -> Iterator[str]:
    """The epilogue as a function of what is the same for all vectors, which gives the function of one vector."""
    numbers = [f"{s}_number" for s in number_names(epilogue)]
    scalars = [x for x, o in zip(operand_names(epilogue), epilogue.operands, strict=True) if o.access == "scalar"]
    results = [*output_names(epilogue), *([epilogue.moments] if epilogue.moments else [])]
    others = [x for x in operand_names(epilogue) if x not in scalars]
    yield f"def epilogue({', '.join([*numbers, *scalars])}):"
    yield from ("    " + line for line in once_per_call(epilogue, spec.dtype))
    yield ""
    yield f"    def each({', '.join(['acc', *others, 'batch', 'row', 'column'])}):"
    yield from ("        " + line for line in epilogue.lines)
    yield f"        return {', '.join(results)},"
    yield ""
    yield "    return each"
