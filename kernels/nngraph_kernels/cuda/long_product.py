"""Products of few tiles and long sums: pieces of the sums as products of their own, then their total.

A gradient of a weight is such a product: a sum over all examples, or all pixels, for 32 x 32 numbers. Its few tiles
would leave most of a device idle. So the sum is made in pieces, each of which is one of a batch of products, and
another kernel adds them up in order and does the work that is fused to the product. How many pieces there are follows
from the sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nngraph_kernels.cpu.epilogue import Epilogue
from nngraph_kernels.cpu.matmul import MatmulSpec
from nngraph_kernels.cuda.epilogue import Lines, function_lines, once_lines, parameters, results_of
from nngraph_kernels.cuda.matmul import blocks_of, slots, tiles_of
from nngraph_kernels.cuda.shares import blocks_for
from nngraph_kernels.cuda.target import target
from nngraph_kernels.cuda.text import arguments, divided, element, indent, module, read, write

FEWEST: Final = 4  # pieces that are worth another launch
TOGETHER: Final = 8  # of them that a thread reads before it adds any


def pieces_of(spec: MatmulSpec, layout: Epilogue, integers: Sequence[int]) -> int:
    """How many pieces the sums of a call are made in; 1 if as a whole."""
    if spec.patches or layout.moments or any((spec.M, spec.N, spec.K)):
        return 1
    given = dict(zip(slots(spec, layout)[1], integers, strict=True))
    if given["batches"] != 1:
        return 1
    tiles = blocks_of(tiles_of(spec.dtype, moments=False), 1, given["M"], given["N"])
    pieces = min(target().many // tiles, given["K"] // target().piece)
    return pieces if pieces >= FEWEST else 1


def total_grid(spec: MatmulSpec, layout: Epilogue, integers: Sequence[int]) -> tuple[int, int]:
    """Blocks, and threads of each."""
    given = dict(zip(slots(spec, layout)[1], integers, strict=True))
    return blocks_for(-(-given["M"] * given["N"] // target().threads)), target().threads


def total_source(name: str, spec: MatmulSpec, lines: Lines) -> str:
    """The source text of the kernel `name`: its slots are those of the product, with K pieces of the result at A."""
    body = [*arguments(*slots(spec, lines.layout), lines.layout.numbers), *once_lines(lines), "size = M * N"]
    body += ["for e in range(cuda.grid(1), size, cuda.gridsize(1)):", *indent(element_lines(spec.dtype, lines))]
    return module(name, body, f"out = epilogue(A[0] + A[1] + ...), {spec.dtype} matrices.", function_lines(lines))


def several_pieces(dtype: str) -> Iterator[str]:
    """Read some pieces, so that one is not waited for before the next is asked for, and add them up in order."""
    view, _, _ = element(dtype, "").partition("[")
    for k in range(TOGETHER):
        there = f"piece + {k} * size"
        yield f"part{k} = fetch({there} < end, {view}, piece, {k} * size, {dtype}(0))"
    yield from (f"acc += part{k}" for k in range(TOGETHER))
    yield f"piece += {TOGETHER} * size"


def element_lines(dtype: str, lines: Lines) -> Iterator[str]:
    """Add up one element of all pieces, and store what becomes of it."""
    yield f"row = {divided('e', 'N')}"
    yield "column = e - row * N"
    yield from ["piece, end = a + e, a + e + K * size", f"acc = {dtype}(0)", "while piece < end:"]
    yield from indent(several_pieces(dtype))
    for i, access, kind in lines.operands("full", "row", "column"):
        own = [f"x{i}", *([] if access == "column" else [f"row * x{i}_row"]), *([] if access == "row" else ["column"])]
        yield f"v{i} = {read(kind, ' + '.join(own))}"
    results = [f"result{o}" for o in range(len(results_of(lines)))]
    yield f"{', '.join(results)}, = results({', '.join(parameters(lines))})"
    for o, kind in enumerate(lines.layout.outputs):
        yield write(kind, f"y{o} + row * y{o}_row + column", results[o])
