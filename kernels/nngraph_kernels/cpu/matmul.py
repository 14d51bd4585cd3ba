"""Template of the matrix product: out[batch] = epilogue(A[batch] @ B[batch]), sizes known at run time.

The work is a list of units, (batch, block of columns, tile of rows), shared out over the threads; every element of
the product is one sum over all of K in order, so that results do not depend on the sharing. In a unit the rows
of A are copied into a strip (`matmul_tile`), the product is left in a small tile in the L1 cache, and the
epilogue goes over that tile row by row. B is read where it stands if it is small or A is thin, and
otherwise packed, once per block of columns and thread, into panels as wide as the register tile. K is never split:
packed panels and strips stream through the caches in order, which costs less than partial sums would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nngraph_kernels.cpu.epilogue import (
    Epilogue,
    number_names,
    once_per_call,
    once_per_row,
    once_per_vector,
    operand_names,
    output_names,
    stride_names,
)
from nngraph_kernels.cpu.matmul_tile import Blocking
from nngraph_kernels.target import lanes, target

ITEM_BYTES = {"float32": 4, "float64": 8}
BLOCK_VECTORS = 8  # vectors in a block of columns, and in the register tile of a single row
THIN = 2  # up to so many rows are multiplied one by one
PANEL_VECTORS = 2  # vectors in the register tile of many rows
PACK_ROW_TILES = 3  # fewer tiles of rows than this do not repay the packing of B
PACK_ELEMENTS = 8192  # a B smaller than this stays in the L1 cache


@dataclass(frozen=True, slots=True)
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
    """

    dtype: str = "float32"
    transpose_a: bool = False
    transpose_b: bool = False
    M: int | None = None
    N: int | None = None
    K: int | None = None


def _blocking(spec: MatmulSpec) -> Blocking:
    vector_bytes = target().vector_bytes
    rows = 8 if vector_bytes == 64 else 6  # AVX-512 has 32 registers, AVX2 16
    strip = "columns" if spec.transpose_a else "rows"
    return Blocking(
        spec.dtype, lanes(spec.dtype), rows, PANEL_VECTORS, BLOCK_VECTORS, strip, vector_bytes > 16
    )


