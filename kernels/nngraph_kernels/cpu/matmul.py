"""Template of the matrix product: out[batch] = epilogue(A[batch] @ B[batch]), sizes known at run time.

The work is a list of units, (batch, block of columns, tile of rows), shared out over the threads; every
element of the product is one sum over k in order, so that results do not depend on the sharing. In a unit the
rows of A are copied into a strip (`matmul_tile`), the product is left in a small tile in the L1 cache, and
the epilogue goes over that tile row by row. B is read where it stands if it is small or A is thin, and
otherwise packed, once per block of columns and thread, into panels as wide as the register tile. The sum over
k is not blocked: packed panels and strips stream through the caches in order, which costs less than partial
sums would. A long sum for a small result is cut up by the caller, into the batches of a product of "pieces".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nngraph_kernels.cpu.blocking import Blocking, blocking
from nngraph_kernels.cpu.epilogue import (
    Epilogue,
    is_positionless,
    number_names,
    once_per_call,
    once_per_row,
    once_per_vector,
    operand_names,
    output_names,
    stride_names,
)
from nngraph_kernels.cpu.patch_geometry import GEOMETRY

ITEM_BYTES = {"float32": 4, "float64": 8}
THIN = 2  # up to so many rows are multiplied one by one
PACK_ROW_TILES = 20  # fewer tiles of rows than this do not repay the packing of B
PACK_ELEMENTS = 65536  # a B smaller than this stays in the L2 cache


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
    pieces : bool
        Whether the last batch has a K of its own. A product with few results and a long K is done in pieces
        of K, which are its batches: their strides step along K, and their results are yet to be added up.
    patches : bool
        Whether A's rows are patches of images, see `patches`. Its batches are then groups of channels.
    """

    dtype: str = "float32"
    transpose_a: bool = False
    transpose_b: bool = False
    M: int | None = None
    N: int | None = None
    K: int | None = None
    pieces: bool = False
    patches: bool = False


