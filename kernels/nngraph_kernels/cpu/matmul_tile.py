"""The register tile of the matrix product: the loop over k, with every accumulator in a register.

It is a primitive, written as instructions, because a tile is hundreds of vector operations, which take Numba's
front end ten times as long as LLVM. Packing and the choice among tiles are primitives for the same reason.

The rows of A come through a *strip*, a small contiguous copy, in one of two layouts:

- "rows", copied from a row-major A: groups of `lanes` values of k; in a group all of row 0, then row 1, ...
- "columns", copied from a transposed A: the values of all rows for k = 0, then those for k = 1, ...

Either way the rows of one k lie at constant distances, which the processor's addressing does for nothing.
B is read where it stands, or from *panels*: as many columns as the tile is wide, all k of one panel in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from llvmlite import ir

from nngraph_kernels.cpu.flow import (
    declared,
    integer_constant,
    load_scalar,
    loop,
    moved,
    reduction,
    zero_vector,
)
from nngraph_kernels.simd.arithmetic import fma
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.memory import load, load_masked, store
from nngraph_kernels.simd.register import Pointer, Register, broadcast


@dataclass(frozen=True, slots=True)
class Blocking:
    """How a matrix product is cut up.

    Attributes
    ----------
    dtype : {"float32", "float64"}
    lanes : int
        Elements a vector.
    rows, vectors : int
        The accumulators of the register tile.
    block : int
        Vectors in a block of columns, for which A's strip is copied once.
    strip : {"rows", "columns"}
        The layout of A's strip.
    masked : bool
        Whether a masked load is one instruction. Where it is not, B must be readable in whole vectors.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    block: int
    strip: Literal["rows", "columns"]
    masked: bool

    @property
    def panel(self) -> int:
        """Columns of the register tile."""
        return self.vectors * self.lanes

    @property
    def width(self) -> int:
        """Columns of a block."""
        return self.block * self.lanes


@cache
def tile_multiplier(blocking: Blocking) -> Any:
    """A function for kernels, `multiply(strip, height, K, b, b_row, b_panel, width, out)`.

    Leaves the product of a strip of `height` rows and of a block of `width` columns in `out`, in rows as long as
    a block, and overwrites the rest of the register tiles it uses. The rows of b are `b_row` elements apart, the
    columns of its panels `b_panel`.
    """
    lanes, panel, half = blocking.lanes, blocking.panel, blocking.rows // 2

    def multiply(strip, height, K, b, b_row, b_panel, width, out) -> None:
        builder: ir.IRBuilder = K.builder
        with loop(0, (width + (panel - 1)) >> (panel.bit_length() - 1)) as p:
            inside = width - p * panel
            operands = (strip, K, moved(b, p * b_panel), b_row, inside, moved(out, p * panel))
            with builder.if_else((inside > lanes).value) as (wide, narrow):
                with wide, builder.if_else((height > half).value) as (high, low):
                    with high:
                        _product(blocking, blocking.rows, blocking.vectors, *operands)
                    with low:
                        _product(blocking, half, blocking.vectors, *operands)
                with narrow:
                    _product(blocking, blocking.rows, 1, *operands)

    return declared(multiply, blocking.dtype, "pnnpnnnp", blocking)


@cache
def row_multiplier(blocking: Blocking) -> Any:
    """A function for kernels, `multiply(strip, height, K, b, b_row, width, out)`: as above, row by row.

    For so few rows that reading B is what takes the time: a block of it is read in whole rows.
    """
    step = blocking.lanes if blocking.strip == "rows" else 1

    def multiply(strip, height, K, b, b_row, width, out) -> None:
        with loop(0, height) as r:
            to = moved(out, r * blocking.width)
            _product(blocking, 1, blocking.block, moved(strip, r * step), K, b, b_row, width, to)

    return declared(multiply, blocking.dtype, "pnnpnnp", blocking)


def _product(blocking: Blocking, rows: int, vectors: int, strip, K, b, b_row, width, out) -> None:
    """out[rows, vectors] = strip @ b, with zeros beyond `width`."""
    builder, lanes = K.builder, blocking.lanes
    masks = [first(width - v * lanes, lanes) for v in range(vectors)] if blocking.masked else []
    zero = zero_vector(builder, blocking.dtype, lanes)
    with reduction(K, [zero] * (rows * vectors)) as (k, sums, results):
        b_vectors = _row_of_b(moved(b, k * b_row), masks, vectors, lanes)
        strip_k = moved(strip, _strip_offset(blocking, k))
        distance = lanes if blocking.strip == "rows" else 1
        for r in range(rows):
            a = broadcast(load_scalar(strip_k, r * distance), lanes)
            results += [fma(a, b_vectors[v], sums[r * vectors + v]) for v in range(vectors)]
    for i, total in enumerate(results):
        r, v = divmod(i, vectors)
        store(moved(out, r * blocking.width + v * lanes), integer_constant(builder, 0), total)


def _row_of_b(b: Pointer, masks: list[Register], vectors: int, lanes: int) -> list[Register]:
    places = [integer_constant(b.builder, v * lanes) for v in range(vectors)]
    if masks:
        return [load_masked(b, place, mask) for place, mask in zip(places, masks, strict=True)]
    return [load(b, place, lanes) for place in places]


def _strip_offset(blocking: Blocking, k: Register) -> Register:
    if blocking.strip == "columns":
        return k * blocking.rows
    return (k & -blocking.lanes) * blocking.rows + (k & (blocking.lanes - 1))
