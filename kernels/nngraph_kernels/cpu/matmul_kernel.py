"""The matrix product as instructions: what a kernel of the template `matmul` runs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from nngraph_kernels.cpu.epilogue import PIECES, Epilogue, operand_names
from nngraph_kernels.cpu.epilogue_tile import (
    Moments,
    Place,
    begin_piece,
    from_registers,
    from_tile,
    piece_bounds,
    row_start,
)
from nngraph_kernels.cpu.flow import ask_for, declared, integer_constant, moved
from nngraph_kernels.cpu.flow import short_loop as loop
from nngraph_kernels.cpu.integers import least, quotient
from nngraph_kernels.cpu.matmul import COPIED_TILES, SHARE_TILES, MatmulSpec, arguments
from nngraph_kernels.cpu.matmul_frame import Frame, Lines, frame_of
from nngraph_kernels.cpu.matmul_pack import column_copier, panel_packer, reader, tile_packer, transposed_panel_packer
from nngraph_kernels.cpu.matmul_tile import Columns, Rows, kept, leave, panel_product, product, rows_in_place
from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.cpu.patches import Patches, patches_of
from nngraph_kernels.record import record
from nngraph_kernels.simd.arithmetic import cast, select
from nngraph_kernels.simd.lanes import first
from nngraph_kernels.simd.register import Operand, Pointer, Register

LARGE = 65536  # elements of a result: an operand as large does not stay in a core's caches beside the factors


def float32(value: Operand) -> Register:
    """What the lines of an epilogue write for numbers of this type."""
    return cast(value, "float32")


def float64(value: Operand) -> Register:
    return cast(value, "float64")


def int32(value: Operand) -> Register:
    return cast(value, "int32")


def matmul_kernel(
    name: str, spec: MatmulSpec, epilogue: Epilogue, function: Callable[..., Any], unrolled: bool, positionless: bool
) -> Any:
    """A function for kernels, `run(args, thread, threads)`, of the kernel `name`; the rest as in `Lines`."""
    lines = Lines(epilogue, function, unrolled, positionless)

    def run(args, thread, threads) -> None:
        _run(frame_of(spec, lines, args, thread), thread, threads)

    return declared(run, spec.dtype, "ann", name)


@record(eq=False)
class Block:
    """A block of columns of one of the products.

    Attributes
    ----------
    left, width : Register
        Its first column, and how many there are.
    b, step, panel, edge
        Where its columns are read: the first, elements from one k to the next, from one panel to the next, and the
        packed panel of the columns that do not fill one.
    """

    batch: Register
    left: Register
    width: Register
    b: Pointer
    step: Register
    panel: Register
    edge: Pointer


@record(eq=False)
class Share:
    """A part of the sum over k: its first k, how many there are, whether it is the first part, or the last.

    Attributes
    ----------
    tile : Pointer
        Where accumulators are kept meanwhile.
    """

    k: Register
    depth: Register
    first: Register
    last: Register
    tile: Pointer


@record(eq=False)
class Tile:
    """Rows of A that the register tile takes, `height` of them from `top` on, and a share of their k."""

    top: Register
    height: Register
    a: Pointer | Patches
    share: Share
    moments: Moments | None


def _run(f: Frame, thread: Register, threads: Register) -> None:
    """Do the share of a thread: units are counted by batch, block, and piece or tile of rows."""
    builder: ir.IRBuilder = thread.builder
    row_tiles = quotient(f["M"] + (f.cut.rows - 1), integer_constant(builder, f.cut.rows))
    groups = integer_constant(builder, PIECES) if f.epilogue.epilogue.moments else row_tiles
    blocks = (f["N"] + (f.cut.width - 1)) >> (f.cut.width.bit_length() - 1)
    with builder.if_then((f["batches"] * blocks * groups > 0).value):
        begin, end = (_share_start(f, groups, blocks, t, threads) for t in (thread, thread + 1))
        past = select(begin < end, end + groups - 1, begin)  # an empty share inside of a block packs nothing
        with loop(quotient(begin, groups), quotient(past, groups)) as number:
            batch = quotient(number, blocks)
            block = _block(f, batch, (number - batch * blocks) * f.cut.width)
            before = number * groups
            start, stop = select(begin > before, begin - before, 0), least(end - before, groups)
            if f.epilogue.epilogue.moments:
                _pieces(f, block, row_tiles, start, stop)
            else:
                _tiles(f, block, start, stop, None)


def _share_start(f: Frame, groups: Register, blocks: Register, thread: Register, threads: Register) -> Register:
    """The first unit of a thread: shares have as many columns as each other, for the last block may be narrow."""
    N, width = f["N"], f.cut.width
    columns = quotient(f["batches"] * N * groups * thread, threads)
    batch = quotient(columns, N * groups)
    inside = columns - batch * N * groups
    block = quotient(inside, groups * width)
    tile = quotient(inside - block * groups * width, least(N - block * width, width))
    return (batch * blocks + block) * groups + tile


def _pieces(f: Frame, block: Block, row_tiles: Register, start: Register, stop: Register) -> None:
    with loop(start, stop) as piece:
        bounds = piece_bounds(row_tiles, piece)
        rows = [least(t * f.cut.rows, f["M"]) for t in bounds]
        column = block.batch * f["N"] + block.left
        gathered = begin_piece(f.epilogue, piece, column, block.width, rows[1] - rows[0])
        _tiles(f, block, *bounds, gathered)


def _block(f: Frame, batch: Register, left: Register) -> Block:
    """A block of columns, packed where that pays; what does not fill a panel is always packed."""
    builder, way, cut = left.builder, f.way, f.cut
    width = least(f["N"] - left, cut.width)
    whole = width & -cut.panel
    if f.spec.transpose_b:
        b = moved(f["b"], batch * f["b_batch"] + left * f["b_row"])
        transposed_panel_packer(cut)(b, f["b_row"], width, f["K"], f.panels)
    else:
        b = moved(f["b"], batch * f["b_batch"] + left)
        start = select(way.packing, 0, whole)
        needed = width > start if way.thin is None else (width > start) & ~way.thin
        with builder.if_then(needed.value):
            panel_packer(cut)(moved(b, start), f["b_row"], width - start, f["K"], f.panels)
    return Block(
        batch, left, width,
        Pointer(builder, b.dtype, builder.select(way.packing.value, f.panels.value, b.value)),
        select(way.packing, cut.panel, f["b_row"]), select(way.packing, f["K"] * cut.panel, cut.panel),
        moved(f.panels, select(way.packing, whole * f["K"], 0)),
    )  # fmt: skip


def _tiles(f: Frame, block: Block, start: Register, stop: Register, piece: tuple[Pointer, Pointer] | None) -> None:
    """Tiles of rows, a group of them for one share of k after the other if the sum is done in shares."""
    K, deep, share, cut = f["K"], f.way.deep, f.way.share, f.cut
    parts = select(deep, quotient(K + share - 1, share), 1)
    with loop(start, stop, SHARE_TILES) as g, loop(0, parts) as part, loop(g, least(g + SHARE_TILES, stop)) as t:
        k, top, number = part * share, t * cut.rows, t - g
        depth = f["run_length"] if f.spec.patches else select(deep, least(K - k, share), K)
        keep = moved(f.tiles, select(deep, number * (cut.rows * cut.width), 0))
        here = Share(k, depth, part.equals(0), (part + 1).equals(parts), keep)
        moments = Moments(*piece, (t - start) * cut.rows) if piece else None
        height = least(f["M"] - top, cut.rows)
        if f.way.copied is None:
            a = _rows_of_a(f, block, top, height, k)
        else:
            a = _copied_rows(f, block, top, (number, least(stop - g, SHARE_TILES)), here)
        _tile(f, block, Tile(top, height, a, here, moments))


def _copied_rows(f: Frame, block: Block, top: Register, place: tuple[Register, Register], share: Share) -> Pointer:
    """Rows of a transposed A, for a tile whose `place` is its number in a group of so many.

    Before the first one the group's part of the share is read, or some tiles are copied.
    """
    assert f.way.copied is not None
    number, tiles = place
    builder, cut, columns = top.builder, f.cut, COPIED_TILES * f.cut.rows
    a = moved(f["a"], block.batch * f["a_batch"] + top + share.k * f["a_row"])
    inside = number & (COPIED_TILES - 1)
    with builder.if_then((f.way.copied & inside.equals(0)).value):
        column_copier(cut, columns)(a, f["a_row"], f["M"] - top, share.depth, f.strip)
    with builder.if_then((f.way.deep & ~f.way.copied & number.equals(0)).value):
        whole = (tiles * cut.rows + (cut.lanes - 1)) & -cut.lanes
        reader(cut)(a, f["a_row"], least(f["M"] - top, whole), share.depth, f.strip)
    strip = moved(f.strip, inside * cut.rows)
    return Pointer(builder, a.dtype, builder.select(f.way.copied.value, strip.value, a.value))


def _rows_of_a(f: Frame, block: Block, top: Register, height: Register, k: Register) -> Pointer | Patches:
    a = moved(f["a"], block.batch * f["a_batch"])
    if f.spec.patches:
        slot = arguments(f.spec, f.epilogue.epilogue).index(GEOMETRY[0])
        return patches_of(f.cut, f.args, slot, a, top, height, f.strip)
    return moved(a, top * f["a_row"] + k)


def _ask_for_operands(f: Frame, block: Block, tile: Tile) -> None:
    """Have what the epilogue reads of a large result brought to the caches while the sum is computed."""
    e = f.epilogue
    names = zip(operand_names(e.epilogue), e.epilogue.operands, strict=True)
    read = [x for x, operand in names if operand.access == "full"]
    if not read:
        return
    wanted = (f["M"] * f["N"] > LARGE) & tile.share.last
    with tile.top.builder.if_then(wanted.value), loop(0, tile.height) as r, loop(0, block.width, e.lanes) as j:
        place = Place(block.batch, tile.top + r, block.left + j)
        for x in read:
            ask_for(moved(e.slots[x], row_start(e, x, place) + place.column), level=2)


def _tile(f: Frame, block: Block, tile: Tile) -> None:
    """What fills the register tile stays in registers, the epilogue permitting; the rest goes through its copy."""
    _ask_for_operands(f, block, tile)
    start = integer_constant(tile.top.builder, 0)
    if f.unrolled:
        full = tile.height.equals(f.cut.rows)
        start = select(full if f.way.thin is None else full & ~f.way.thin, block.width & -f.cut.panel, 0)
        with loop(0, start, f.cut.panel) as j:
            _whole_panel(f, block, tile, j)
    with _unless_thin(f, block, tile), loop(start, block.width, f.cut.panel) as j:
        _any_panel(f, block, tile, j)
    with tile.top.builder.if_then(tile.share.last.value):
        _finish(f, block, tile, start)


def _whole_panel(f: Frame, block: Block, tile: Tile, j: Register) -> None:
    cut, share = f.cut, tile.share
    keep = moved(share.tile, j)
    b = Columns(moved(_panel_start(f, block, j), share.k * block.step), block.step)
    starts = kept(cut, cut.rows, cut.vectors, keep, share.first)
    sums = product(cut, _rows(f, tile, cut.rows, None), cut.vectors, share.depth, b, starts)
    with j.builder.if_else(share.last.value) as (last, further):
        with last:
            place = Place(block.batch, tile.top, block.left + j)
            from_registers(f.epilogue, sums, cut.vectors, place, tile.moments, block.left)
        with further:
            leave(cut, sums, cut.vectors, keep)


def _any_panel(f: Frame, block: Block, tile: Tile, j: Register) -> None:
    """Leave the product of a panel of any width, and of rows of any number, in the tile's copy."""
    builder, cut, share = j.builder, f.cut, tile.share
    inside = block.width - j
    whole = inside > cut.panel - 1
    step = select(whole, block.step, cut.panel)
    panel = builder.select(whole.value, _panel_start(f, block, j).value, block.edge.value)
    b = Columns(moved(Pointer(builder, f.spec.dtype, panel), share.k * step), step)
    keep = moved(share.tile, j)
    panel_product(cut, lambda n: _rows(f, tile, n, tile.height), tile.height, share.depth, b, inside, keep, share.first)


