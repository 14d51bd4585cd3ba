"""What is done to a tile's sums before they are stored, written as lines over single numbers.

A thread's sums lie scattered over the tile. A few rows of all threads at a time are put into shared memory, and taken
from there so that neighboring threads work on neighboring columns. Each thread keeps to one column of the tile, so
what moments need stays in its registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nngraph_kernels.cpu.epilogue import PIECES, Epilogue
from nngraph_kernels.cuda.target import Tile
from nngraph_kernels.cuda.text import element, indent, read, write
from nngraph_kernels.cuda.tile import own_column, own_row, pitch, quotient, remainder, rows_at_once, vector
from nngraph_kernels.record import record

MOMENTS = "done, origin, total, squares"  # of a thread's values: see `count_in`
TOGETHER = 4  # results whose operands a thread reads before it stores any


@record
class Lines:
    """Elementwise work on a product.

    Attributes
    ----------
    layout : Epilogue
        What is read, stored and left, without lines. The operands' values are `v0, v1, ...`.
    once : tuple of str
        Statements once a thread. They may read "scalar" operands.
    each : tuple of str
        Statements for each sum, `acc`.
    stores : tuple of str
        The variable that each output takes.
    """

    layout: Epilogue
    once: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    stores: tuple[str, ...] = ("acc",)

    def operands(self, *accesses: str) -> list[tuple[int, str, str]]:
        """Number, access and dtype of those that vary so."""
        return [(i, o.access, o.dtype) for i, o in enumerate(self.layout.operands) if o.access in accesses]


def function_lines(e: Lines) -> list[str]:
    """The function `results` of one sum and the operands there: what is stored, and what moments are left of."""
    body = [*e.each, f"return {', '.join(results_of(e))},"]
    return ["@device", f"def results({', '.join(parameters(e))}):", *indent(body)]


def results_of(e: Lines) -> list[str]:
    """Variables for what is stored, and for what moments are left of."""
    return [*e.stores, *([e.layout.moments] if e.layout.moments else [])]


def parameters(e: Lines) -> list[str]:
    """What the statements read, and do not assign themselves."""
    assigned = {line.partition(" = ")[0] for line in e.each}
    known = ["acc", *(f"v{i}" for i in range(len(e.layout.operands))), *(line.partition(" = ")[0] for line in e.once)]
    known += [f"number{k}" for k in range(e.layout.numbers)]
    mentioned = set(re.findall(r"\w+", "\n".join([*e.each, *results_of(e)])))
    return [name for name in known if name in mentioned - assigned]


def once_lines(e: Lines) -> list[str]:
    """What is the same for every result."""
    return [*(f"v{i} = {read(dtype, f'uint64(x{i})')}" for i, _, dtype in e.operands("scalar")), *e.once]


def result_lines(e: Lines, dtype: str, tile: Tile, arguments: Sequence[str]) -> list[str]:
    """Store what becomes of the tile at row `top` and column `start` of product `batch`, in matrices of M rows.

    `arguments` are lines that read those that are wanted only now, and no earlier, for they take registers.
    """
    at_once, down = rows_at_once(tile), tile.rows // tile.down
    rows = at_once * down * tile.columns // tile.threads
    together = min(TOGETHER, rows)
    lines = [*arguments, *once_lines(e), *column_lines(e, tile.columns), f"for phase in range({tile.down // at_once}):"]
    lines += indent(slab_lines(dtype, tile, at_once))
    body = [line for u in range(together) for line in value_lines(e, dtype, tile, at_once, u)]
    body += [call_line(e, u) for u in range(together)]
    body += [line for u in range(together) for line in store_lines(e, u)]
    step = together * tile.threads // tile.columns
    lines += indent([f"for q in range({quotient('t', tile.columns)}, {at_once * down}, {step}):", *indent(body)])
    return [*lines, "    cuda.syncthreads()"]


def column_lines(e: Lines, columns: int) -> Iterator[str]:
    """The thread's column of so many, and where the operands and outputs have it."""
    yield f"column = start + {remainder('t', columns)}"
    yield "inside = min(column, N - 1)"
    for i, _, dtype in e.operands("column"):
        yield f"v{i} = {read(dtype, f'uint64(x{i} + batch * x{i}_batch + inside)')}"
    for i, access, _ in e.operands("full", "row"):
        yield f"x{i}_at = x{i} + batch * x{i}_batch{' + inside' if access == 'full' else ''}"
    yield from (f"y{o}_at = y{o} + batch * y{o}_batch + column" for o in range(len(e.stores)))


