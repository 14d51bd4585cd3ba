"""Template of a block's part of a matrix product: sums in registers, from parts of both factors in shared memory.

The factors are gone over along k in steps as deep as the tile. While one step's parts are multiplied, the next one's
are read into registers; they are then put into the other half of the shared memory. Each thread has `down` rows of
`across` sums, `c0`, `c1` and so on. Where a tile has several groups of threads, each adds up every so many k for all of
it; their sums are put together in order afterwards. Every sum thus has a fixed order that depends on nothing but the
tile.

Vectors of 16 bytes are read from shared memory where the compiler sees that they lie so: places there are written as a
variable that is a multiple of a vector, plus constants. Where memory is read, places are `uint64`, which Numba does not
examine for being negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nngraph_kernels.cuda.target import Tile, target
from nngraph_kernels.cuda.text import VIEWS, indent, loaded, shared_array
from nngraph_kernels.record import record

ITEM_BYTES = {"float32": 4, "float64": 8}
VECTOR_BYTES = 16
NEIGHBORS = 8  # elements that neighboring threads read side by side where a factor's rows lie along k
UNROLLED = 128  # products in the text, at most


@record
class Share:
    """What one thread copies of a factor's part in a step.

    Attributes
    ----------
    first, first_k : str
        Row of A or column of B, counted from the tile's first, and k, counted from the step's, of the first element.
    positions, between : int
        How many rows or columns it copies elements of, and how far they are from each other.
    depths, between_k : int
        How many k it copies elements of, and how far they are from each other.
    """

    first: str
    first_k: str
    positions: int
    between: int
    depths: int
    between_k: int

    def position(self, q: int) -> str:
        """Row or column, counted from the tile's first."""
        return f"{self.first} + {q * self.between}"


@record
class Walk:
    """How a thread goes over its share of a factor, whose k is in the variable `<name>_k`.

    Attributes
    ----------
    before : list of str
        Lines once a tile.
    start : str
        The place in memory from which places are counted.
    places, conditions : list of str
        Where the elements at one k are, and which of them are read at all if that depends; others are zeros.
    further : list of str
        Lines that go on to the thread's next k.
    """

    before: list[str]
    start: str
    places: list[str]
    conditions: list[str]
    further: list[str]


@record
class Factor:
    """A or B.

    Attributes
    ----------
    name : str
        What its variables begin with.
    along : bool
        Whether elements that lie side by side are neighbors along k.
    walk : callable
        ``walk(share) -> Walk``.
    lies : str
        As what its numbers lie in memory, the product's type if empty.
    """

    name: str
    along: bool
    walk: Callable[[Share], Walk]
    lies: str = ""


@record
class Product:
    """One tile's product. `begin` and `end` are variables, int32: the first k, and the one after the last."""

    dtype: str
    tile: Tile
    a: Factor
    b: Factor


