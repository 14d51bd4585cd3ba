"""Template of the matrix product: out[batch] = epilogue(A[batch] @ B[batch]), sizes known at run time.

A block of threads has a tile of the result, see `tile`. Large tiles read least, but there have to be enough of them to
keep the device busy: which tiles a call takes follows from its sizes. Where moments are left, a block has all rows of
one of the `PIECES`, a tile after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from nngraph_kernels.cpu import matmul as cpu
from nngraph_kernels.cpu.epilogue import PIECES, Epilogue, operand_names, output_names, stride_names
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.epilogue import Lines, after_piece, before_piece, function_lines, piece_bounds, result_lines
from nngraph_kernels.cuda.patches import patch_rows
from nngraph_kernels.cuda.target import Tile, target
from nngraph_kernels.cuda.text import arguments, divided, indent, module
from nngraph_kernels.cuda.tile import Product, plain, quotient, shared_lines, sum_lines, tile_for

Factors = tuple[str, str]


def slots(
    spec: MatmulSpec, layout: Epilogue, factors: Factors | None = None
) -> tuple[list[tuple[str, str]], list[str]]:
    """Pointers and their dtypes, and integers, in order: see `nngraph_kernels.cpu.matmul.arguments`."""
    dtypes = dict(zip(output_names(layout), layout.outputs, strict=True))
    dtypes |= {x: o.dtype for x, o in zip(operand_names(layout), layout.operands, strict=True)}
    dtypes |= dict(zip("ab", factors or (spec.dtype,) * 2, strict=True)) | {"partial": spec.dtype}
    names = cpu.arguments(spec, layout)
    end = names.index("scratch")
    integers = list(names[end + 1 : len(names) - layout.numbers])
    return [*((name, dtypes[name]) for name in names[:end]), ("", "")], integers


def tiles_of(dtype: str, moments: bool) -> list[Tile]:
    """Those that a kernel can work with, from the largest on."""
    size = target()
    return [
        tile_for(dtype, tile) for tile in ((size.tall, size.small) if moments else (size.large, size.small, size.tiny))
    ]


def grid(spec: MatmulSpec, layout: Epilogue, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    given = dict(zip(slots(spec, layout)[1], integers, strict=True))
    batches, (M, N) = given["batches"], (getattr(spec, name) or given[name] for name in ("M", "N"))
    tiles = tiles_of(spec.dtype, bool(layout.moments))
    if layout.moments:
        return max(1, batches * -(-N // tiles[0].columns) * PIECES), threads(spec, layout)
    return blocks_of(tiles, batches, M, N), threads(spec, layout)


def threads(spec: MatmulSpec, layout: Epilogue) -> int:
    """Threads of a block."""
    return tiles_of(spec.dtype, bool(layout.moments))[0].threads


def blocks_of(tiles: Sequence[Tile], batches: int, rows: int, columns: int) -> int:
    """How many tiles there are: the largest of which there are enough, and that are not mostly empty."""
    found = 0
    for tile in tiles:
        found = batches * -(-rows // tile.rows) * -(-columns // tile.columns)
        if found >= target().many and 2 * rows > tile.rows and 2 * columns > tile.columns:
            break
    return max(1, found)


def source(name: str, spec: MatmulSpec, lines: Lines, factors: Factors | None = None) -> str:
    """The source text of the kernel `name`; `factors` are the types as which A and B lie in memory."""
    factors = factors or (spec.dtype, spec.dtype)
    tiles = tiles_of(spec.dtype, bool(lines.layout.moments))
    early, late = argument_lines(spec, lines.layout, factors)
    body = [*early, *(f"{size} = {getattr(spec, size)}" for size in ("M", "N", "K") if getattr(spec, size) is not None)]
    body += ["if batches * M * N == 0:", "    return", "M, N, begin, end = int32(M), int32(N), int32(0), int32(K)"]
    body += shared_lines(spec.dtype, tiles)
    if lines.layout.moments:
        body += piece_lines(spec, tiles, lines, late, factors)
    else:
        body += chosen(tiles, lambda tile: tile_lines(spec, tile, lines, late, factors))
    a, b = "A.T" if spec.transpose_a else "A", "B.T" if spec.transpose_b else "B"
    title = f"out = epilogue({a} @ {b}), a batch of {spec.dtype} matrices{', A of patches' * spec.patches}."
    return module(name, body, title, function_lines(lines))


def argument_lines(spec: MatmulSpec, layout: Epilogue, factors: Factors) -> tuple[list[str], list[str]]:
    """Lines that read what the product needs, and those for its results."""
    lines = arguments(*slots(spec, layout, factors), layout.numbers)
    epilogue = {*output_names(layout), *operand_names(layout), *stride_names(layout), "partial", "channels"}
    late = [line for line in lines if re.match(r"number\d", line) or line.partition(" = ")[0] in epilogue]
    return [line for line in lines if line not in late], late


def chosen(tiles: Sequence[Tile], lines: Callable[[Tile], Iterable[str]]) -> Iterator[str]:
    """One tile's lines: the choice of `blocks_of`, for `batches` matrices of M by N."""
    tile, *others = tiles
    yield from count_lines(tile)
    if not others:
        yield from lines(tile)
        return
    yield f"if batches * rows * columns >= {target().many} and 2 * M > {tile.rows} and 2 * N > {tile.columns}:"
    yield from indent(lines(tile))
    yield "else:"
    yield from indent(chosen(others, lines))


