"""The figure: a row of curves, and for each run of few inputs rows of what its network makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngraph.errors import OptionError
from nngraph.plot import curves, line, plane
from nngraph.plot.layers import hidden_layers
from nngraph.plot.run import Group, Points, Run, model_of, points_of, read_groups
from nngraph.plot.style import HEIGHT, SETTINGS, WIDTH
from nngraph.train.checkpoint import temporary
from nngraph.train.run_directory import LAST
from nngraph_kernels.record import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from nngraph.model import Model

FORMATS: Final = (".svg", ".png", ".pdf")
COLUMNS: Final = 4
LEGEND: Final = 7  # entries in a line of a legend
MOST_LAYERS: Final = 11  # hidden layers that are drawn, evenly chosen of more
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


@record(eq=False)
class Row:
    """Panels side by side under a title.

    Attributes
    ----------
    handles : sequence
        Its legend's.
    widths : sequence of float
        Shares of the whole width; without them panels stand in the figure's columns.
    """

    title: str
    panels: Sequence[Callable[[Axes], None]]
    handles: Sequence[Any] = ()
    widths: Sequence[float] = ()


def plot(runs: Paths, output: str | PathLike[str], *, data: str | None = None) -> None:
    """Draw runs into a file.

    Parameters
    ----------
    runs : path, or several
        Directories of runs; one that holds a run for each split or trial stands for all of these.
    output : path
        Its name ends in .svg, .png or .pdf.
    data : str, optional
        Points to show, in place of those that a run says it was trained on.

    Raises
    ------
    OptionError
        If matplotlib is missing, or the file's name says none of these formats, or it cannot be written.
    CheckpointError
        If a run cannot be read.
    """
    path = Path(output)
    check_output(path)
    drawn = figure(runs, data=data)
    import matplotlib

    try:
        with temporary(path) as name, matplotlib.rc_context(SETTINGS):
            drawn.savefig(name, format=path.suffix[1:].lower(), metadata=metadata_of(path))
    except OSError as error:
        raise OptionError(f"--output: {path} cannot be written ({error.strerror}); check the folder") from None


def check_output(path: Path) -> None:
    """Whether the name of a file says in what format it is to be drawn."""
    if path.suffix.lower() not in FORMATS:
        expected = f"a name that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]} expected"
        raise OptionError(f"--output: {path} given, {expected}")


def metadata_of(path: Path) -> dict[str, Any]:
    """What makes a file the same whenever it is drawn."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})


