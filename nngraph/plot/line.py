"""Networks of one input: the function that they make, and the straight pieces that ReLU units make it of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from nngraph.ir.declaration import operands_of
from nngraph.plot.layers import corner_sources, values_at
from nngraph.plot.style import COLORS, GRAY, INK, colors
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nngraph.model import Model
    from nngraph.plot.run import Points

PLACES: Final = 4001  # where the function is computed
MARGIN: Final = 0.05
NEAR: Final = 1e-6  # corners closer than this share of the extent are one
MOST_UNITS: Final = 24  # drawn one by one


@record(eq=False)
class Fit:
    """A function of one number, and its corners.

    Attributes
    ----------
    x : ndarray, (n,)
    y : ndarray, (n, outputs)
    corners : ndarray
        Where a unit goes through zero, in order.
    units : int
        Piecewise linear units; 0: the function has no corners.
    """

    model: Model
    points: Points
    x: np.ndarray
    y: np.ndarray
    corners: np.ndarray
    units: int


def fit_of(model: Model, points: Points) -> Fit:
    """What a network of one input makes of it, over the extent of the data."""
    parts = [points.training.x, *([points.held_out.x] if points.held_out else [])]
    low, high = min(float(x.min()) for x in parts), max(float(x.max()) for x in parts)
    margin = MARGIN * max(high - low, 1e-6)
    x = np.linspace(low - margin, high + margin, PLACES)
    found = model.predict(x[:, None])
    output = model.signature.targets[0].output if model.signature.targets else next(iter(model.signature.outputs))
    y = np.asarray(found[output] if isinstance(found, dict) else found).reshape(len(x), -1)
    sources = corner_sources(model.graph.declaration())
    before = values_at(model, sources.values(), x[:, None])
    units = sum(values.shape[1] for values in before.values())
    corners = [crossings(x, values) for values in before.values()]
    return Fit(model, points, x, y, merged(np.concatenate(corners or [np.empty(0)]), x), units)


def crossings(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where columns of `values`, which are straight between neighbors but for other corners, go through zero."""
    values = values.astype(np.float64)
    place, unit = np.nonzero((values[:-1] > 0) != (values[1:] > 0))
    before, after = values[place, unit], values[place + 1, unit]
    return x[place] + (x[1] - x[0]) * before / (before - after)


def merged(corners: np.ndarray, x: np.ndarray) -> np.ndarray:
    """In order, those that are at one place once."""
    corners = np.sort(corners)
    return corners[np.diff(corners, prepend=-np.inf) > NEAR * (x[-1] - x[0])]


def draw_fit(ax: Axes, fit: Fit) -> None:
    """Data, the function in pieces of alternating color, and a dot at each corner."""
    for data, held_out in ((fit.points.training, False), (fit.points.held_out, True)):
        if data is not None:
            face, edge = (GRAY, "none") if not held_out else ("white", GRAY)
            label = "held-out data" if held_out else "training data"
            ax.scatter(data.x.ravel(), data.y.reshape(len(data), -1)[:, 0], s=9, c=face, ec=edge, lw=0.7, label=label)
    y = fit.y[:, 0]
    if not fit.units:
        ax.plot(fit.x, y, color=COLORS[1], lw=2, label="network")
        ax.set_title("Fit")
    else:
        draw_pieces(ax, fit, y)
    ax.set_xlabel((fit.points.training.columns or ("x",))[0])
    ax.set_ylabel("y")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, columnspacing=1.2, handletextpad=0.4)


def draw_pieces(ax: Axes, fit: Fit, y: np.ndarray) -> None:
    """The function in its straight pieces."""
    ends = np.concatenate([fit.x[:1], fit.corners, fit.x[-1:]])
    heights = np.interp(ends, fit.x, y)
    for k in range(len(ends) - 1):
        inside = (fit.x > ends[k]) & (fit.x < ends[k + 1])
        xs = np.concatenate([ends[k : k + 1], fit.x[inside], ends[k + 1 : k + 2]])
        label = ("network, by pieces", None)[k > 0]
        ax.plot(xs, np.interp(xs, fit.x, y), color=COLORS[1] if k % 2 == 0 else COLORS[0], lw=2, label=label)
    ax.plot(
        fit.corners, heights[1:-1], "o", ms=4.5, color="white", mec=INK, mew=0.9, zorder=5,
        label="corner: a ReLU's input is 0",
    )  # fmt: skip
    pieces = len(fit.corners) + 1
    ax.set_title(f"Fit: {pieces} straight piece{'s' if pieces > 1 else ''} of {fit.units} ReLU units")


def draw_units(ax: Axes, fit: Fit, id: str, weights: np.ndarray, bias: float) -> None:
    """What each unit of the last hidden layer adds to the output."""
    values = values_at(fit.model, [id], fit.x[:, None])[id] * weights
    order = np.argsort(-np.ptp(values, axis=0))[:MOST_UNITS]
    for k, color in zip(order, colors(len(order)), strict=True):
        ax.plot(fit.x, values[:, k], color=color, lw=0.9, alpha=0.85)
    ax.plot(fit.x, values.sum(axis=1) + bias, color=INK, lw=2, label="sum with the bias: the network")
    shown = f"the largest {len(order)} of {values.shape[1]}" if len(order) < values.shape[1] else str(len(order))
    ax.set_title(f"What the units of “{id}” add ({shown})")
    ax.set_xlabel((fit.points.training.columns or ("x",))[0])
    ax.set_ylabel("weight · unit")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))


def summed_units(model: Model) -> tuple[str, np.ndarray, float] | None:
    """The last hidden layer with the weights and the bias that the output sums it by; None where it is not so made."""
    declared = model.graph.declaration()
    id = next(iter(model.graph.outputs.values())).id
    if declared.nodes[id]["op"] != "linear":
        return None
    (source,) = operands_of(declared, id)
    owner = declared.nodes[id].get("shared_with") or id
    parameters = model.parameters()
    weight = parameters[f"{owner}.weight"]
    bias = float(parameters[f"{owner}.bias"][0]) if f"{owner}.bias" in parameters else 0.0
    return (str(source), weight[0], bias) if weight.shape[0] == 1 and weight.shape[1] > 1 else None
