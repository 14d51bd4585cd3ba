"""Template of the gradient of a convolution's filters: y[piece] = patchesᵀ @ dy over the pixels of each piece.

A product of `tile`s whose A holds an element of every patch in each of its rows, for each piece and group of channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nngraph_kernels.cpu.convolution_weight import INTS, POINTERS, ConvolutionWeightSpec
from nngraph_kernels.cpu.epilogue import Epilogue
from nngraph_kernels.cuda.epilogue import Lines, function_lines, result_lines
from nngraph_kernels.cuda.matmul import blocks_of, chosen, tiles_of
from nngraph_kernels.cuda.patches import patch_columns
from nngraph_kernels.cuda.target import Tile
from nngraph_kernels.cuda.text import arguments, divided, lying, module
from nngraph_kernels.cuda.tile import Product, plain, shared_lines, sum_lines

NAMES = {"y": "y0", "x": "a", "dy": "b", "scratch": "", "depth": "M", "columns": "N"}


def source(name: str, spec: ConvolutionWeightSpec, narrow: Sequence[str] = ()) -> str:
    """The source text of the kernel `name`."""
    dtypes = dict(zip(POINTERS, [*lying([spec.dtype] * 3, narrow), spec.dtype], strict=True))
    tiles, lines = tiles_of(spec.dtype, moments=False), Lines(Epilogue(outputs=(spec.dtype,)))
    body = [
        *arguments([(NAMES[p], dtypes[p]) for p in POINTERS], [NAMES.get(i, i) for i in INTS]),
        *shared_lines(spec.dtype, tiles),
        "batches = pieces * groups",
        "M, N = int32(M), int32(N)",
        "b_row, y0_row = filters, filters",
        "b_batch, y0_batch = N, N",
        *chosen(tiles, lambda tile: tile_lines(spec, tile, lines, dtypes)),
    ]
    title = f"y[piece] = patches.T @ dy, a {spec.dtype} convolution's gradient of its filters."
    return module(name, body, title, function_lines(lines))


def tile_lines(spec: ConvolutionWeightSpec, tile: Tile, lines: Lines, dtypes: dict[str, str]) -> Iterator[str]:
    yield f"above = {divided('cuda.blockIdx.x', 'columns')}"
    yield f"start = int32((cuda.blockIdx.x - above * columns) * {tile.columns})"
    yield f"share = {divided('above', 'rows')}"
    yield f"top = int32((above - share * rows) * {tile.rows})"
    yield f"piece = int32({divided('share', 'groups')})"
    yield "batch = int32(share - piece * groups)"
    yield "channel = batch * channels"
    yield "begin, end = int32(pixels * piece // pieces), int32(pixels * (piece + 1) // pieces)"
    x = replace(patch_columns("M"), lies=dtypes["x"])
    dy = replace(plain("b", False, "start", "N"), lies=dtypes["dy"])
    yield from sum_lines(Product(spec.dtype, tile, x, dy))
    yield "y0 += piece * M * filters"
    yield from result_lines(lines, spec.dtype, tile, ())


def grid(spec: ConvolutionWeightSpec, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    pieces, groups, _, depth, columns = integers[:5]
    tiles = tiles_of(spec.dtype, moments=False)
    return blocks_of(tiles, pieces * groups, depth, columns), threads(spec)


def threads(spec: ConvolutionWeightSpec) -> int:
    """Threads of a block."""
    return tiles_of(spec.dtype, moments=False)[0].threads