def arguments(spec: MatmulSpec, epilogue: Epilogue) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: the epilogue's outputs `y0`..., `a`, `b`, its operands `x0`..., `scratch` (best 64-byte
    aligned). Ints: `batches`, those of `M`, `N`, `K` that are no constants, `a_row`, `b_row` (elements from
    one stored row to the next), `a_batch`, `b_batch` (0 where all batches share one), `K_last` if in pieces,
    then `y0_batch`, `y0_row`, ... `x0_batch`, .... Numbers: `s0`....
    Patches have their `GEOMETRY` in place of `a_row`.
    """
    sizes = [size for size in ("M", "N", "K") if getattr(spec, size) is None]
    layout = [*(GEOMETRY if spec.patches else ["a_row"]), "b_row", "a_batch", "b_batch"]
    ints = ["batches", *sizes, *layout, *(["K_last"] if spec.pieces else [])]
    pointers = [*output_names(epilogue), "a", "b", *operand_names(epilogue), "scratch"]
    return (*pointers, *ints, *stride_names(epilogue), *number_names(epilogue))


def scratch_bytes(spec: MatmulSpec, M: int, N: int, K: int, threads: int, runs: int = 1) -> int:
    """Size of the scratch memory, a multiple of 64; K falls into so many `runs`."""
    cut = _blocking(spec)
    strip = (runs * -(-(K // runs) // cut.lanes) * cut.rows + 1) * cut.lanes
    packing = spec.transpose_b or (-(-M // cut.rows) >= PACK_ROW_TILES and K * N > PACK_ELEMENTS)
    panels = -(-min(N, cut.width) // cut.panel) if packing else 1
    elements = cut.rows * cut.width + strip + (panels * K + cut.lanes) * cut.panel
    return threads * -(-elements * ITEM_BYTES[spec.dtype] // 64) * 64


def source(name: str, spec: MatmulSpec, epilogue: Epilogue) -> str:
    """The source text of the kernel `name`."""
    cut = _blocking(spec)
    body = [
        *_slots(spec, epilogue),
        *once_per_call(epilogue, spec.dtype),
        *_prepare(spec, cut),
        *_flat(cut, epilogue),
        "unit, last = units * thread // threads, units * (thread + 1) // threads",
        "while unit < last:",
        *_indent(_block(spec, cut)),
        "    end = begin + row_tiles",
        f"    for top in range((unit - begin) * {cut.rows}, (min(last, end) - begin) * {cut.rows}, {cut.rows}):",
        *_indent(_indent([*_tile(spec, cut), *_epilogue(cut, epilogue)])),
        "    unit = end",
    ]
    lines = [*_head(spec, cut, epilogue), f"def {name}(args, thread, threads):", *_indent(body)]
    return "\n".join(lines) + "\n"


def _blocking(spec: MatmulSpec) -> Blocking:
    return blocking(spec.dtype, "runs" if spec.patches else "columns" if spec.transpose_a else "rows")


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _head(spec: MatmulSpec, cut: Blocking, epilogue: Epilogue) -> Iterator[str]:
    a, b = "A.T" if spec.transpose_a else "A", "B.T" if spec.transpose_b else "B"
    packer = "transposed_panel_packer" if spec.transpose_b else "panel_packer"
    yield f'"""out = epilogue({a} @ {b}), a batch of {spec.dtype} matrices."""'
    yield ""
    yield "from numba import float32, float64"
    yield "from nngraph_kernels.cpu.blocking import Blocking"
    yield f"from nngraph_kernels.cpu.matmul_pack import {packer}, strip_packer, tile_packer"
    yield "from nngraph_kernels.cpu.matmul_tile import row_multiplier, tile_multiplier"
    yield "from nngraph_kernels.cpu.patches import patch_packer"
    yield "from nngraph_kernels.simd import first, integer, load, load_masked, load_splat, number, offset_pointer"
    yield "from nngraph_kernels.simd import pointer, splat, store, store_masked"
    yield from epilogue.imports
    yield ""
    yield f"BLOCKING = {cut!r}"
    yield f"LANES = {cut.lanes}"
    if spec.patches:
        yield f"pack_patches = patch_packer(BLOCKING, {arguments(spec, epilogue).index(GEOMETRY[0])})"
    else:
        yield "pack_strip = strip_packer(BLOCKING)"
    yield f"pack_panels = {packer}(BLOCKING)"
    yield "multiply_tiles = tile_multiplier(BLOCKING)"
    if is_positionless(epilogue):
        yield "pack_tile = tile_packer(BLOCKING)"
    if _is_thin(spec):
        yield "multiply_rows = row_multiplier(BLOCKING)"
    yield ""
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
        elif slot not in GEOMETRY or slot.startswith("run"):  # the rest is read where patches are gathered
            yield f"{slot} = integer(args, {i})"
    for size in ("M", "N", "K"):
        if getattr(spec, size) is not None:
            yield f"{size} = {getattr(spec, size)}"


def _prepare(spec: MatmulSpec, cut: Blocking) -> list[str]:
    rows, panel, width = cut.rows, cut.panel, cut.width
    worth = f"row_tiles >= {PACK_ROW_TILES} and K * N > {PACK_ELEMENTS}"
    runs = "runs_y * runs_x, run_length" if spec.patches else "1, K"
    return [
        f"runs, run = {runs}",
        f"row_tiles = (M + {rows - 1}) // {rows}",
        f"blocks = (N + {width - 1}) // {width}",
        "units = batches * blocks * row_tiles",
        f"packing = {'True' if spec.transpose_b else worth}",
        f"strip_size = (runs * ((run + {cut.lanes - 1}) // {cut.lanes}) * {rows} + 1) * LANES",
        f"panel_count = (min(N, {width}) + {panel - 1}) // {panel} if packing else 1",
        f"scratch_size = {rows * width} + strip_size + (panel_count * K + LANES) * {panel}",
        f"tile = offset_pointer(scratch, thread * ({_line_round('scratch_size', spec)}))",
        f"strip = offset_pointer(tile, {rows * width})",
        "panels = offset_pointer(strip, strip_size)",
    ]


def _line_round(size: str, spec: MatmulSpec) -> str:
    """So many elements, rounded up to whole cache lines."""
    line = 64 // ITEM_BYTES[spec.dtype]
    return f"({size} + {line - 1}) // {line} * {line}"


def _block(spec: MatmulSpec, cut: Blocking) -> list[str]:
    """The columns of B that a unit and those after it multiply: packed, or where they stand.

    What does not fill a panel is always packed.
    """
    b_at = "left * b_row" if spec.transpose_b else "left"
    return [
        "batch_block = unit // row_tiles",
        "begin = batch_block * row_tiles",
        f"left = batch_block % blocks * {cut.width}",
        "batch = batch_block // blocks",
        f"width = min(N - left, {cut.width})",
        f"depth = {'K_last if batch == batches - 1 else K' if spec.pieces else 'K'}",
        f"b_block = offset_pointer(b, batch * b_batch + {b_at})",
        f"whole = width // {cut.panel} * {cut.panel}",
        "start = 0 if packing else whole",
        "pack_panels(offset_pointer(b_block, start), b_row, width - start, depth, panels)",
        "if packing:",
        f"    b_from, b_step, b_panel, edge = panels, {cut.panel}, {cut.panel} * depth, whole * depth",
        "else:",
        f"    b_from, b_step, b_panel, edge = b_block, b_row, {cut.panel}, 0",
        "edge_panel = offset_pointer(panels, edge)",
    ]


def _tile(spec: MatmulSpec, cut: Blocking) -> list[str]:
    """Fill `tile` with the product of `height` rows and `width` columns."""
    runs = "runs, run" if spec.patches else "1, depth"
    multiply = [f"multiply_tiles(strip, height, {runs}, b_from, b_step, b_panel, edge_panel, width, tile)"]
    if _is_thin(spec):
        # Where masked loads are slow, the tile of a single row needs a whole block to read.
        thin = f"height <= {THIN}" if cut.masked else f"height <= {THIN} and width == {cut.width}"
        rows = "    multiply_rows(strip, height, depth, b_block, b_row, width, tile)"
        multiply = [f"if {thin} and not packing:", rows, "else:", *_indent(multiply)]
    return [f"height = min(M - top, {cut.rows})", _strip(spec), *multiply]


def _is_thin(spec: MatmulSpec) -> bool:
    """Whether a product of few rows goes about it row by row."""
    return not (spec.transpose_b or spec.patches)


def _strip(spec: MatmulSpec) -> str:
    if spec.patches:
        return "pack_patches(args, offset_pointer(a, batch * a_batch), top, height, strip)"
    a_at = "top" if spec.transpose_a else "top * a_row"
    return f"pack_strip(offset_pointer(a, batch * a_batch + {a_at}), a_row, height, depth, strip)"


def _epilogue(cut: Blocking, epilogue: Epilogue) -> list[str]:
    """Go over `tile`, in segments: its rows, or all of it if it is `flat`."""
    accumulator = f"acc = load(tile, r * {cut.width} + j, LANES)"
    rows = [
        "row = top + r",
        *once_per_row(epilogue),
        "for j in range(0, length - LANES + 1, LANES):",
        *_indent(["column = left + j", accumulator, *once_per_vector(epilogue, masked=False)]),
        "j = length // LANES * LANES",
        "if j < length:",
        "    column = left + j",
        "    mask = first(length - j, LANES)",
        *_indent([accumulator, *once_per_vector(epilogue, masked=True)]),
    ]
    segments = ["segments, length = height, width"]
    if is_positionless(epilogue):
        segments += [
            "if flat:",
            "    pack_tile(tile, height, width)",
            "    segments, length = 1, height * width",
        ]
    return [*segments, "for r in range(segments):", *_indent(rows)]


def _flat(cut: Blocking, epilogue: Epilogue) -> list[str]:
    """Whether rows that no vector fits follow each other in memory, so that vectors may run on across them.

    Beside being fewer, such vectors do not overlap: a masked load waits for a masked store next to it.
    """
    if not is_positionless(epilogue):
        return []
    strides = [f" and {name} == N" for name in stride_names(epilogue) if name.endswith("_row")]
    return [f"flat = N < {cut.width} and N % LANES != 0{''.join(strides)}"]
