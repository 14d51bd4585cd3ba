"""The register tile of the matrix product: one primitive that holds every accumulator in a register.

It is written as instructions rather than as lines of a kernel because a tile is hundreds of vector operations,
which take Numba's front end ten times as long to compile as LLVM.

The rows of A come through a *strip*, a small contiguous copy, in one of two layouts:

- "rows", copied from a row-major A: groups of `lanes` values of k; in a group all of row 0, then all of row 1, ...
- "columns", copied from a transposed A: the values of all rows for k = 0, then those for k = 1, ...

Either way the rows of one k lie at constant distances, which the processor's addressing does for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from llvmlite import ir
from numba import types

from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.primitive import primitive
from nngraph_kernels.simd.register import Pointer, Register, broadcast
from nngraph_kernels.simd.vector_types import ELEMENTS, llvm_type

I64 = ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Tile:
    """A register tile: its size and how its operands lie.

    Attributes
    ----------
    dtype : str
        "float32" or "float64".
    lanes : int
        Elements a vector.
    rows, vectors : int
        The accumulators.
    strip_rows : int
        Rows that the strip of A has room for.
    pitch : int
        Elements from one row of the result to the next.
    strip : {"rows", "columns"}
        The layout of A's strip.
    masked : bool
        Whether loads of B stay within its width; otherwise B must be readable up to the tile's full width.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    strip_rows: int
    pitch: int
    strip: Literal["rows", "columns"] = "rows"
    masked: bool = True


@cache
def register_tile(
    dtype: str,
    lanes: int,
    rows: int,
    vectors: int,
    strip_rows: int,
    pitch: int,
    strip: Literal["rows", "columns"] = "rows",
    masked: bool = True,
) -> Any:
    """A function for kernels, `multiply(strip, K, b, b_row, width, out)`; the parameters are those of `Tile`.

    It writes out[rows, vectors * lanes] = A[rows, K] @ b[K, width], zeros beyond `width`, where the rows of b are
    `b_row` elements apart and those of `out` are `pitch` apart.
    """
    tile = Tile(dtype, lanes, rows, vectors, strip_rows, pitch, strip, masked)
    pointer = types.CPointer(ELEMENTS[dtype])

    def rule(*arguments: types.Type) -> tuple[types.Type, tuple[types.Type, ...]]:
        return types.void, (pointer, types.int64, pointer, types.int64, types.int64, pointer)

    def multiply(
        strip: Pointer, K: Register, b: Pointer, b_row: Register, width: Register, out: Pointer
    ) -> None:
        sums = _loop_over_k(tile, strip, K, b, b_row, width)
        for i, total in enumerate(sums):
            r, v = divmod(i, vectors)
            store(out, _int(out.builder, r * pitch + v * lanes), total)

    multiply.__qualname__ = f"multiply {tile}"  # by which Numba tells primitives apart
    return primitive(rule)(multiply)


def _loop_over_k(tile: Tile, strip, K, b, b_row, width) -> list[Register]:
    builder: ir.IRBuilder = K.builder
    masks = [first(width - v * tile.lanes, tile.lanes) for v in range(tile.vectors)] if tile.masked else []
    zero = Register(builder, tile.dtype, tile.lanes, ir.Constant(llvm_type(tile.dtype, tile.lanes), None))
    before = builder.block
    loop, after = builder.append_basic_block("k.loop"), builder.append_basic_block("k.done")
    builder.cbranch((K > 0).value, loop, after)
    builder.position_at_end(loop)
    k, b_at = K.like(_phi(builder, before, I64(0))), _phi(builder, before, b.value)
    sums = [zero.like(_phi(builder, before, zero.value)) for _ in range(tile.rows * tile.vectors)]
    group = Pointer(builder, tile.dtype, builder.gep(strip.value, [_strip_offset(tile, k).value]))
    updated = _step(tile, group, Pointer(builder, tile.dtype, b_at), masks, sums)
    following = [(k + 1).value, builder.gep(b_at, [b_row.value]), *(s.value for s in updated)]
    for phi, value in zip([k.value, b_at, *(s.value for s in sums)], following, strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch((K.like(following[0]) < K).value, loop, after)
    builder.position_at_end(after)
    totals = [zero.like(_phi(builder, before, zero.value)) for _ in updated]
    for total, value in zip(totals, updated, strict=True):
        total.value.add_incoming(value.value, loop)
    return totals


def _step(
    tile: Tile, strip: Pointer, b: Pointer, masks: list[Register], sums: list[Register]
) -> list[Register]:
    """One k: every accumulator plus its row's value of A times its vector of B."""
    b_vectors: list[Register] = []
    for v in range(tile.vectors):
        at = _int(b.builder, v * tile.lanes)
        b_vectors.append(load_masked(b, at, masks[v]) if masks else load(b, at, tile.lanes))
    distance = tile.lanes if tile.strip == "rows" else 1
    updated: list[Register] = []
    for r in range(tile.rows):
        address = strip.builder.gep(strip.value, [I64(r * distance)])
        value = Register(strip.builder, tile.dtype, 0, strip.builder.load(address))
        a = broadcast(value, tile.lanes)
        updated += [fma(a, b_vectors[v], sums[r * tile.vectors + v]) for v in range(tile.vectors)]
    return updated


def _strip_offset(tile: Tile, k: Register) -> Register:
    if tile.strip == "columns":
        return k * tile.strip_rows
    return (k & -tile.lanes) * tile.strip_rows + (k & (tile.lanes - 1))


def _phi(builder: ir.IRBuilder, block: ir.Block, value: ir.Value) -> ir.PhiInstr:
    phi = builder.phi(value.type)
    phi.add_incoming(value, block)
    return phi


def _int(builder: ir.IRBuilder, value: int) -> Register:
    return Register(builder, "int64", 0, I64(value))