def arguments(spec: MatmulSpec, epilogue: Epilogue) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: the epilogue's outputs `y0`..., `a`, `b`, its operands `x0`..., `scratch` (64-byte aligned). Ints:
    `batches`, those of `M`, `N`, `K` that are no constants, `a_row`, `b_row` (elements from one stored row to the
    next), `a_batch`, `b_batch` (0 where all batches share one), `y0_batch`, `y0_row`, ... `x0_batch`, .... Numbers:
    `s0`....
    """
    sizes = tuple(size for size in ("M", "N", "K") if getattr(spec, size) is None)
    ints = ("batches", *sizes, "a_row", "b_row", "a_batch", "b_batch", *stride_names(epilogue))
    pointers = (*output_names(epilogue), "a", "b", *operand_names(epilogue), "scratch")
    return (*pointers, *ints, *number_names(epilogue))


def scratch_bytes(spec: MatmulSpec, M: int, N: int, K: int, threads: int) -> int:
    """Size of the scratch memory."""
    blocking = _blocking(spec)
    strip = blocking.rows * -(-K // blocking.lanes) * blocking.lanes + blocking.lanes
    panels = -(-min(N, blocking.width) // blocking.panel) * K + blocking.lanes
    elements = blocking.rows * blocking.width + strip + panels * blocking.panel
    return threads * elements * ITEM_BYTES[spec.dtype]


def source(name: str, spec: MatmulSpec, epilogue: Epilogue) -> str:
    """The source text of the kernel `name`."""
    blocking = _blocking(spec)
    body = [
        *_slots(spec, epilogue),
        *once_per_call(epilogue, spec.dtype),
        *_prepare(blocking),
        "for unit in range(units * thread // threads, units * (thread + 1) // threads):",
        *_indent(_unit(spec, blocking, epilogue)),
    ]
    lines = [*_head(spec, blocking, epilogue), f"def {name}(args, thread, threads):", *_indent(body)]
    return "\n".join(lines) + "\n"


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _head(spec: MatmulSpec, blocking: Blocking, epilogue: Epilogue) -> Iterator[str]:
    yield "from numba import float32, float64"
    yield "from nngraph_kernels.cpu.matmul_pack import panel_packer, strip_packer, transposed_panel_packer"
    yield "from nngraph_kernels.cpu.matmul_tile import Blocking, row_multiplier, tile_multiplier"
    yield "from nngraph_kernels.simd import first, integer, load, load_masked, number, offset_pointer, pointer"
    yield "from nngraph_kernels.simd import splat, store, store_masked"
    yield from epilogue.imports
    yield ""
    yield f"BLOCKING = {blocking!r}"
    yield f"LANES = {blocking.lanes}"
    yield "pack_strip = strip_packer(BLOCKING)"
    yield f"pack_panels = {'transposed_' if spec.transpose_b else ''}panel_packer(BLOCKING)"
    yield "multiply_tiles = tile_multiplier(BLOCKING)"
    yield "multiply_rows = row_multiplier(BLOCKING)"
    yield ""


def _slots(spec: MatmulSpec, epilogue: Epilogue) -> Iterator[str]:
    dtypes = dict(zip(output_names(epilogue), epilogue.outputs, strict=True))
    dtypes |= {x: o.dtype for x, o in zip(operand_names(epilogue), epilogue.operands, strict=True)}
    numbers = number_names(epilogue)
    for i, slot in enumerate(arguments(spec, epilogue)):
        if slot in dtypes:
            yield f'{slot}_data = pointer(args, {i}, "{dtypes[slot]}")'
        elif slot in ("a", "b", "scratch"):
            yield f'{slot} = pointer(args, {i}, "{spec.dtype}")'
        elif slot in numbers:
            yield f"{slot}_number = number(args, {i})"
        else:
            yield f"{slot} = integer(args, {i})"
    for size in ("M", "N", "K"):
        if getattr(spec, size) is not None:
            yield f"{size} = {getattr(spec, size)}"


def _prepare(blocking: Blocking) -> list[str]:
    rows, lanes_, panel, width = blocking.rows, blocking.lanes, blocking.panel, blocking.width
    return [
        f"row_tiles = (M + {rows - 1}) // {rows}",
        f"blocks = (N + {width - 1}) // {width}",
        "units = batches * blocks * row_tiles",
        f"strip_size = (K + {lanes_ - 1}) // {lanes_} * {lanes_ * rows} + {lanes_}",
        f"panel_size = ((min(N, {width}) + {panel - 1}) // {panel} * K + {lanes_}) * {panel}",
        f"tile = offset_pointer(scratch, thread * ({rows * width} + strip_size + panel_size))",
        f"strip = offset_pointer(tile, {rows * width})",
        "panels = offset_pointer(strip, strip_size)",
        "packed = -1",
    ]


def _unit(spec: MatmulSpec, blocking: Blocking, epilogue: Epilogue) -> list[str]:
    a_at = "top" if spec.transpose_a else "top * a_row"
    b_at = "left * b_row" if spec.transpose_b else "left"
    return [
        f"top = unit % row_tiles * {blocking.rows}",
        "batch_block = unit // row_tiles",
        f"left = batch_block % blocks * {blocking.width}",
        "batch = batch_block // blocks",
        f"height = min(M - top, {blocking.rows})",
        f"width = min(N - left, {blocking.width})",
        f"pack_strip(offset_pointer(a, batch * a_batch + {a_at}), a_row, height, K, strip)",
        f"b_block = offset_pointer(b, batch * b_batch + {b_at})",
        *_product(spec, blocking),
        *_epilogue(blocking, epilogue),
    ]


def _product(spec: MatmulSpec, blocking: Blocking) -> list[str]:
    """Fill `tile`; from packed panels of B, or from B where it stands."""
    panel = blocking.panel
    packed = [
        "if packed != batch_block:",
        "    packed = batch_block",
        "    pack_panels(b_block, b_row, width, K, panels)",
        f"b_from, b_step, b_panel = panels, {panel}, {panel} * K",
    ]
    if spec.transpose_b:
        return [*packed, "multiply_tiles(strip, height, K, b_from, b_step, b_panel, width, tile)"]
    lines = [
        f"packing = {_packing(blocking)}",
        f"b_from, b_step, b_panel = b_block, b_row, {panel}",
        "if packing:",
        *_indent(packed),
    ]
    if blocking.masked:  # a single row's tile is as wide as a block, and B may be narrower
        lines += [f"if height <= {THIN} and not packing:"]
        lines += ["    multiply_rows(strip, height, K, b_block, b_row, width, tile)", "else:"]
    indent = "    " if blocking.masked else ""
    return [*lines, f"{indent}multiply_tiles(strip, height, K, b_from, b_step, b_panel, width, tile)"]


def _packing(blocking: Blocking) -> str:
    worth = f"row_tiles >= {PACK_ROW_TILES} and K * N > {PACK_ELEMENTS}"
    return worth if blocking.masked else f"{worth} or width % LANES != 0"


def _epilogue(blocking: Blocking, epilogue: Epilogue) -> list[str]:
    accumulator = f"acc = load(tile, r * {blocking.width} + j, LANES)"
    return [
        "for r in range(height):",
        "    row = top + r",
        *_indent(list(once_per_row(epilogue))),
        "    for j in range(0, width - LANES + 1, LANES):",
        "        column = left + j",
        f"        {accumulator}",
        *_indent(_indent(list(once_per_vector(epilogue, masked=False)))),
        "    j = width // LANES * LANES",
        "    if j < width:",
        "        column = left + j",
        "        mask = first(width - j, LANES)",
        f"        {accumulator}",
        *_indent(_indent(list(once_per_vector(epilogue, masked=True)))),
    ]
