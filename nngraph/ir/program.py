"""What a graph is scheduled into: kernels, their calls, and the plan of the arena.

A kernel is a *specification*, hashable and free of values, sizes and the batch: all calls with equal
specifications share one compiled function. Everything that differs from call to call is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.ir.expr import Expr
from nngraph.ir.graph import Graph, Value
from nngraph.ir.types import Dim

UNIFORM, ROW, FULL = 0, 1, 2


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Access:
    """How a kernel walks over one operand: its element type and innermost stride.

    `inner` is "vector" (stride 1), "splat" (0) or "strided" (an argument).
    """

    dtype: str
    inner: str
    level: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is compiled: a template's name and everything that its source depends on."""

    family: str
    spec: Any


@dataclass(frozen=True, slots=True)
class Operand:
    """A pointer argument: the first element of `value`, moved on by `offset` elements."""

    value: Value
    offset: Dim = 0


@dataclass(frozen=True, slots=True, eq=False)
class KernelCall:
    """One launch.

    Attributes
    ----------
    kernel : Kernel
    outputs, inputs : tuple of Operand
        In the order of the kernel's pointer arguments.
    integers : tuple of Dim
    numbers : tuple of float or Dim
    scratch : Dim or tuple
        Bytes of scratch that each thread needs.
    in_place : tuple of (int, int)
        Pairs (output, input) that may be one buffer: every element is read before it is written.
    nodes : tuple of str
        Ids of the nodes that it computes, for people.
    flops, traffic : Dim
        Operations, and bytes read and written: what the cost model and the benchmarks go by.
    parallel : bool
        Whether the work can be shared between threads.
    """

    kernel: Kernel
    outputs: tuple[Operand, ...]
    inputs: tuple[Operand, ...]
    integers: tuple[Dim, ...]
    numbers: tuple[Any, ...]
    nodes: tuple[str, ...]
    scratch: Dim = 0
    in_place: tuple[tuple[int, int], ...] = ()
    flops: Dim = 0
    traffic: Dim = 0
    parallel: bool = True
    reports: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The launches of a graph, in order.

    Attributes
    ----------
    aliases : mapping of Value to Value
        Views, each with the value whose memory it is.
    constants : mapping of Value to ndarray
    """

    graph: Graph
    calls: tuple[KernelCall, ...]
    aliases: Mapping[Value, Value] = field(default_factory=dict)
    constants: Mapping[Value, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a value lies in the arena, and from which call to which."""

    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The arena for one batch size.

    Attributes
    ----------
    placements : mapping of Value to Placement
        Of the values in the arena; graph inputs are among them, states and views are not.
    in_store : mapping of Value to Value
        New states that are written straight onto the old ones.
    scratch : int
        Offset of the scratch region, of `scratch_nbytes` for every thread.
    """

    batch: int
    threads: int
    nbytes: int
    placements: Mapping[Value, Placement]
    in_store: Mapping[Value, Value]
    scratch: int
    scratch_nbytes: int
