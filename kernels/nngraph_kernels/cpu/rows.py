"""Template of the kernels that go over rows: elementwise work, and reductions along each row.

A row is the run of elements that vectors walk over. Work that needs a reduction's result comes in a later
*phase*, another walk over the same row; what is needed again is computed again, unless the whole row is one
vector, which then stays in registers from phase to phase.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace

from nngraph_kernels.record import record

TILE = 16  # rows
IDENTITY = {"sum": "0.0", "max": "-inf", "min": "inf"}
COMBINE = {"sum": "{a} + {v}", "max": "maximum({a}, {v})", "min": "minimum({a}, {v})"}
FINISH = {"sum": "sum_lanes", "max": "max_lanes", "min": "min_lanes"}


@record
class Pointer:
    """A pointer argument.

    Attributes
    ----------
    level : int
        0: one number; 1: one number a row; 2: a row of them.
    inner : str
        How a row lies in memory: "vector", "strided" or "splat".
    shared : bool
        Whether there is one row of it for all rows.
    """

    name: str
    dtype: str
    level: int
    inner: str
    shared: bool = False


@record
class Phase:
    """One walk over a row.

    Attributes
    ----------
    before : list of str
        Scalar statements, once a row, before the walk.
    lines : list of str
        Vector statements; ``{load:x:v}``-free: loads are listed apart.
    loads : list of (variable, Pointer)
    folds : list of (accumulator, kind, variable, dtype)
        Reductions; the accumulator's name also becomes that of the scalar result, with an ``s``.
    stores : list of (Pointer, variable)
    """

    before: list[str] = field(default_factory=list)
    loads: list[tuple[str, Pointer]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    folds: list[tuple[str, str, str, str]] = field(default_factory=list)
    stores: list[tuple[Pointer, str]] = field(default_factory=list)


@record
class Rows:
    """All that the template writes out.

    Attributes
    ----------
    outputs, inputs : list of Pointer
    uniform : list of str
        Scalar statements, once a call.
    hoisted : list of str
        Vector statements, once a call.
    phases : list of Phase
    after : list of str
        Scalar statements, once a row, after the last walk.
    row_stores : list of (Pointer, scalar variable)
        Stored once a row (or once a call where there are no rows).
    outer : int
        Axes around the row.
    chunk : str
        "scalar", "exact" (a row is one vector), "single" (at most one), "whole" (some vectors), "ragged".
    lanes : int
    numbers, keys : int
    positions : tuple of str
        "index" where statements read `index` (int32 places in the row), "uniform" where they read `element` (int64
        places in the tensor).
    tiled : bool
        Go over tiles of rows, one vector of columns after the other: what rows share is read once a tile.
    """

    outputs: list[Pointer]
    inputs: list[Pointer]
    uniform: list[str]
    hoisted: list[str]
    phases: list[Phase]
    after: list[str]
    row_stores: list[tuple[Pointer, str]]
    outer: int
    chunk: str
    lanes: int
    numbers: int
    keys: int
    positions: tuple[str, ...]
    tiled: bool = False


def source(name: str, rows: Rows) -> str:
    """The source text of one kernel.

    Its integers: the number of rows and the sizes of the outer axes but the first (with axes around the row), the
    row's length (unless "scalar"), the outer strides of every pointer that is not uniform, the inner strides of
    strided ones, the words of random keys. Then the numbers.
    """
    body = [*arguments(rows), *rows.uniform, *rows.hoisted]
    if rows.chunk == "scalar":
        body += [f"store({p.name}, 0, {v})" for p, v in rows.row_stores]
        body = ["element = int64(0)"] * ("uniform" in rows.positions) + body
        body = ["if thread > 0:", "    return", *body]
    elif rows.outer == 0:
        body += flat(rows)
    elif rows.tiled:
        body += tiles(rows)
    else:
        body += [
            "for row in range(rows * thread // threads, rows * (thread + 1) // threads):",
            *indent(addresses(rows)),
            *indent(row_body(rows)),
        ]
    return "\n".join([f"def {name}(args, thread, threads):", *indent(body)]) + "\n"


def indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def arguments(rows: Rows) -> list[str]:
    """The arguments as `source` says."""
    pointers = [*rows.outputs, *rows.inputs]
    integers: list[str] = []
    if rows.chunk != "scalar":
        integers = ["n"] if not rows.outer else ["rows", *(f"size{d}" for d in range(1, rows.outer)), "n"]
        for p in pointers:
            if p.level and not p.shared:
                integers += [f"{p.name}_{d}" for d in range(rows.outer)]
        integers += [f"{p.name}_step" for p in pointers if p.inner == "strided"]
    integers += [f"key{k}" for k in range(rows.keys)]
    return argument_lines(pointers, integers, rows.numbers)


def argument_lines(pointers: list[Pointer], integers: list[str], numbers: int) -> list[str]:
    """Names for the argument slots: pointers, then integers, then numbers."""
    lines = [f'{p.name} = pointer(args, {k}, "{p.dtype}")' for k, p in enumerate(pointers)]
    lines += [f"{integer} = integer(args, {k})" for k, integer in enumerate(integers, len(lines))]
    return lines + [f"number{k} = number(args, {len(lines) + k})" for k in range(numbers)]


def addresses(rows: Rows) -> list[str]:
    """Where each operand's row starts."""
    lines: list[str] = []
    places = ["row"]
    if rows.outer > 1:
        lines.append("rest = row")
        for d in range(rows.outer - 1, 0, -1):
            lines += [f"i{d} = rest % size{d}", f"rest = rest // size{d}"]
        lines.append("i0 = rest")
        places = [f"i{d}" for d in range(rows.outer)]
    for p in (*rows.outputs, *rows.inputs):
        if p.level and not p.shared:
            terms = " + ".join(f"{place} * {p.name}_{d}" for d, place in enumerate(places))
            lines.append(f"{p.name}_at = {terms}")
    return lines


