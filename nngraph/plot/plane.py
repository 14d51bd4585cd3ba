"""Networks of two inputs: the plane as they decide it, and where each hidden layer sends it.

The grid of the plane, the regions of the decision and the line between them are carried through every hidden layer
("space warping"). A layer of more than two units is shown on the two principal axes of the data's places in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nngraph.plot.layers import values_at
from nngraph.plot.style import GRAY, INK, colors, mark
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet

    from nngraph.model import Model
    from nngraph.plot.run import Points
    from nngraph.train.data.dataset import Dataset

SIDE: Final = 241  # points along a side of the grid that is decided
LINES: Final = 21  # lines of the grid that is drawn, each way: every (SIDE - 1) / (LINES - 1)-th
MARGIN: Final = 0.12  # of the data's extent, on each side
FLAT: Final = 0.15  # of one axis's extent: where the other is less, they have different scales
SHOWN: Final = 600  # points of the data that are drawn, at most


@record(eq=False)
class Plane:
    """A network's plane: its grid, what the network says there, and the data.

    Attributes
    ----------
    x, y : ndarray, (SIDE,)
    scores : ndarray, (SIDE, SIDE, classes) or (SIDE, SIDE, 1)
        The last for regression.
    boundary : list of ndarray, (n, 2)
        Lines where two classes have equal scores.
    """

    model: Model
    points: Points
    labels: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    scores: np.ndarray
    boundary: list[np.ndarray]

    @property
    def grid(self) -> np.ndarray:
        """(SIDE · SIDE, 2), rows of equal y."""
        return np.stack(np.meshgrid(self.x, self.y), -1).reshape(-1, 2)

    @property
    def decides(self) -> bool:
        return bool(self.labels)


def plane_of(model: Model, points: Points) -> Plane:
    """What a network of two inputs makes of the plane around its data."""
    low, high = extent(points)
    x, y = (np.linspace(float(low[axis]), float(high[axis]), SIDE) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    classes = points.training.classes if points.training.task == "classification" else ()
    scores = scores_of(model, grid, bool(classes)).reshape(SIDE, SIDE, -1)
    labels = tuple(classes[k] if k < len(classes) else str(k) for k in range(scores.shape[-1])) if classes else ()
    return Plane(model, points, labels, x, y, scores, boundary_of(x, y, scores) if classes else [])


def extent(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """The corners of what is shown: the data and a margin."""
    parts = [points.training.x, *([points.held_out.x] if points.held_out else [])]
    low, high = (f([f(part, axis=0) for part in parts], axis=0).astype(float) for f in (np.min, np.max))
    margin = MARGIN * np.maximum(high - low, 1e-6)
    return low - margin, high + margin


def scores_of(model: Model, x: np.ndarray, decides: bool) -> np.ndarray:
    """(n, classes), or what a regression says, (n, 1); a single score is that of class 1 against 0."""
    found = model.predict(x)
    output = model.signature.targets[0].output if model.signature.targets else next(iter(model.signature.outputs))
    scores = np.asarray(found[output] if isinstance(found, dict) else found).reshape(len(x), -1).astype(np.float64)
    return np.hstack([np.zeros_like(scores), scores]) if decides and scores.shape[1] == 1 else scores


def boundary_of(x: np.ndarray, y: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    """Lines where a class's score is that of the best other one."""
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    found: list[np.ndarray] = []
    count = scores.shape[-1]
    for k in range(1 if count == 2 else count):
        ahead = scores[..., k] - np.delete(scores, k, axis=-1).max(axis=-1)
        if ahead.min() < 0 < ahead.max():
            lines: QuadContourSet = ax.contour(x, y, ahead, levels=[0.0])
            found += [np.asarray(line) for line in lines.allsegs[0] if len(line) > 1]
    return found


def region_colors(plane: Plane) -> np.ndarray:
    """(SIDE, SIDE, 3): the color of the best class, the paler the closer the next one is."""
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(color) for color in colors(plane.scores.shape[-1])])
    ranked = np.sort(plane.scores, axis=-1)
    sure = 1 / (1 + np.exp(-np.clip(ranked[..., -1] - ranked[..., -2], 0, 50)))  # from ½ to 1
    strength = (0.08 + 0.54 * (sure - 0.5))[..., None]
    return 1 - strength * (1 - palette[plane.scores.argmax(axis=-1)])


def draw_decision(ax: Axes, plane: Plane) -> None:
    """The plane itself: regions, the lines between them, and the data."""
    ax.set_title("Decision in the input plane" if plane.decides else "Prediction over the input plane")
    box = (plane.x[0], plane.x[-1], plane.y[0], plane.y[-1])
    if plane.decides:
        ax.imshow(region_colors(plane), origin="lower", extent=box, aspect="auto", interpolation="bilinear")
    else:
        heights = plane.scores[..., 0]
        shown = ax.pcolormesh(plane.x, plane.y, heights, cmap="viridis", rasterized=True, shading="nearest")
        ax.figure.colorbar(shown, ax=ax, label="prediction")
    for line in plane.boundary:
        ax.plot(*line.T, color=INK, lw=1.3)
    draw_points(ax, plane, None)
    columns = plane.points.training.columns or ("x₁", "x₂")
    ax.set_xlabel(columns[0])
    ax.set_ylabel(columns[1])
    ax.set_xlim(box[0], box[1])
    ax.set_ylim(box[2], box[3])


