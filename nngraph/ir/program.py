"""What a graph is scheduled into: kernels, their calls, and the plan of the arena.

A kernel is a *specification*, hashable and free of values, sizes and the batch: all calls with equal
specifications share one compiled function. Everything that differs from call to call is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar, Self

import numpy as np

from nngraph.ir.expr import Expr
from nngraph.ir.graph import Graph, Value
from nngraph.ir.types import Dim
from nngraph_kernels.record import record

UNIFORM, ROW, FULL = 0, 1, 2
REDUCTIONS = ("sum", "max", "min")
PRODUCTS = ("matmul", "convolution")  # whose kernels work on a result while it is in registers


@record
class Statement:
    """One step of a fused body; later ones name it by its position.

    Attributes
    ----------
    kind : str
        "load" (of pointer `operand`), "compute" (`expr` over earlier statements), or a reduction of the
        statement `operand`: "sum", "max", "min".
    level : int
        How often its value changes: UNIFORM (never), ROW (once a row), FULL (with every element).
    """

    kind: str
    level: int
    dtype: str
    expr: Expr | None = None
    operand: int = -1


@record
class Access:
    """How a kernel walks over one operand: its element type and innermost stride.

    `inner` is "vector" (stride 1), "splat" (0) or "strided" (an argument). In a kernel that goes over tiles of rows,
    `shared` operands are the same for every row.
    """

    dtype: str
    inner: str
    level: int
    shared: bool = False


@record
class RowsSpec:
    """A kernel that goes over rows: elementwise work, and reductions along each row.

    Attributes
    ----------
    operands : tuple of Access
        The pointer arguments, outputs first.
    outputs : int
    statements : tuple of Statement
        Loads name inputs: operand 0 is the first input.
    stores : tuple of int
        For each output the statement whose value it takes.
    outer : int
        Number of axes outside of the row; 0 if all is one long row.
    chunk : str
        "across": rows are so short that vectors hold a column of many rows; "single": a row is less than one
        vector; "exact": it is one; "whole": a multiple of vectors; "ragged": any length; "scalar": there are no
        rows, only single numbers.
    dtype : str
        The floating-point type that decides how many lanes a vector has.
    numbers, keys : int
        How many constants, and words of random streams' keys, are arguments.
    length : int
        Of a row, where it is a constant of the kernel ("across").
    tiled : bool
        Whether it goes over a few rows together, so that what they share is read once for all of them.
    """

    operands: tuple[Access, ...]
    outputs: int
    statements: tuple[Statement, ...]
    stores: tuple[int, ...]
    outer: int
    chunk: str
    dtype: str
    numbers: int
    keys: int
    length: int = 0
    tiled: bool = False


@record
class ColumnsSpec:
    """A kernel that reduces over an axis that is not the last: work before it, work on its result.

    The space is (outside, reduced, columns). The attributes are those of `RowsSpec`; level FULL changes with
    every element, ROW with every column: the reduction and what follows it.
    """

    operands: tuple[Access, ...]
    outputs: int
    statements: tuple[Statement, ...]
    stores: tuple[int, ...]
    chunk: str
    dtype: str
    numbers: int


@record
class MatmulEpilogueSpec:
    """A matrix product and the work on its result, which the statement of kind "product" stands for.

    Attributes
    ----------
    product : MatmulSpec
        Of `nngraph_kernels.cpu.matmul`.
    operands : tuple of (access, dtype)
        What the epilogue reads; accesses as in `nngraph_kernels.cpu.epilogue`.
    outputs : tuple of str
        Dtypes of what it stores.
    statements, stores, numbers
        As in `RowsSpec`.
    moments : int
        The statement of whose columns moments are left beside the outputs; -1 for none.
    """

    product: Any
    operands: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    stores: tuple[int, ...]
    numbers: int
    moments: int = -1


class Kernel:
    """What is compiled: a template's name and everything that its source depends on.

    There is one object for each family and specification, so that kernels compare and hash by identity: schedules
    of many thousand calls look theirs up again and again.

    Attributes
    ----------
    family : str
    spec : object
        What is computed.
    narrow : tuple of str
        For each output, then each input, that all calls have, then for a list of further inputs together: "bfloat16"
        or "float16" where float32 numbers lie in memory so, "" elsewhere. Empty if nothing is narrow.
    """

    __slots__ = ("family", "narrow", "spec")
    known: ClassVar[dict[tuple[str, Any, tuple[str, ...]], Any]] = {}
    family: str
    spec: Any
    narrow: tuple[str, ...]

    def __new__(cls, family: str, spec: Any, narrow: tuple[str, ...] = ()) -> Self:
        found = cls.known.get((family, spec, narrow))
        if found is None:
            fresh = super().__new__(cls)
            fresh.family, fresh.spec, fresh.narrow = family, spec, narrow
            found = cls.known.setdefault((family, spec, narrow), fresh)
        return found

    def __repr__(self) -> str:
        return f"Kernel({self.family}, {self.spec}{f', {self.narrow}' if self.narrow else ''})"


@record
class Operand:
    """A pointer argument: the first element of `value`, moved on by `offset` and `fixed` elements together."""

    value: Value
    offset: Dim = 0
    fixed: int = 0


@record(eq=False)
class KernelCall:
    """One launch.

    Attributes
    ----------
    kernel : Kernel
    outputs, inputs : tuple of Operand
        In the order of the kernel's pointer arguments.
    listed : int
        How many of the last inputs form a list whose length is no part of the kernel: their addresses come after
        all other arguments.
    integers : tuple of Dim
    numbers : tuple of float or Dim
    scratch : callable or None
        ``scratch(batch) -> int``: bytes that each thread needs; their address comes after the other pointers.
    in_place : tuple of (int, int)
        Pairs (output, input) that may be one buffer: every element is read before it is written.
    nodes : tuple of str
        Ids of the nodes that it computes, for people.
    flops, traffic : Dim
        Operations, and bytes read and written: what the cost model and the benchmarks go by.
    parallel : bool
        Whether the work can be shared between threads.
    reports : bool
        Whether the kernel takes the address of the error word, after the other pointers.
    origins : tuple of str
        For each statement of the kernel's body the value that it computes or loads, for people.
    """

    kernel: Kernel
    outputs: tuple[Operand, ...]
    inputs: tuple[Operand, ...]
    integers: tuple[Dim, ...]
    numbers: tuple[Any, ...]
    nodes: tuple[str, ...]
    scratch: Callable[[int], int] | None = None
    in_place: tuple[tuple[int, int], ...] = ()
    flops: Dim = 0
    traffic: Dim = 0
    parallel: bool = True
    reports: bool = False
    origins: tuple[str, ...] = ()
    listed: int = 0


@record(eq=False)
class Schedule:
    """The launches of a graph, in order.

    Attributes
    ----------
    aliases : mapping of Value to Value
        Views, each with the value whose memory it is.
    constants : mapping of Value to ndarray
    preparation : Schedule or None
        Of the graph's preparation.
    """

    graph: Graph
    calls: tuple[KernelCall, ...]
    aliases: Mapping[Value, Value] = field(default_factory=dict[Value, Value])
    constants: Mapping[Value, np.ndarray] = field(default_factory=dict[Value, np.ndarray])
    preparation: Schedule | None = None

    @property
    def kernels(self) -> dict[Kernel, None]:
        """All that has to be compiled, in order."""
        before = self.preparation.kernels if self.preparation else {}
        return before | dict.fromkeys(call.kernel for call in self.calls)


@record(eq=False)
class Placement:
    """Where a value lies in the arena, and from which call to which."""

    offset: int
    nbytes: int
    first: int
    last: int


@record(eq=False)
class Plan:
    """The arena for one batch size.

    Attributes
    ----------
    placements : mapping of Value to Placement
        Of the values in the arena; graph inputs are among them, states and views are not.
    in_store : mapping of Value to Value
        New states that are written straight onto the old ones.
    copies : tuple of (Value, Value)
        New states that lie in the arena, and the old ones that they are copied onto after the last call.
    nbytes : int
        Of the arena: of the program, or of the preparation where that needs more.
    scratch : int
        Offset of the scratch region, of `scratch_nbytes` for every thread.
    preparation : Plan or None
        Of the schedule's preparation, which runs in the same arena.
    """

    batch: int
    threads: int
    nbytes: int
    placements: Mapping[Value, Placement]
    in_store: Mapping[Value, Value]
    copies: tuple[tuple[Value, Value], ...]
    scratch: int
    scratch_nbytes: int
    preparation: Plan | None = None