def count_lines(tile: Tile) -> list[str]:
    """How many tiles there are one below the other, and side by side."""
    return [f"rows = {count('M', tile.rows)}", f"columns = {count('N', tile.columns)}"]


def count(size: str, part: int) -> str:
    """How many parts there are, of which the last may be smaller."""
    return quotient(f"({size} + {part - 1})", part)


def tile_lines(spec: MatmulSpec, tile: Tile, lines: Lines, late: Sequence[str], factors: Factors) -> Iterator[str]:
    """The block's tile: those side by side follow each other."""
    yield f"above = {divided('cuda.blockIdx.x', 'columns')}"
    yield f"start = int32((cuda.blockIdx.x - above * columns) * {tile.columns})"
    yield f"batch = int32({divided('above', 'rows')})"
    yield f"top = int32((above - batch * rows) * {tile.rows})"
    yield from [*channel_lines(spec), *product_lines(spec, tile, factors), *result_lines(lines, spec.dtype, tile, late)]


def piece_lines(
    spec: MatmulSpec, tiles: Sequence[Tile], lines: Lines, late: Sequence[str], factors: Factors
) -> Iterator[str]:
    """The block's piece of some columns, and the moments that are left of it; tall tiles where pieces fill them."""
    tall, small = tiles
    yield f"columns = {count('N', small.columns)}"
    yield f"beside = cuda.blockIdx.x // {PIECES}"
    yield f"piece = cuda.blockIdx.x - beside * {PIECES}"
    yield f"batch = int32({divided('beside', 'columns')})"
    yield f"start = int32((beside - batch * columns) * {small.columns})"
    yield from [*channel_lines(spec), *before_piece(spec.dtype), f"if M >= {PIECES * tall.rows}:"]
    yield from indent(piece_tiles(spec, tall, lines, late, factors))
    yield "else:"
    yield from indent(piece_tiles(spec, small, lines, late, factors))
    yield from [
        *(line for line in late if re.match("partial|channels", line)),
        *after_piece(spec.dtype, small.threads, small.columns),
    ]


def piece_tiles(spec: MatmulSpec, tile: Tile, lines: Lines, late: Sequence[str], factors: Factors) -> Iterator[str]:
    yield from piece_bounds(count("M", tile.rows))
    yield f"for top in range(first * {tile.rows}, past * {tile.rows}, {tile.rows}):"
    yield from indent([*product_lines(spec, tile, factors), *result_lines(lines, spec.dtype, tile, late)])


def channel_lines(spec: MatmulSpec) -> list[str]:
    return ["channel = batch * a_batch"] if spec.patches else []


def product_lines(spec: MatmulSpec, tile: Tile, factors: Factors) -> list[str]:
    a = patch_rows("M") if spec.patches else plain("a", not spec.transpose_a, "top", "M")
    b = plain("b", spec.transpose_b, "start", "N")
    return sum_lines(Product(spec.dtype, tile, replace(a, lies=factors[0]), replace(b, lies=factors[1])))