def slab_lines(dtype: str, tile: Tile, at_once: int) -> Iterator[str]:
    """Put some of every thread's rows into shared memory: its first rows, then those of the next thread below."""
    row, down = pitch(dtype, tile.columns), tile.rows // tile.down
    wide = vector(dtype, tile.across)
    yield f"to = (group * {at_once * down} + down) * {row} + across * {wide}"
    for phase in range(tile.down // at_once):
        alone = tile.down == at_once
        if not alone:
            yield f"{'elif' if phase else 'if'} phase == {phase}:"
        for i in range(at_once):
            for j in range(0, tile.across, wide):
                place, values = i * down * row + own_column(dtype, tile, j), f"c{phase * at_once + i}[{j}:{j + wide}]"
                yield f"{'' if alone else '    '}write{wide}(shared, to + {place}, {values})"
    yield "cuda.syncthreads()"


def value_lines(e: Lines, dtype: str, tile: Tile, at_once: int, u: int) -> Iterator[str]:
    """One result's row and sum, and the operands there."""
    down, pitch_c = tile.rows // tile.down, pitch(dtype, tile.columns)
    wide = vector(dtype, tile.down)
    slab = f"q + {u * tile.threads // tile.columns}"
    own = f"phase * {at_once} + {quotient(f'({slab})', down)}"
    assert all(own_row(dtype, tile, i) == i // wide * wide * down + i % wide for i in range(tile.down))
    yield f"own = {own}"
    yield f"row_{u} = top + {quotient('own', wide)} * {wide * down} + {remainder('own', wide)}"
    yield f"row_{u} += {remainder(f'({slab})', down)} * {wide}"
    yield f"from_slab = ({slab}) * {pitch_c} + {remainder('t', tile.columns)}"
    groups = [f"shared[from_slab + {g * at_once * down * pitch_c}]" for g in range(tile.groups)]
    yield f"acc_{u} = {' + '.join(groups)}"
    yield f"there = min(row_{u}, M - 1)"
    yield from operand_lines(e, u)


def operand_lines(e: Lines, u: int) -> Iterator[str]:
    """The operands of one result, in row `there`."""
    for i, _, kind in e.operands("full", "row"):
        yield f"v{i}_{u} = {read(kind, f'uint64(x{i}_at + there * x{i}_row)')}"


def call_line(e: Lines, u: int) -> str:
    """Compute one result."""
    wide = {"acc", *(f"v{i}" for i, *_ in e.operands("full", "row"))}
    given = [f"{name}_{u}" if name in wide else name for name in parameters(e)]
    return f"{', '.join(f'result{o}_{u}' for o in range(len(results_of(e))))}, = results({', '.join(given)})"


def store_lines(e: Lines, u: int, end: str = "M") -> list[str]:
    """Store one result; of a row from `end` on, or a column that is not there, nothing."""
    lines = [f"if row_{u} < {end} and column < N:"] if e.stores else []
    for o, kind in enumerate(e.layout.outputs):
        lines.append("    " + write(kind, f"uint64(y{o}_at + row_{u} * y{o}_row)", f"result{o}_{u}"))
    if e.layout.moments:
        value = f"result{len(e.stores)}_{u}"
        lines += [f"if row_{u} < {end}:", f"    {MOMENTS} = count_in({value}, {MOMENTS})"]
    return lines


def before_piece(dtype: str) -> list[str]:
    """Nothing counted in."""
    return ["done = 0", *(f"{name} = {dtype}(0)" for name in ("origin", "total", "squares"))]


def after_piece(dtype: str, threads: int, columns: int) -> list[str]:
    """Merge what threads have of the same column, in order (Chan, Golub and LeVeque 1983), and store it."""
    return [
        f"count = {dtype}(done)",
        f"mean = origin + total / max(count, {dtype}(1))",
        f"squares -= total * (total / max(count, {dtype}(1)))",
        "shared[t] = count",
        f"shared[t + {threads}] = mean",
        f"shared[t + {2 * threads}] = squares",
        "cuda.syncthreads()",
        f"column = start + {remainder('t', columns)}",
        f"if t < {columns} and column < N:",
        *indent([
            f"for other in range(t + {columns}, {threads}, {columns}):",
            *indent([
                "more = shared[other]",
                "if more > 0:",
                f"    apart = shared[other + {threads}] - mean",
                "    share = more / (count + more)",
                "    mean += apart * share",
                f"    squares += shared[other + {2 * threads}] + apart * apart * (count * share)",
                "    count += more",
            ]),
            "at_partial = partial + piece * 3 * channels + batch * N + column",
            *(f"{element(dtype, f'uint64(at_partial + {k} * channels)')} = {v}"
              for k, v in enumerate(("count", "mean", "squares"))),
        ]),
        "cuda.syncthreads()",
    ]  # fmt: skip


def piece_bounds(tiles: str) -> list[str]:
    """The first tile of rows of a piece, and the first after it."""
    return [f"first = {tiles} * piece // {PIECES}", f"past = {tiles} * (piece + 1) // {PIECES}"]
