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
from nngraph_kernels.target import lanes, target

ITEM_BYTES = {"float32": 4, "float64": 8}
BLOCK_VECTORS = 8  # vectors in a block of columns, and in the register tile of a single row
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


@dataclass(frozen=True, slots=True)
class _Shape:
    """What follows from the target: lanes, rows of the register tile, columns of a panel and of a block."""

    lanes: int
    rows: int
    panel: int
    block: int
    masked: bool  # whether masked loads are instructions


def _shape(dtype: str) -> _Shape:
    width = lanes(dtype)
    vector_bytes = target().vector_bytes
    rows = 8 if vector_bytes == 64 else 6  # 32 registers, or 16
    return _Shape(width, rows, PANEL_VECTORS * width, BLOCK_VECTORS * width, vector_bytes > 16)


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
    shape = _shape(spec.dtype)
    strip = shape.rows * -(-K // shape.lanes) * shape.lanes + shape.lanes
    panels = -(-min(N, shape.block) // shape.panel) * K + shape.lanes
    elements = shape.rows * shape.block + strip + panels * shape.panel
    return threads * elements * ITEM_BYTES[spec.dtype]


def source(name: str, spec: MatmulSpec, epilogue: Epilogue) -> str:
    """The source text of the kernel `name`."""
    shape = _shape(spec.dtype)
    body = [
        *_slots(spec, epilogue),
        *once_per_call(epilogue, spec.dtype),
        *_prepare(shape),
        "for unit in range(units * thread // threads, units * (thread + 1) // threads):",
        *_indent(_unit(spec, shape, epilogue)),
    ]
    return "\n".join(
        [*_head(spec, shape, epilogue), f"def {name}(args, thread, threads):", *_indent(body), ""]
    )


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _head(spec: MatmulSpec, shape: _Shape, epilogue: Epilogue) -> Iterator[str]:
    yield "from numba import float32, float64"
    yield "from nngraph_kernels.cpu.matmul_tile import register_tile"
    yield "from nngraph_kernels.cpu.transpose_tile import transpose_tile"
    yield "from nngraph_kernels.simd import first, integer, load, load_masked, number, offset_pointer, pointer, splat"
    yield "from nngraph_kernels.simd import store, store_masked"
    yield from epilogue.imports
    yield ""
    strip = "columns" if spec.transpose_a else "rows"
    for rows, vectors in _tiles(shape):
        fixed = f'strip_rows={shape.rows}, pitch={shape.block}, strip="{strip}", masked={shape.masked}'
        yield f'multiply_{rows}x{vectors} = register_tile("{spec.dtype}", {shape.lanes}, {rows}, {vectors}, {fixed})'
    if spec.transpose_b:
        yield f'transpose_full = transpose_tile("{spec.dtype}", {shape.lanes}, masked=False)'
        yield f'transpose_part = transpose_tile("{spec.dtype}", {shape.lanes}, masked=True)'
    yield f"LANES = {shape.lanes}"
    yield ""


def _tiles(shape: _Shape) -> list[tuple[int, int]]:
    tiles = [(shape.rows, PANEL_VECTORS), (shape.rows // 2, PANEL_VECTORS), (shape.rows, 1)]
    return [*tiles, (1, BLOCK_VECTORS)] if shape.masked else tiles


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


def _prepare(shape: _Shape) -> list[str]:
    rows, lanes_, block = shape.rows, shape.lanes, shape.block
    return [
        f"row_tiles = (M + {rows - 1}) // {rows}",
        f"blocks = (N + {block - 1}) // {block}",
        "units = batches * blocks * row_tiles",
        f"strip_size = (K + {lanes_ - 1}) // {lanes_} * {lanes_ * rows} + {lanes_}",
        f"panel_size = ((min(N, {block}) + {shape.panel - 1}) // {shape.panel} * K + {lanes_}) * {shape.panel}",
        f"tile = offset_pointer(scratch, thread * ({rows * block} + strip_size + panel_size))",
        f"strip = offset_pointer(tile, {rows * block})",
        "panel = offset_pointer(strip, strip_size)",
        f"worth_packing = row_tiles >= {PACK_ROW_TILES} and K * N > {PACK_ELEMENTS}",
        "packed = -1",
    ]


def _unit(spec: MatmulSpec, shape: _Shape, epilogue: Epilogue) -> list[str]:
    packing = "True" if spec.transpose_b else "worth_packing"
    if not shape.masked and not spec.transpose_b:
        packing += f" or width % {shape.lanes} != 0"
    return [
        f"top = unit % row_tiles * {shape.rows}",
        "batch_block = unit // row_tiles",
        f"left = batch_block % blocks * {shape.block}",
        "batch = batch_block // blocks",
        f"height = min(M - top, {shape.rows})",
        f"width = min(N - left, {shape.block})",
        *(_columns_strip(shape) if spec.transpose_a else _rows_strip(shape)),
        f"packing = {packing}",
        "if packing and packed != batch_block:",
        "    packed = batch_block",
        *_indent(_transposed_panels(shape) if spec.transpose_b else _panels(shape)),
        *_product(spec, shape),
        *_epilogue(shape, epilogue),
    ]


def _rows_strip(shape: _Shape) -> list[str]:
    lanes_ = shape.lanes
    row = "a_at + r * a_row + k"
    return [
        "a_at = batch * a_batch + top * a_row",
        f"for k in range(0, K - {lanes_ - 1}, {lanes_}):",
        "    for r in range(height):",
        f"        store(strip, k * {shape.rows} + r * {lanes_}, load(a, {row}, {lanes_}))",
        f"k = K // {lanes_} * {lanes_}",
        "if k < K:",
        f"    mask = first(K - k, {lanes_})",
        "    for r in range(height):",
        f"        store(strip, k * {shape.rows} + r * {lanes_}, load_masked(a, {row}, mask))",
    ]


def _columns_strip(shape: _Shape) -> list[str]:
    """Vectors that overlap: what one writes beyond the rows of its k, the next one overwrites."""
    lines = ["a_at = batch * a_batch + top"]
    starts = range(0, shape.rows, shape.lanes)
    lines += [f"mask{s} = first(height - {s}, {shape.lanes})" for s in starts]
    lines.append("for k in range(K):")
    for s in starts:
        lines.append(
            f"    store(strip, k * {shape.rows} + {s}, load_masked(a, a_at + k * a_row + {s}, mask{s}))"
        )
    return lines


def _panels(shape: _Shape) -> list[str]:
    lines = [f"for j in range(0, width, {shape.panel}):", "    b_at = batch * b_batch + left + j"]
    starts = range(0, shape.panel, shape.lanes)
    lines += [f"    mask{s} = first(width - j - {s}, {shape.lanes})" for s in starts]
    lines.append("    for k in range(K):")
    for s in starts:
        place = f"j * K + k * {shape.panel} + {s}"
        lines.append(f"        store(panel, {place}, load_masked(b, b_at + k * b_row + {s}, mask{s}))")
    return lines


def _transposed_panels(shape: _Shape) -> list[str]:
    lanes_, panel = shape.lanes, shape.panel
    return [
        f"for j in range(0, width, {lanes_}):",
        f"    panel_at = j // {panel} * {panel} * K + j % {panel}",
        "    b_at = batch * b_batch + (left + j) * b_row",
        f"    for k in range(0, K, {lanes_}):",
        "        b_from = offset_pointer(b, b_at + k)",
        f"        to = offset_pointer(panel, panel_at + k * {panel})",
        f"        if width - j >= {lanes_} and K - k >= {lanes_}:",
        f"            transpose_full(b_from, b_row, {lanes_}, {lanes_}, to, {panel})",
        "        else:",
        f"            transpose_part(b_from, b_row, width - j, K - k, to, {panel})",
    ]


def _product(spec: MatmulSpec, shape: _Shape) -> list[str]:
    rows, half, panel, block = shape.rows, shape.rows // 2, shape.panel, shape.block
    wide = [
        f"for j in range(0, width, {panel}):",
        "    to = offset_pointer(tile, j)",
        "    b_from, b_step = offset_pointer(b, batch * b_batch + left + j), b_row",
        "    if packing:",
        f"        b_from, b_step = offset_pointer(panel, j * K), {panel}",
        f"    if width - j <= {shape.lanes}:",
        f"        multiply_{rows}x1(strip, K, b_from, b_step, width - j, to)",
        f"    elif height > {half}:",
        f"        multiply_{rows}x2(strip, K, b_from, b_step, width - j, to)",
        "    else:",
        f"        multiply_{half}x2(strip, K, b_from, b_step, width - j, to)",
    ]
    if not shape.masked or spec.transpose_b:
        return wide
    step = 1 if spec.transpose_a else shape.lanes
    return [
        "if height <= 2 and not packing:",
        "    for r in range(height):",
        f"        row_strip, to = offset_pointer(strip, r * {step}), offset_pointer(tile, r * {block})",
        "        b_from = offset_pointer(b, batch * b_batch + left)",
        f"        multiply_1x{BLOCK_VECTORS}(row_strip, K, b_from, b_row, width, to)",
        "else:",
        *_indent(wide),
    ]


def _epilogue(shape: _Shape, epilogue: Epilogue) -> list[str]:
    lanes_, accumulator = shape.lanes, f"acc = load(tile, r * {shape.block} + j, {shape.lanes})"
    return [
        "for r in range(height):",
        "    row = top + r",
        *_indent(list(once_per_row(epilogue))),
        f"    for j in range(0, width - {lanes_ - 1}, {lanes_}):",
        "        column = left + j",
        f"        {accumulator}",
        *_indent(_indent(list(once_per_vector(epilogue, masked=False)))),
        f"    j = width // {lanes_} * {lanes_}",
        "    if j < width:",
        "        column = left + j",
        f"        mask = first(width - j, {lanes_})",
        f"        {accumulator}",
        *_indent(_indent(list(once_per_vector(epilogue, masked=True)))),
    ]
