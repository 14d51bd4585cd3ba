"""Where boxes and arrows are placed: what a layout takes, and what it gives."""

from __future__ import annotations

from nngraph_kernels.record import record

Point = tuple[float, float]


@record
class Wire:
    """An arrow to be placed.

    Attributes
    ----------
    source, target : int
        Positions of boxes.
    label : (float, float)
        Width and height that its label takes; (0, 0) for none.
    upward : bool
        Leads up rather than down.
    loose : bool
        Says nothing of what stands above what.
    middles : tuple of int
        Those of its ends where it comes to the middle of a side.
    """

    source: int
    target: int
    label: tuple[float, float] = (0.0, 0.0)
    upward: bool = False
    loose: bool = False
    middles: tuple[int, ...] = ()


@record
class Arrangement:
    """Places in pixels, y downward.

    Attributes
    ----------
    centers : tuple of (x, y)
        Of the boxes.
    routes : tuple of tuple of (x, y)
        For each arrow the points of a piecewise cubic Bézier curve, 3 k + 1 of them, from source to target.
    labels : tuple of (x, y) or None
        Centers of the arrows' labels.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    labels: tuple[Point | None, ...]
