"""One launch on a CUDA device, before its arguments have a place."""

from __future__ import annotations

from typing import Any

from nngraph.ir.program import Kernel, KernelCall
from nngraph.ir.types import evaluate
from nngraph.run.cuda.gemm import Gemm
from nngraph_kernels.record import record


@record(eq=False)
class Line:
    """A launch of a kernel.

    Attributes
    ----------
    kernel : Kernel
    integers : tuple of int
        What its number of threads depends on.
    slots : tuple of int or float
        The arguments in the table of words.
    arrays : tuple of device arrays
        Further ones.
    origin : int
        The index of the call in the schedule, -1 if it is beside it.
    """

    kernel: Kernel
    integers: tuple[int, ...]
    slots: tuple[int | float, ...]
    arrays: tuple[Any, ...] = ()
    origin: int = -1


@record(eq=False)
class GemmLine:
    """A product that a library does.

    Attributes
    ----------
    workspace : int
        Where the library's begins.
    """

    gemm: Gemm
    workspace: int
    origin: int = -1
    slots: tuple[int | float, ...] = ()


AnyLine = Line | GemmLine


def integers_of(call: KernelCall, batch: int) -> tuple[int, ...]:
    """The call's integers for one batch size."""
    return tuple(evaluate(dim, batch) for dim in call.integers)
