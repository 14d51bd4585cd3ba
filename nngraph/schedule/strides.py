"""How operands of different shapes walk over one iteration space."""

from __future__ import annotations

from collections.abc import Sequence

from nngraph.ir.program import Access
from nngraph.ir.types import Dim, Shape, multiply, strides_of

Strides = tuple[Dim, ...]


def broadcast_strides(shape: Shape, space: Shape) -> Strides:
    """Strides of a contiguous operand of `shape` over `space`: 0 along what it is broadcast over."""
    own = strides_of(shape)
    lead = len(space) - len(shape)
    return (0,) * lead + tuple(0 if dim == 1 else step for dim, step in zip(shape, own, strict=True))


def collapse(space: Shape, operands: list[Strides], inner: int = 0) -> tuple[list[Dim], list[list[Dim]]]:
    """Merge neighboring axes that every operand walks over as one.

    Parameters
    ----------
    space : Shape
    operands : list of strides over `space`
    inner : int
        The last `inner` axes merge among themselves only (0: no such border).

    Returns
    -------
    sizes : list of Dim
        Outermost first; axes of size 1 are gone.
    strides : list of list of Dim
        For each operand, one for each size.
    """
    border = len(space) - inner
    sizes: list[Dim] = []
    strides: list[list[Dim]] = [[] for _ in operands]
    crossed = inner == 0
    for axis in reversed(range(len(space))):
        if space[axis] == 1:
            continue
        fresh = not sizes or (not crossed and axis < border)
        crossed = crossed or axis < border
        if not fresh and all(s[axis] == advance(own[0], sizes[0]) for s, own in zip(operands, strides, strict=True)):
            sizes[0] = multiply(sizes[0], space[axis])
            continue
        sizes.insert(0, space[axis])
        for given, own in zip(operands, strides, strict=True):
            own.insert(0, given[axis])
    return sizes, strides


def advance(stride: Dim, size: Dim) -> Dim:
    """How far the next axis out moves if it continues this one."""
    return 0 if stride == 0 else multiply(stride, size)


def walked_alike(
    accesses: Sequence[Access], walks: Sequence[Sequence[Dim]], outputs: int
) -> tuple[tuple[int, int], ...]:
    """Pairs (output, input) that a kernel goes over at the same places; the outputs come first in both lists."""
    walked = list(zip(accesses, walks, strict=True))
    return tuple((o, i) for o in range(outputs) for i, given in enumerate(walked[outputs:]) if given == walked[o])