def draw_points(ax: Axes, plane: Plane, warp: Warp | None) -> None:
    """The data, in the colors of its classes; what was held out has a dark edge, what is decided wrongly a cross."""
    for data, held_out in ((plane.points.training, False), (plane.points.held_out, True)):
        if data is None:
            continue
        chosen = np.linspace(0, len(data) - 1, min(len(data), SHOWN)).astype(int)
        x, labels = data.x[chosen], labels_of(data)[chosen]
        places = x if warp is None else warp.places(x)
        edge: dict[str, Any] = {"ec": INK, "lw": 0.7, "s": 18} if held_out else {"ec": "white", "lw": 0.3, "s": 13}
        if not plane.decides:
            ax.scatter(*places.T, c=labels, cmap="viridis", vmin=plane.scores.min(), vmax=plane.scores.max(), **edge)
            continue
        palette = colors(len(plane.labels))
        for k in range(len(plane.labels)):
            own = labels == k
            ax.scatter(*places[own].T, color=palette[k], marker=mark(k), zorder=4 + held_out, **edge)
        if held_out and warp is None:
            wrong = scores_of(plane.model, x, decides=True).argmax(axis=1) != labels
            ax.scatter(*places[wrong].T, color=INK, marker="x", s=36, lw=1.1, zorder=6)


def labels_of(data: Dataset) -> np.ndarray:
    """Numbers of classes, or values, (n,)."""
    y = data.y
    if data.task == "classification" and y.dtype.kind == "f" and y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(axis=-1)
    return y.reshape(len(y), -1)[:, 0]


@record(eq=False)
class Warp:
    """Where a hidden layer sends points: its two units, or the two principal axes of the data's places in it.

    Attributes
    ----------
    center : ndarray, (units,)
    axes : ndarray, (units, 2)
    share : float or None
        Of the places' variance, on these axes; None where there are two units.
    """

    model: Model
    id: str
    units: int
    center: np.ndarray
    axes: np.ndarray
    share: float | None

    def places(self, x: np.ndarray) -> np.ndarray:
        """(n, 2)."""
        return (values_at(self.model, [self.id], x)[self.id] - self.center) @ self.axes


def warp_of(plane: Plane, id: str) -> Warp:
    """The warp of one hidden layer; axes as Pearson 1901, by singular values, signs so that sums are positive."""
    values = values_at(plane.model, [id], plane.points.training.x)[id].astype(np.float64)
    units = int(values.shape[1])
    if units <= 2:
        return Warp(plane.model, id, units, np.zeros(units, np.float64), np.eye(units, 2), None)
    center = np.asarray(values.mean(axis=0), np.float64)
    _, sizes, rows = np.linalg.svd(values - center, full_matrices=False)
    axes = rows[:2].T * np.where(rows[:2].sum(axis=1) < 0, -1.0, 1.0)
    total = float(np.square(sizes).sum())
    return Warp(plane.model, id, units, center, axes, float(np.square(sizes[:2]).sum()) / total if total else 1.0)


def draw_warped(ax: Axes, plane: Plane, id: str) -> None:
    """The plane where a hidden layer sends it: regions, grid, the line of the decision, and the data."""
    warp = warp_of(plane, id)
    sent = warp.places(plane.grid).reshape(SIDE, SIDE, 2)
    if plane.decides:
        ax.pcolormesh(
            sent[::2, ::2, 0], sent[::2, ::2, 1], region_colors(plane)[1::2, 1::2], shading="flat", rasterized=True,
            zorder=1,
        )  # fmt: skip
    step = (SIDE - 1) // (LINES - 1)
    for k in range(0, SIDE, step):
        ax.plot(*sent[k].T, color=GRAY, lw=0.6, alpha=0.75, zorder=2)
        ax.plot(*sent[:, k].T, color=GRAY, lw=0.6, alpha=0.75, zorder=2)
    for line in plane.boundary:
        ax.plot(*warp.places(line).T, color=INK, lw=1.3, zorder=3)
    draw_points(ax, plane, warp)
    spread = np.ptp(sent.reshape(-1, 2), axis=0)
    flat = spread.min() < FLAT * spread.max()
    ax.set_aspect("auto" if flat else "equal", adjustable="datalim")
    units = f"{warp.units} unit{'s' if warp.units != 1 else ''}"
    ax.set_title(f"Warped by “{id}” ({units})")
    if warp.share is None:
        ax.set_xlabel("unit 1")
        ax.set_ylabel("unit 2" if warp.units == 2 else "")
    else:
        ax.set_xlabel(f"first principal axis; both: {warp.share:.0%} of the variance")
        ax.set_ylabel("second principal axis" + (", stretched" if flat else ""))


def legend_handles(plane: Plane) -> list[Any]:
    """What the points and lines are."""
    from matplotlib.lines import Line2D

    def dot(label: str, color: Any, marker: str, **more: Any) -> Line2D:
        return Line2D([], [], ls="", marker=marker, color=color, label=label, **more)

    if not plane.decides:
        return []
    palette = colors(len(plane.labels))
    shown = [dot(f"class {name}", palette[k], mark(k), ms=5) for k, name in enumerate(plane.labels)]
    if plane.points.held_out is not None:
        shown.append(dot("held out", "white", "o", mec=INK, ms=5))
        shown.append(dot("held out, decided wrongly", INK, "x", ms=6))
    return [*shown, Line2D([], [], color=INK, lw=1.3, label="decision boundary")]