def need_matplotlib() -> None:
    """Raise OptionError with what to install, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        mend = "pip install 'nngraph[plot]'"
        raise OptionError(f"plot: runs are drawn with matplotlib, which is missing; install it with: {mend}") from None


def figure(runs: Paths, *, data: str | None = None) -> Figure:
    """Curves of runs, and where their networks have one or two inputs what they make of them.

    Parameters
    ----------
    runs : path, or several
        As for `plot`.
    data : str, optional
        As for `plot`.

    Returns
    -------
    matplotlib.figure.Figure
        Belonging to no window; a notebook shows it, and `savefig` writes it.
    """
    need_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    paths = [runs] if isinstance(runs, str | PathLike) else list(runs)
    found = read_groups(map(Path, paths))
    rows = [curves_row(found)] + [row for each in found for row in network_rows(each.runs[0], data, len(found) > 1)]
    columns = max([3, *(len(row.panels) for row in rows if not row.widths)])
    heights = [HEIGHT + 0.3 * bool(row.title) + 0.25 * bool(row.handles) for row in rows]
    with matplotlib.rc_context(SETTINGS):
        made = Figure(figsize=(WIDTH * columns, sum(heights)), layout="constrained")
        parts = made.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, row in zip(parts, rows, strict=True):
            draw_row(part, row, columns)
    return made


def draw_row(part: SubFigure, row: Row, columns: int) -> None:
    """Panels in equal columns, or of their own widths across the whole of it."""
    widths = list(row.widths) or [1.0] * len(row.panels)
    if row.widths:
        cells = part.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
    else:
        cells = part.subplots(1, columns, squeeze=False)[0]
        for cell in cells[len(row.panels) :]:
            cell.set_visible(False)
    if row.title:
        part.suptitle(row.title, x=0.01, ha="left", fontsize=10.5)
    for cell, draw in zip(cells, row.panels, strict=False):
        draw(cell)
    if row.handles:
        lines = -(-len(row.handles) // LEGEND)
        part.legend(handles=list(row.handles), loc="outside lower center", ncols=-(-len(row.handles) // lines))


def curves_row(groups: Sequence[Group]) -> Row:
    """Loss, metrics and learning rate."""
    panels: list[Callable[[Axes], None]] = [
        partial(curves.draw_metric, name=name, groups=groups) for name in curves.metric_names(groups)
    ]
    if any(run.config.get("optimizer") for run in curves.all_runs(groups)):
        panels.append(partial(curves.draw_rates, groups=groups))
    title = title_of(groups[0]) if len(groups) == 1 else ""
    return Row(title, panels, curves.legend_of(groups) if len(groups) > 1 else (), [1.0] * len(panels))


def title_of(group: Group) -> str:
    first = group.runs[0]
    count = f", {len(group.runs)} runs" if len(group.runs) > 1 else ""
    return f"{group.name}: {first.model}{count}" if first.model not in ("", group.name) else f"{group.name}{count}"


def network_rows(run: Run, data: str | None, named: bool) -> list[Row]:
    """What a network of one or two numbers makes of them; nothing for others, or where no data is known."""
    if run.inputs not in (((1,),), ((2,),)) or not has_checkpoint(run):
        return []
    model = model_of(run)
    (given,) = model.signature.inputs.values()
    if not given.dtype.startswith("float"):
        return []
    points = points_of(run, data, model.classes)
    if points is None or len(points.training.targets) != 1:
        return []
    title = run.title if named else ""
    shape = points.training.x.shape[1:]
    if shape != given.shape:
        raise OptionError(f"--data: points of shape {shape} given, but {run.path} takes {given.shape}")
    if shape == (2,):
        return plane_rows(model, points, title)
    return line_rows(model, points, title) if is_curve(points) else []


def has_checkpoint(run: Run) -> bool:
    """Whether the run has been saved: one that was killed early may not have been."""
    return (run.path / LAST).is_file()


def is_curve(points: Points) -> bool:
    """Whether targets are one number each, to regress to."""
    return points.training.task == "regression" and points.training.y[0].size == 1


def plane_rows(model: Model, points: Points, title: str) -> list[Row]:
    """The decision, then every hidden layer, a few to a row."""
    shown = plane.plane_of(model, points)
    layers = hidden_layers(model.graph.declaration())
    if len(layers) > MOST_LAYERS:
        places = [round(k * (len(layers) - 1) / (MOST_LAYERS - 1)) for k in range(MOST_LAYERS)]
        title += f"{', ' if title else ''}{MOST_LAYERS} of {len(layers)} hidden layers"
        layers = [layers[place] for place in places]
    panels: list[Callable[[Axes], None]] = [partial(plane.draw_decision, plane=shown)]
    panels += [partial(plane.draw_warped, plane=shown, id=id) for id in layers]
    parts = [panels[k : k + COLUMNS] for k in range(0, len(panels), COLUMNS)]
    handles = plane.legend_handles(shown)
    return [Row(title if k == 0 else "", part, handles if k == len(parts) - 1 else ()) for k, part in enumerate(parts)]


def line_rows(model: Model, points: Points, title: str) -> list[Row]:
    """The fit, and beside it what the last hidden layer's units add up to."""
    fit = line.fit_of(model, points)
    panels: list[Callable[[Axes], None]] = [partial(line.draw_fit, fit=fit)]
    summed = line.summed_units(model)
    if summed is not None:
        id, weights, bias = summed
        panels.append(partial(line.draw_units, fit=fit, id=id, weights=weights, bias=bias))
    return [Row(title, panels, widths=[1.0] * len(panels))]
