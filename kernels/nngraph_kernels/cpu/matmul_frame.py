"""What a call of the matrix product is given, and how it goes about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.epilogue import Epilogue, number_names, operand_names, output_names, stride_names
from nngraph_kernels.cpu.epilogue_tile import Applied, applied
from nngraph_kernels.cpu.flow import integer_constant, moved
from nngraph_kernels.cpu.integers import least, quotient
from nngraph_kernels.cpu.matmul import (
    COPIED_TILES,
    ITEM_BYTES,
    L2_BYTES,
    PACK_ELEMENTS,
    PACK_ROW_TILES,
    SHARE_TILES,
    THIN,
    MatmulSpec,
    arguments,
    blocking_of,
)
from nngraph_kernels.record import record
from nngraph_kernels.simd.arguments import integer, number, pointer
from nngraph_kernels.simd.arithmetic import select
from nngraph_kernels.simd.register import Pointer, Register


@record(eq=False)
class Way:
    """How a call goes about its product.

    Attributes
    ----------
    packing : Register
        Whether B is packed.
    thin : Register or None
        Whether there are so few rows that they are multiplied one by one; None where that never happens.
    flat : Register or None
        Whether the epilogue may run on across rows, which follow each other in memory and which no vector fits.
    deep, share : Register
        Whether the sum over k is done in shares, and how many k there are in one.
    copied : Register or None
        Whether rows of A are copied; None where that never happens.
    a_row : Register or None
        Elements from one k of A to the next, where it is stored transposed.
    """

    packing: Register
    thin: Register | None
    flat: Register | None
    deep: Register
    share: Register
    copied: Register | None
    a_row: Register | None


@record(eq=False)
class Frame:
    """A call: the product, its arguments by name, and the parts of the thread's scratch memory.

    Attributes
    ----------
    tiles : Pointer
        Copies of accumulators, a row of register tiles after the other.
    """

    spec: MatmulSpec
    cut: Blocking
    args: Pointer
    slots: dict[str, Any]
    epilogue: Applied
    unrolled: bool
    way: Way
    tiles: Pointer
    strip: Pointer
    panels: Pointer

    def __getitem__(self, name: str) -> Any:
        return self.slots[name]


@record(eq=False)
class Lines:
    """The epilogue of a kernel.

    Attributes
    ----------
    layout : Epilogue
        What it reads and stores.
    function : callable
        Of its numbers and scalars; it gives the function of one vector.
    unrolled : bool
        Whether it is applied to accumulators in registers.
    positionless : bool
        Whether it treats all vectors alike.
    """

    layout: Epilogue
    function: Callable[..., Any]
    unrolled: bool
    positionless: bool


def frame_of(spec: MatmulSpec, lines: Lines, args: Pointer, thread: Register) -> Frame:
    """What a thread works with."""
    cut, slots = blocking_of(spec), _slots(spec, lines.layout, args)
    way = _way(spec, cut, slots, lines)
    tiles = select(way.deep, SHARE_TILES, 1) * (cut.rows * cut.width)
    strip = _strip_size(spec, cut, slots, way)
    panels = (select(way.packing, _panels(cut, slots["N"]), 1) * slots["K"] + cut.lanes) * cut.panel
    line = 64 // ITEM_BYTES[spec.dtype]
    start = moved(slots["scratch"], thread * ((tiles + strip + panels + (line - 1)) & -line))
    each = applied(lines.layout, cut.lanes, slots, lines.function)
    return Frame(
        spec, cut, args, slots, each, lines.unrolled, way, start, moved(start, tiles), moved(start, tiles + strip)
    )


def _slots(spec: MatmulSpec, epilogue: Epilogue, args: Pointer) -> dict[str, Any]:
    """The arguments of a call by name, and the sizes that are constants."""
    dtypes = dict(zip(output_names(epilogue), epilogue.outputs, strict=True))
    dtypes |= {x: o.dtype for x, o in zip(operand_names(epilogue), epilogue.operands, strict=True)}
    dtypes |= dict.fromkeys(("a", "b", "scratch", "partial"), spec.dtype)
    numbers = number_names(epilogue)
    found: dict[str, Any] = {}
    for i, slot in enumerate(arguments(spec, epilogue)):
        if slot in dtypes:
            found[slot] = pointer(args, i, dtypes[slot])
        else:
            found[slot] = (number if slot in numbers else integer)(args, i)
    sizes = {size: getattr(spec, size) for size in ("M", "N", "K")}
    constants = {size: integer_constant(args.builder, n) for size, n in sizes.items() if n is not None}
    return found | constants


def _way(spec: MatmulSpec, cut: Blocking, slots: dict[str, Any], lines: Lines) -> Way:
    M, N, K = slots["M"], slots["N"], slots["K"]
    yes = K.equals(K)
    elements = L2_BYTES // ITEM_BYTES[spec.dtype]
    # Rows and columns that a share is of, so that both of its parts stay in the L2 cache together.
    sides = least(M, SHARE_TILES * cut.rows) + least(N, cut.width) + 1
    share = quotient(integer_constant(K.builder, elements // 2), sides)
    deep = K * least(N, cut.width) > elements if not spec.patches else ~yes
    low = M - SHARE_TILES * cut.rows < 1
    if spec.transpose_a:
        deep = deep | (low & (share < K))
    many = M + cut.rows > PACK_ROW_TILES * cut.rows
    packing = yes if spec.transpose_b else many & (K * N > PACK_ELEMENTS) & ~deep
    thin = None
    if not (spec.transpose_b or spec.patches):
        # Where masked loads are slow, the tile of a single row needs whole blocks to read.
        thin = (M < THIN + 1) & (yes if cut.masked else (N & (cut.width - 1)).equals(0))
        deep = deep & ~thin
    flat = _flat(cut, slots, lines) if lines.positionless else None
    copied = a_row = None
    if spec.transpose_a:
        copied = ~low & (N - cut.width >= 0)
        a_row = select(copied, COPIED_TILES * cut.rows, slots["a_row"])
    return Way(packing, thin, flat, deep, share, copied, a_row)


def _flat(cut: Blocking, slots: dict[str, Any], lines: Lines) -> Register:
    """Beside being fewer, vectors that run on do not overlap: a masked load waits for a masked store next to it."""
    columns: Register = slots["N"]
    flat = (columns - cut.panel < 0) & (columns & (cut.lanes - 1)).differs(0)
    for name in stride_names(lines.layout):
        flat = flat & slots[name].equals(columns) if name.endswith("_row") else flat
    return flat


def _panels(cut: Blocking, columns: Register) -> Register:
    """Panels in a block of columns."""
    return (least(columns, cut.width) + (cut.panel - 1)) >> (cut.panel.bit_length() - 1)


def _strip_size(spec: MatmulSpec, cut: Blocking, slots: dict[str, Any], way: Way) -> Register:
    if way.copied is not None:
        depth = select(way.deep, least(slots["K"], way.share), slots["K"])
        return select(way.copied, depth * (COPIED_TILES * cut.rows), cut.lanes)
    if not spec.patches:
        return integer_constant(slots["K"].builder, 0)
    return slots["runs_y"] * slots["runs_x"] * ((slots["run_length"] + (cut.lanes - 1)) & -cut.lanes) * cut.rows
