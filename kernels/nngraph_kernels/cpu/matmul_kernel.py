"""The matrix product as instructions: what a kernel of the template `matmul` runs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.blocking import Blocking
from nngraph_kernels.cpu.epilogue import (
    PIECES,
    Epilogue,
    number_names,
    operand_names,
    output_names,
    stride_names,
)
from nngraph_kernels.cpu.epilogue_tile import (
    Applied,
    Moments,
    Place,
    applied,
    begin_piece,
    from_registers,
    from_tile,
    piece_bounds,
)
from nngraph_kernels.cpu.flow import declared, integer_constant, moved
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import least, quotient
from nngraph_kernels.cpu.matmul import (
    ITEM_BYTES,
    PACK_ELEMENTS,
    PACK_ROW_TILES,
    THIN,
    MatmulSpec,
    arguments,
    blocking_of,
)
from nngraph_kernels.cpu.matmul_pack import panel_packer, tile_packer, transposed_panel_packer
from nngraph_kernels.cpu.matmul_tile import Columns, Rows, leave, panel_product, product, rows_in_place
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.cpu.patches import Patches, patches_of
from nngraph_kernels.simd.arguments import integer, number, pointer
from nngraph_kernels.simd.arithmetic import cast, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.register import Operand, Pointer, Register


def float32(value: Operand) -> Register:
    """What the lines of an epilogue write for numbers of this type."""
    return cast(value, "float32")


def float64(value: Operand) -> Register:
    return cast(value, "float64")


def int32(value: Operand) -> Register:
    return cast(value, "int32")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A call: the product, its arguments by name, and the parts of the thread's scratch memory.

    Attributes
    ----------
    packing, thin, flat : Register
        Whether B is packed; whether there are so few rows that they are multiplied one by one; and whether the
        epilogue may run on across rows, which follow each other in memory and which no vector fits.
    """

    spec: MatmulSpec
    cut: Blocking
    args: Pointer
    slots: dict[str, Any]
    epilogue: Applied
    unrolled: bool
    tile: Pointer
    strip: Pointer
    panels: Pointer
    packing: Register
    thin: Register | None
    flat: Register | None

    def __getitem__(self, name: str) -> Any:
        return self.slots[name]


def matmul_kernel(
    name: str, spec: MatmulSpec, epilogue: Epilogue, function: Callable[..., Any], unrolled: bool, positionless: bool
) -> Any:
    """A function for kernels, `run(args, thread, threads)`.

    Parameters
    ----------
    name : str
        Of the kernel, which no other has.
    function : callable
        Of the epilogue's numbers and scalars; it gives the function of one vector.
    unrolled : bool
        Whether the epilogue is applied to accumulators in registers.
    positionless : bool
        Whether the epilogue treats all vectors alike.
    """

    def run(args, thread, threads) -> None:
        _run(_frame(spec, epilogue, function, unrolled, positionless, args, thread), thread, threads)

    return declared(run, spec.dtype, "ann", name)


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


def _frame(
    spec: MatmulSpec, epilogue: Epilogue, function: Callable[..., Any], unrolled: bool, positionless: bool,
    args: Pointer, thread: Register,
) -> Frame:  # fmt: skip
    cut, slots = blocking_of(spec), _slots(spec, epilogue, args)
    M, N, K = slots["M"], slots["N"], slots["K"]
    row_tiles = quotient(M + (cut.rows - 1), integer_constant(args.builder, cut.rows))
    packing = (row_tiles > PACK_ROW_TILES - 1) & (K * N > PACK_ELEMENTS) if not spec.transpose_b else M.equals(M)
    strip_size = _strip_size(spec, cut, slots)
    panel_count = select(packing, (least(N, cut.width) + (cut.panel - 1)) >> (cut.panel.bit_length() - 1), 1)
    size = cut.rows * cut.width + strip_size + (panel_count * K + cut.lanes) * cut.panel
    line = 64 // ITEM_BYTES[spec.dtype]
    tile = moved(slots["scratch"], thread * ((size + (line - 1)) & -line))
    strip = moved(tile, cut.rows * cut.width)
    thin = None
    if not (spec.transpose_b or spec.patches):
        # Where masked loads are slow, the tile of a single row needs whole blocks to read.
        thin = (M < THIN + 1) & (K.equals(K) if cut.masked else (N & (cut.width - 1)).equals(0))
        thin = thin & ~packing
    flat = None
    if positionless:
        flat = (N - cut.panel < 0) & (N & (cut.lanes - 1)).differs(0)
        for name in stride_names(epilogue):
            flat = flat & slots[name].equals(N) if name.endswith("_row") else flat
    each = applied(epilogue, cut.lanes, slots, function)
    panels = moved(strip, strip_size)
    return Frame(spec, cut, args, slots, each, unrolled, tile, strip, panels, packing, thin, flat)