def _panel_start(f: Frame, block: Block, j: Register) -> Pointer:
    return moved(block.b, (j >> (f.cut.panel.bit_length() - 1)) * block.panel)


def _finish(f: Frame, block: Block, tile: Tile, start: Register) -> None:
    """Apply the epilogue to the tile's copy from a column on."""
    cut, height, width, flat = f.cut, tile.height, block.width, f.way.flat
    copy = tile.share.tile
    if flat is not None:
        with height.builder.if_then(flat.value):
            tile_packer(cut)(copy, height, width)
        one = integer_constant(height.builder, 1)
        height, width = select(flat, one, height), select(flat, height * width, width)
    place = Place(block.batch, tile.top, block.left)
    from_tile(f.epilogue, copy, cut.width, place, (height, start, width), tile.moments)


def _rows(f: Frame, tile: Tile, count: int, height: Register | None) -> Rows:
    a = tile.a
    if isinstance(a, Patches):
        starts = [moved(a.start, a.patch * r) for r in range(count)]
        return Rows(starts, lambda k: k, f["runs_y"] * f["runs_x"], a.run)
    a_row = f["a_row"] if f.way.a_row is None else f.way.a_row
    return rows_in_place(a, a_row, f.spec.transpose_a, count, height)


@contextmanager
def _unless_thin(f: Frame, block: Block, tile: Tile) -> Generator[None]:
    """What is written inside is done unless the rows are so few that they are multiplied one by one."""
    if f.way.thin is None:
        yield
        return
    with tile.top.builder.if_else(f.way.thin.value) as (thin, usual):
        with thin:
            _one_by_one(f, block, tile)
        with usual:
            yield


def _one_by_one(f: Frame, block: Block, tile: Tile) -> None:
    """For so few rows that reading B is what takes the time: a block of it is read in whole rows."""
    cut, a = f.cut, tile.a
    assert isinstance(a, Pointer)

    def row(r: Register, vectors: int) -> None:
        start = moved(a, r if f.spec.transpose_a else r * f["a_row"])
        lanes = range(0, vectors * cut.lanes, cut.lanes)
        masks = tuple(first(block.width - at, cut.lanes) for at in lanes) if cut.masked else ()
        rows = rows_in_place(start, f["a_row"], f.spec.transpose_a, 1)
        columns = Columns(block.b, f["b_row"], masks)
        sums = product(cut, rows, vectors, f["K"], columns)
        leave(cut, sums, vectors, moved(tile.share.tile, r * cut.width))

    wide_block = (block.width > cut.panel).value
    with loop(0, tile.height) as r, tile.top.builder.if_else(wide_block) as (wide, narrow):
        with wide:
            row(r, cut.block)
        with narrow:
            row(r, cut.vectors)