def tiles(rows: Rows) -> list[str]:
    """A few rows together, one vector of columns after the other."""
    lanes = rows.lanes
    lines = [
        f"tiles = (rows + {TILE - 1}) // {TILE}",
        "for tile in range(tiles * thread // threads, tiles * (thread + 1) // threads):",
        f"    top = tile * {TILE}",
        f"    bottom = min(top + {TILE}, rows)",
        f"    for j in range(0, n - {lanes - 1}, {lanes}):",
        *indent(indent(tile_columns(rows, masked=False))),
    ]
    if rows.chunk in ("ragged", "single"):
        lines += [
            f"    j = n // {lanes} * {lanes}",
            "    if j < n:",
            f"        mask = first(n - j, {lanes})",
            *indent(indent(tile_columns(rows, masked=True))),
        ]
    return lines


def tile_columns(rows: Rows, masked: bool) -> list[str]:
    """One vector of columns of a tile: what its rows share, then each of them."""
    (phase,) = rows.phases
    shared = [(v, p) for v, p in phase.loads if p.shared]
    own = replace(phase, loads=[(v, p) for v, p in phase.loads if not p.shared])
    each = [*addresses(rows), *phase.before, *step_lines(rows, own, "row * n", masked)]
    before = walk_lines(rows, Phase(loads=[(v, replace(p, level=0)) for v, p in shared]), masked)
    return [*before, "for row in range(top, bottom):", *indent(each)]


def row_body(rows: Rows) -> list[str]:
    lines: list[str] = []
    if rows.chunk in ("single", "exact"):
        lines += ["j = 0", *position_lines(rows, "row * n")]
        if rows.chunk == "single":
            lines.append(f"mask = first(n, {rows.lanes})")
    for phase in rows.phases:
        lines += phase.before
        lines += single_walk(rows, phase) if rows.chunk in ("single", "exact") else long_walk(rows, phase, "row * n")
    lines += rows.after
    return lines + [f"store({p.name}, {p.name + '_at' if p.level else '0'}, {v})" for p, v in rows.row_stores]


def single_walk(rows: Rows, phase: Phase) -> list[str]:
    """One vector, masked unless it is exactly as long as the row."""
    masked = rows.chunk == "single"
    lines = list(walk_lines(rows, phase, masked))
    for accumulator, kind, variable, dtype in phase.folds:
        folded = f"select(mask, {variable}, {identity(kind, dtype, rows.lanes)})" if masked else variable
        lines.append(f"{accumulator} = {FINISH[kind]}({folded})")
    return lines + list(store_lines(phase, masked))


