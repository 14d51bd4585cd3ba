"""Template of the gradient of a convolution's filters: y[piece] = patchesᵀ @ dy over the pixels of each piece.

The rows of a piece's result are the elements of a patch, its columns the filters. The work is a list of units,
(piece, group of channels, block of rows, block of columns), shared out over the threads. A unit goes over the pixels
of its piece in blocks: the patches' part that belongs to its rows is gathered from the image, the columns of dy are
packed into panels, and their product is added to the result, which stays in the L2 cache. Every element is one sum
over the pixels in order, so that results do not depend on the sharing.
"""

from __future__ import annotations

from collections.abc import Iterator

from nngraph_kernels.cpu.blocking import Blocking, blocking
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.record import record

ITEM_BYTES = {"float32": 4, "float64": 8}
ROWS = 128  # of a block, at most
PIXELS = 256  # of a block

POINTERS = ("y", "x", "dy", "scratch")
INTS = ("pieces", "groups", "pixels", "depth", "columns", "filters", "channels", *GEOMETRY)


@record
class ConvolutionWeightSpec:
    """Which gradient.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    """

    dtype: str = "float32"


def arguments(spec: ConvolutionWeightSpec) -> tuple[str, ...]:
    """The names of the argument slots, in order.

    Pointers: `y` [pieces, depth, filters], images `x`, `dy` [pixels, filters], `scratch` (best 64-byte aligned). Ints:
    `pieces`; `groups` of channels; `pixels` of dy in all; `depth`, elements of a patch of one group; `columns`,
    filters of one group; `filters` of all; `channels` of x in one group; then the `GEOMETRY` of patches.
    """
    return (*POINTERS, *INTS)


def scratch_bytes(spec: ConvolutionWeightSpec, threads: int) -> int:
    """Size of the scratch memory, a multiple of 64."""
    return threads * _scratch_elements(spec) * ITEM_BYTES[spec.dtype]


def _parts(cut: Blocking) -> dict[str, int]:
    """What lies in a thread's scratch, and how many elements each takes: multiples of a cache line."""
    return {
        "tile": cut.rows * cut.width,
        "patches": PIXELS * _pitch(cut) + cut.lanes,
        "panels": (PIXELS + 1) * cut.width,
    }


def _pitch(cut: Blocking) -> int:
    """Elements from one patch to the next: no multiple of many cache lines, which would share few places in L1."""
    return ROWS + 16


def _scratch_elements(spec: ConvolutionWeightSpec) -> int:
    return (sum(_parts(blocking(spec.dtype)).values()) + 15) & -16


def source(name: str, spec: ConvolutionWeightSpec) -> str:
    """The source text of the kernel `name`."""
    cut = blocking(spec.dtype)
    lines = [*_head(spec, cut), f"def {name}(args, thread, threads):", *_indent(list(_body(spec, cut)))]
    return "\n".join(lines) + "\n"


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _head(spec: ConvolutionWeightSpec, cut: Blocking) -> Iterator[str]:
    yield f'"""y[piece] = patches.T @ dy, a {spec.dtype} convolution\'s gradient of its filters."""'
    yield ""
    yield "from nngraph_kernels.cpu.blocking import Blocking"
    yield "from nngraph_kernels.cpu.matmul_pack import panel_packer, tile_adder"
    yield "from nngraph_kernels.cpu.matmul_tile import tile_multiplier"
    yield "from nngraph_kernels.cpu.patches import patch_row_packer"
    yield "from nngraph_kernels.simd import integer, offset_pointer, pointer"
    yield ""
    yield f"BLOCKING = {cut!r}"
    yield f"pack_patches = patch_row_packer(BLOCKING, {arguments(spec).index(GEOMETRY[0])}, {_pitch(cut)})"
    yield "pack_panels = panel_packer(BLOCKING)"
    yield f"multiply_tiles = tile_multiplier(BLOCKING, {_pitch(cut)})"
    yield "add_tile = tile_adder(BLOCKING)"
    yield ""
    yield ""


def _body(spec: ConvolutionWeightSpec, cut: Blocking) -> Iterator[str]:
    for i, slot in enumerate(arguments(spec)):
        if slot in POINTERS:
            yield f'{slot} = pointer(args, {i}, "{spec.dtype}")'
        elif slot not in GEOMETRY:
            yield f"{slot} = integer(args, {i})"
    start = f"thread * {_scratch_elements(spec)}"
    for part, elements in _parts(cut).items():
        yield f"{part} = offset_pointer(scratch, {start})"
        start += f" + {elements}"
    # Blocks of rows are as even as tiles allow.
    yield f"row_blocks = (depth + {ROWS - 1}) // {ROWS}"
    yield f"rows = ((depth + row_blocks - 1) // row_blocks + {cut.rows - 1}) // {cut.rows} * {cut.rows}"
    yield f"column_blocks = (columns + {cut.width - 1}) // {cut.width}"
    yield "units = pieces * groups * row_blocks * column_blocks"
    yield "for unit in range(units * thread // threads, units * (thread + 1) // threads):"
    yield from _indent(list(_unit(cut)))


def _unit(cut: Blocking) -> Iterator[str]:
    yield f"left = unit % column_blocks * {cut.width}"
    yield "top = unit // column_blocks % row_blocks * rows"
    yield "group = unit // (column_blocks * row_blocks) % groups"
    yield "piece = unit // (column_blocks * row_blocks * groups)"
    yield "bottom = min(depth, top + rows)"
    yield f"width = min(columns - left, {cut.width})"
    yield "column = group * columns + left"
    yield "first = pixels * piece // pieces"
    yield "last = pixels * (piece + 1) // pieces"
    yield "result = offset_pointer(y, (piece * depth + top) * filters + column)"
    # A piece without pixels has a result too: zeros.
    yield f"for pixel in range(first, max(last, first + 1), {PIXELS}):"
    yield from _indent(list(_block(cut)))


def _block(cut: Blocking) -> Iterator[str]:
    """Add the products of up to PIXELS pixels to the unit's result."""
    yield f"count = min({PIXELS}, last - pixel)"
    yield "pack_patches(args, offset_pointer(x, group * channels), pixel, count, top, bottom, patches)"
    yield "pack_panels(offset_pointer(dy, pixel * filters + column), filters, width, count, panels)"
    yield f"for row in range(0, bottom - top, {cut.rows}):"
    yield f"    height = min(bottom - top - row, {cut.rows})"
    yield "    multiply_tiles(offset_pointer(patches, row), height, count, panels, width, tile)"
    yield "    add_tile(tile, height, width, pixel - first, offset_pointer(result, row * filters), filters)"