def tile_for(dtype: str, tile: Tile) -> Tile:
    """The tile for numbers of a type: of wide ones there are half as many in registers and in shared memory."""
    if ITEM_BYTES[dtype] == 4:
        return tile
    return Tile(tile.rows, tile.columns // 2, tile.depth // 2, tile.down, tile.across // 2, tile.groups)


def plain(name: str, along: bool, start: str, size: str) -> Factor:
    """A matrix, a row of it after the other; the tile begins at `start` of `size` rows of A or columns of B.

    Beyond the last row or column that one is read again: its products are not stored.
    """

    def walk(share: Share) -> Walk:
        every, at = range(share.positions), f"{name}_at"
        inside = [f"min({start} + {share.position(q)}, {size} - 1)" for q in every]
        before = [f"{at} = {name} + batch * {name}_batch"]
        if along:
            before += [f"{name}{q}_at = int32({inside[q]} * {name}_row)" for q in every]
            return Walk(before, at, [f"{name}{q}_at + {name}_k" for q in every], [""] * share.positions, [])
        before += [f"{name}{q}_at = int32({name}_k * {name}_row + {inside[q]})" for q in every]
        before += [f"{name}_step = int32({name}_row * {share.between_k})"]
        further = [f"{name}{q}_at = int32({name}{q}_at + {name}_step)" for q in every]
        return Walk(before, at, [f"{name}{q}_at" for q in every], [""] * share.positions, further)

    return Factor(name, along, walk)


def shared_lines(dtype: str, tiles: Sequence[Tile]) -> list[str]:
    """Names for the threads of a block, and the shared memory that any of the tiles needs."""
    threads = target().threads
    assert all(tile.threads == threads for tile in tiles)
    return [
        shared_array("shared", max(shared_elements(dtype, tile) for tile in tiles), dtype),
        f"t = int64(uint32(cuda.threadIdx.x)) & {threads - 1}",
    ]


def shared_elements(dtype: str, tile: Tile) -> int:
    factors = 2 * tile.depth * (pitch(dtype, tile.rows) + pitch(dtype, tile.columns)) + first_place(dtype)
    slab = tile.groups * rows_at_once(tile) * (tile.rows // tile.down) * pitch(dtype, tile.columns)
    return max(factors, slab, 3 * tile.threads)


def pitch(dtype: str, side: int) -> int:
    """Elements from one k to the next in shared memory: threads that write different k find different banks."""
    return side + VECTOR_BYTES // ITEM_BYTES[dtype]


def first_place(dtype: str) -> int:
    """Where A's part begins: not at 0, where the compiler would write places in another way, and not see vectors."""
    return VECTOR_BYTES // ITEM_BYTES[dtype]


def vector(dtype: str, count: int) -> int:
    return min(count, VECTOR_BYTES // ITEM_BYTES[dtype])


def rows_at_once(tile: Tile) -> int:
    """How many of each thread's rows `results` puts into shared memory together: some results for each thread."""
    threads_down, wanted = tile.rows // tile.down, 4 * tile.threads
    return max(1, min(tile.down, wanted // (threads_down * tile.columns)))


def quotient(text: str, divisor: int) -> str:
    return f"({text} >> {divisor.bit_length() - 1})" if divisor > 1 else text


def remainder(text: str, divisor: int) -> str:
    return f"({text} & {divisor - 1})"


def place_lines(tile: Tile) -> list[str]:
    """Which part of the tile is the thread's."""
    across, down = tile.columns // tile.across, tile.rows // tile.down
    return [
        f"across = {remainder('t', across)}",
        f"down = {remainder(quotient('t', across), down)}",
        f"group = {quotient('t', across * down)}",
    ]


def share_of(tile: Tile, side: int, along: bool) -> Share:
    """What a thread copies of `side` rows or columns."""
    threads = tile.threads
    if along:
        together = max(min(NEIGHBORS, tile.depth), threads // side)
        positions = side * together // threads
        first, first_k = quotient("t", together), remainder("t", together)
        return Share(first, first_k, positions, threads // together, tile.depth // together, together)
    apart = max(1, threads // side)
    return Share(
        remainder("t", min(side, threads)), quotient("t", min(side, threads)), max(1, side // threads), threads,
        tile.depth // apart, apart,
    )  # fmt: skip


def sum_lines(p: Product) -> list[str]:
    """The sums of a tile, rows `c0`, `c1`, ...; afterwards nobody reads the shared memory any more."""
    tile, shares = p.tile, (share_of(p.tile, p.tile.rows, p.a.along), share_of(p.tile, p.tile.columns, p.b.along))
    pitches, start = (pitch(p.dtype, tile.rows), pitch(p.dtype, tile.columns)), first_place(p.dtype)
    copies = [
        Copy(p.dtype, p.a, shares[0], pitches[0], start),
        Copy(p.dtype, p.b, shares[1], pitches[1], start + tile.depth * pitches[0]),
    ]
    size = tile.depth * sum(pitches)
    lines = [f"c{i} = zeros{tile.across}({p.dtype}(0))" for i in range(tile.down)]
    lines += [*place_lines(tile), *(line for copy in copies for line in copy.before())]
    step = [line for copy in copies for line in copy.read()]
    step += multiply_lines(p, *pitches, size)
    step += ["turn = 1 - turn", f"half = (turn & 1) * {size}"]
    step += [line for copy in copies for line in copy.write()]
    step += ["cuda.syncthreads()", f"k = int32(k + {tile.depth})"]
    return [*lines, "turn = 0", f"k = int32(begin - {tile.depth})", "while k < end:", *indent(step)]


def multiply_lines(p: Product, pitch_a: int, pitch_b: int, size: int) -> Iterator[str]:
    """Add the products of what is in shared memory, nothing before the first step."""
    tile, groups = p.tile, p.tile.groups
    down, across = vector(p.dtype, tile.down), vector(p.dtype, tile.across)
    # At least two turns: the compiler takes a loop of one apart, and all products of it before the sums.
    unrolled = max(1, min(tile.depth // groups // 2, UNROLLED // (tile.down * tile.across), 4))
    yield f"limit = min({tile.depth}, end - k) if k >= begin else 0"
    start = first_place(p.dtype)  # constants stand where vectors are read: what is left is seen to be a multiple of one
    yield f"from_a = (turn & 1) * {size} + group * {pitch_a} + down * {down}"
    yield f"from_b = (turn & 1) * {size} + group * {pitch_b} + across * {across}"
    yield f"for s in range(0, limit, {groups * unrolled}):"
    yield f"    at_a = from_a + (s & {tile.depth - 1}) * {pitch_a}"
    yield f"    at_b = from_b + (s & {tile.depth - 1}) * {pitch_b}"
    for u in range(unrolled):
        rows = [start + u * groups * pitch_a + own_row(p.dtype, tile, i) for i in range(tile.down)]
        first = start + tile.depth * pitch_a + u * groups * pitch_b
        columns = [first + own_column(p.dtype, tile, j) for j in range(tile.across)]
        yield "    left = " + " + ".join(f"read{down}(shared, at_a + {at})" for at in rows[::down])
        yield "    right = " + " + ".join(f"read{across}(shared, at_b + {at})" for at in columns[::across])
        yield from (f"    c{i} = products{tile.across}(c{i}, left[{i}], right)" for i in range(tile.down))


def own_row(dtype: str, tile: Tile, i: int) -> int:
    """The tile's row that is the i-th of the first thread: vectors of the threads follow each other."""
    wide = vector(dtype, tile.down)
    return i // wide * wide * (tile.rows // tile.down) + i % wide


def own_column(dtype: str, tile: Tile, j: int) -> int:
    wide = vector(dtype, tile.across)
    return j // wide * wide * (tile.columns // tile.across) + j % wide


@record
class Copy:
    """A thread's share of a factor, and where it goes in shared memory."""

    dtype: str
    factor: Factor
    share: Share
    pitch: int
    offset: int

    def registers(self, s: int) -> list[str]:
        return [f"{self.factor.name}{q}_{s}" for q in range(self.share.positions)]

    def before(self) -> list[str]:
        name, share = self.factor.name, self.share
        to = f"{name}_to = {share.first_k} * {self.pitch} + {share.first} + {self.offset}"
        return [f"{name}_k = int32(begin + {share.first_k})", to, *self.factor.walk(share).before]

    def read(self) -> Iterator[str]:
        """From memory into registers; zeros beyond the last k."""
        name, walk, share = self.factor.name, self.factor.walk(self.share), self.share
        lies = self.factor.lies or self.dtype
        view, zero = VIEWS[lies][0], f"{self.dtype if lies == self.dtype else 'uint16'}(0)"
        for s in range(share.depths):
            for register, where, condition in zip(self.registers(s), walk.places, walk.conditions, strict=True):
                there = f"({name}_k < end) & {condition}" if condition else f"{name}_k < end"
                yield f"{register} = {loaded(lies, f'fetch({there}, {view}, {walk.start}, {where}, {zero})')}"
            yield f"{name}_k = int32({name}_k + {share.between_k})"
            yield from walk.further

    def write(self) -> Iterator[str]:
        share = self.share
        for s in range(share.depths):
            for q, register in enumerate(self.registers(s)):
                constant = s * share.between_k * self.pitch + q * share.between
                yield f"shared[half + {self.factor.name}_to + {constant}] = {register}"