def _strip_size(spec: MatmulSpec, cut: Blocking, slots: dict[str, Any]) -> Register:
    if not spec.patches:
        return slots["K"] * 0
    return slots["runs_y"] * slots["runs_x"] * ((slots["run_length"] + (cut.lanes - 1)) & -cut.lanes) * cut.rows


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block of columns of one of the products.

    Attributes
    ----------
    left, width : Register
        Its first column, and how many there are.
    b, b_step, b_panel, edge
        Where its columns are read: the first, elements from one k to the next, from one panel to the next, and the
        packed panel of the columns that do not fill one.
    """

    batch: Register
    left: Register
    width: Register
    b: Pointer
    b_step: Register
    b_panel: Register
    edge: Pointer


def _run(f: Frame, thread: Register, threads: Register) -> None:
    """Do the share of a thread: units are counted by batch, block, and piece or tile of rows."""
    builder: ir.IRBuilder = thread.builder
    row_tiles = quotient(f["M"] + (f.cut.rows - 1), integer_constant(builder, f.cut.rows))
    in_pieces = bool(f.epilogue.epilogue.moments)
    groups = integer_constant(builder, PIECES) if in_pieces else row_tiles
    blocks = (f["N"] + (f.cut.width - 1)) >> (f.cut.width.bit_length() - 1)
    units = f["batches"] * blocks * groups
    begin, end = quotient(units * thread, threads), quotient(units * (thread + 1), threads)
    with builder.if_then((begin < end).value), loop(quotient(begin, groups), quotient(end - 1, groups) + 1) as number:
        batch = quotient(number, blocks)
        block = _block(f, batch, (number - batch * blocks) * f.cut.width)
        start, stop = select(begin > number * groups, begin - number * groups, 0), least(end - number * groups, groups)
        if not in_pieces:
            _tiles(f, block, start, stop, None)
            return
        with loop(start, stop) as piece:
            from_tile_, to_tile = piece_bounds(row_tiles, piece)
            bounds = [least(t * f.cut.rows, f["M"]) for t in (from_tile_, to_tile)]
            rows = bounds[1] - bounds[0]
            column = batch * f["N"] + block.left
            _tiles(f, block, from_tile_, to_tile, begin_piece(f.epilogue, piece, column, block.width, rows))


def _block(f: Frame, batch: Register, left: Register) -> Block:
    """A block of columns, packed where that pays."""
    builder, spec, cut = left.builder, f.spec, f.cut
    width = least(f["N"] - left, cut.width)
    b = moved(f["b"], batch * f["b_batch"] + (left * f["b_row"] if spec.transpose_b else left))
    whole = width & -cut.panel
    start = select(f.packing, 0, whole)
    if spec.transpose_b:
        transposed_panel_packer(cut)(b, f["b_row"], width, f["K"], f.panels)
    else:
        needed = ~f.thin if f.thin is not None else width.equals(width)
        with builder.if_then(needed.value):
            panel_packer(cut)(moved(b, start), f["b_row"], width - start, f["K"], f.panels)
    source = Pointer(builder, b.dtype, builder.select(f.packing.value, f.panels.value, b.value))
    step = select(f.packing, cut.panel, f["b_row"])
    panel = select(f.packing, f["K"] * cut.panel, cut.panel)
    return Block(batch, left, width, source, step, panel, moved(f.panels, select(f.packing, whole * f["K"], 0)))


def _tiles(f: Frame, block: Block, start: Register, stop: Register, piece: tuple[Pointer, Pointer] | None) -> None:
    with loop(start, stop) as t:
        top = t * f.cut.rows
        moments = Moments(*piece, (t - start) * f.cut.rows) if piece else None
        _tile(f, block, top, moments)


def _tile(f: Frame, block: Block, top: Register, moments: Moments | None) -> None:
    """Rows from `top` on, as many as a register tile has if there are, of a block."""
    builder, cut, spec = top.builder, f.cut, f.spec
    height = least(f["M"] - top, cut.rows)
    a = moved(f["a"], block.batch * f["a_batch"])
    if spec.patches:
        slot = arguments(spec, f.epilogue.epilogue).index(GEOMETRY[0])
        a = patches_of(cut, f.args, slot, a, top, height, f.strip)
    else:
        a = moved(a, top if spec.transpose_a else top * f["a_row"])
    place = Place(block.batch, top, block.left)
    begin = top * 0
    if f.unrolled:
        begin = select(height.equals(cut.rows) & (~f.thin if f.thin is not None else True), block.width & -cut.panel, 0)
        with loop(0, begin, cut.panel) as j:
            b = Columns(moved(block.b, quotient(j, integer_constant(builder, cut.panel)) * block.b_panel), block.b_step)
            sums = product(cut, _rows(f, a, cut.rows, None), cut.vectors, _run_length(f), b)
            here = Place(block.batch, top, block.left + j)
            from_registers(f.epilogue, sums, cut.vectors, here, moments, block.left)
    with _unless_thin(f, block, a, height), loop(begin, block.width, cut.panel) as j:
        inside = block.width - j
        whole = inside > cut.panel - 1
        panel_start = moved(block.b, quotient(j, integer_constant(builder, cut.panel)) * block.b_panel)
        b = Pointer(builder, spec.dtype, builder.select(whole.value, panel_start.value, block.edge.value))
        columns = Columns(b, select(whole, block.b_step, cut.panel))
        panel_product(cut, lambda n: _rows(f, a, n, height), height, _run_length(f), columns, inside, moved(f.tile, j))
    extent = height, begin, block.width
    if f.flat is not None:
        with builder.if_then(f.flat.value):
            tile_packer(cut)(f.tile, height, block.width)
        one = integer_constant(builder, 1)
        extent = select(f.flat, one, height), begin, select(f.flat, height * block.width, block.width)
    from_tile(f.epilogue, f.tile, cut.width, place, extent, moments)


def _run_length(f: Frame) -> Register:
    return f["run_length"] if f.spec.patches else f["K"]


def _rows(f: Frame, a: Pointer | Patches, count: int, height: Register | None) -> Rows:
    if isinstance(a, Patches):
        starts = [moved(a.start, a.patch * r) for r in range(count)]
        return Rows(starts, lambda k: k, f["runs_y"] * f["runs_x"], a.run)
    return rows_in_place(a, f["a_row"], f.spec.transpose_a, count, height)


@contextmanager
def _unless_thin(f: Frame, block: Block, a: Pointer | Patches, height: Register) -> Generator[None]:
    """What is written inside is done unless the rows are so few that they are multiplied one by one."""
    if f.thin is None or isinstance(a, Patches):
        yield
        return
    builder: ir.IRBuilder = height.builder
    with builder.if_else(f.thin.value) as (thin, usual):
        with thin:
            _one_by_one(f, block, a, height)
        with usual:
            yield


def _one_by_one(f: Frame, block: Block, a: Pointer, height: Register) -> None:
    """For so few rows that reading B is what takes the time: a block of it is read in whole rows."""
    cut, builder = f.cut, height.builder

    def row(r: Register, vectors: int) -> None:
        start = moved(a, r if f.spec.transpose_a else r * f["a_row"])
        lanes = range(0, vectors * cut.lanes, cut.lanes)
        masks = tuple(first(block.width - at, cut.lanes) for at in lanes) if cut.masked else ()
        rows = rows_in_place(start, f["a_row"], f.spec.transpose_a, 1)
        columns = Columns(block.b, f["b_row"], masks)
        leave(cut, product(cut, rows, vectors, f["K"], columns), vectors, moved(f.tile, r * cut.width))

    with loop(0, height) as r, builder.if_else((block.width > cut.panel).value) as (wide, narrow):
        with wide:
            row(r, cut.block)
        with narrow:
            row(r, cut.vectors)