def long_walk(rows: Rows, phase: Phase, start: str) -> list[str]:
    """Whole vectors, then what is left of the row."""
    if not (phase.loads or phase.lines or phase.folds or phase.stores):
        return []
    lines = [f"{a}_v = {identity(kind, dtype, rows.lanes)}" for a, kind, _, dtype in phase.folds]
    lines.append(f"for j in range(0, n - {rows.lanes - 1}, {rows.lanes}):")
    lines += indent(step_lines(rows, phase, start, masked=False))
    if rows.chunk == "ragged":
        lines += [
            f"j = n // {rows.lanes} * {rows.lanes}",
            "if j < n:",
            f"    mask = first(n - j, {rows.lanes})",
        ]
        lines += indent(step_lines(rows, phase, start, masked=True))
    return lines + [f"{a} = {FINISH[kind]}({a}_v)" for a, kind, _, _ in phase.folds]


def flat(rows: Rows) -> list[str]:
    """One long row, shared out in vectors."""
    (phase,) = rows.phases
    lanes = rows.lanes
    lines = [
        f"vectors = (n + {lanes - 1}) // {lanes}",
        f"begin = vectors * thread // threads * {lanes}",
        f"end = min(vectors * (thread + 1) // threads * {lanes}, n)",
    ]
    lines += [f"{p.name}_at = 0" for p in (*rows.outputs, *rows.inputs) if p.level]
    lines.append(f"for j in range(begin, end - {lanes - 1}, {lanes}):")
    lines += indent(step_lines(rows, phase, "0", masked=False))
    if rows.chunk != "whole":
        lines += [
            f"j = begin + (end - begin) // {lanes} * {lanes}",
            "if j < end:",
            f"    mask = first(end - j, {lanes})",
        ]
        lines += indent(step_lines(rows, phase, "0", masked=True))
    return lines


def step_lines(rows: Rows, phase: Phase, start: str, masked: bool) -> list[str]:
    """The work on one vector of a longer row."""
    lines = [*position_lines(rows, start), *walk_lines(rows, phase, masked)]
    for accumulator, kind, variable, dtype in phase.folds:
        folded = f"select(mask, {variable}, {identity(kind, dtype, rows.lanes)})" if masked else variable
        lines.append(f"{accumulator}_v = " + COMBINE[kind].format(a=f"{accumulator}_v", v=folded))
    return lines + list(store_lines(phase, masked))


def position_lines(rows: Rows, start: str) -> list[str]:
    text = {
        "index": f"index = iota(j, {rows.lanes})",
        "uniform": f'element = iota({start} + j, {rows.lanes}, "int64")',
    }
    return [text[name] for name in rows.positions]


def walk_lines(rows: Rows, phase: Phase, masked: bool) -> Iterator[str]:
    how = "mask" if masked else str(rows.lanes)
    suffix = "_masked" if masked else ""
    for variable, p in phase.loads:
        if p.inner == "strided":
            step = f"{p.name}_step"
            yield f"{variable} = load_strided{suffix}({p.name}, {p.name}_at + j * {step}, {step}, {how})"
        else:
            place = f"{p.name}_at + j" if p.level else "j"
            yield f"{variable} = load{suffix}({p.name}, {place}, {how})"
    yield from phase.lines


def store_lines(phase: Phase, masked: bool) -> Iterator[str]:
    suffix, mask = ("_masked", ", mask") if masked else ("", "")
    for p, variable in phase.stores:
        if p.inner == "strided":
            step = f"{p.name}_step"
            yield f"store_strided{suffix}({p.name}, {p.name}_at + j * {step}, {step}, {variable}{mask})"
        else:
            yield f"store{suffix}({p.name}, {p.name}_at + j, {variable}{mask})"


def identity(kind: str, dtype: str, lanes: int) -> str:
    """The vector that changes nothing in a reduction."""
    if dtype == "int32":
        number = {"sum": "0", "max": "-2147483648", "min": "2147483647"}[kind]
        return f"splat(int32({number}), {lanes})"
    return f"splat({dtype}({IDENTITY[kind]}), {lanes})"
