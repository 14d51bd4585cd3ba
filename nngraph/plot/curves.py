"""Curves over the epochs: loss, metrics and learning rate, of one run or of several compared.

Runs that differ in their seed alone are one curve, their mean, in a band from the least to the greatest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nngraph.plot.run import Column, Group, Run, rates
from nngraph.plot.style import COLORS, GRAY, colors
from nngraph.train.early_stopping import RISING
from nngraph.train.history import VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

TITLES: Final = {"loss": "Loss", "accuracy": "Accuracy", "mae": "Mean absolute error"}
DECADES: Final = 30.0  # the ratio of largest to smallest from which an axis is logarithmic
DASHED: Final = (0, (3, 1.5))


def metric_names(groups: Sequence[Group]) -> list[str]:
    """What there is a panel for: the loss first; of several losses their sum."""
    found = {name.removeprefix(VALIDATION): None for run in all_runs(groups) for name in run.metrics}
    return [name for name in found if not name.startswith("loss/")]


def all_runs(groups: Sequence[Group]) -> list[Run]:
    return [run for group in groups for run in group.runs]


def is_rising(name: str) -> bool:
    """Whether more of a metric is better."""
    return name.partition("/")[0] in RISING


def title_of(name: str) -> str:
    metric, _, output = name.partition("/")
    return TITLES.get(metric, metric) + (f" of {output}" if output else "")


def draw_metric(ax: Axes, name: str, groups: Sequence[Group]) -> None:
    """One metric of all runs: in training, and on validation data where there was some."""
    for group, color in zip(groups, colors(len(groups)), strict=True):
        training, validation = group.column(name), group.column(VALIDATION + name)
        if len(groups) == 1:
            draw_only(ax, name, group, training, validation)
            continue
        if training is not None:
            plain: Any = {"ls": DASHED, "lw": 1.0, "alpha": 0.8} if validation is not None else {}
            ax.plot(group.epochs, training.mean, color=color, **plain)
        shown = training if validation is None else validation
        if shown is not None:
            draw_band(ax, group, shown, color)
        if validation is not None:
            ax.plot(group.epochs, validation.mean, color=color)
            mark_best(ax, name, group, validation.mean, color)
    measured = [x for run in all_runs(groups) for key, x in run.metrics.items() if key.removeprefix(VALIDATION) == name]
    finish(ax, title_of(name), unit_of(name, all_runs(groups)), not is_rising(name) and is_wide(measured))
    if len(groups) == 1:
        ax.legend(loc="best")


def draw_only(ax: Axes, name: str, group: Group, training: Column | None, validation: Column | None) -> None:
    """The only curves, the legend saying how good they were at their best."""
    of = "" if len(group.runs) == 1 else f" (mean of {len(group.runs)})"
    if training is not None:
        label = f"training{of}, last {number(name, training.mean[-1])}"
        ax.plot(group.epochs, training.mean, color=COLORS[0], ls=DASHED, lw=1.3, label=label)
        draw_band(ax, group, training, COLORS[0])
    if validation is not None:
        place = mark_best(ax, name, group, validation.mean, COLORS[1])
        best = "" if place is None else f", best {number(name, validation.mean[place])} (epoch {group.epochs[place]})"
        ax.plot(group.epochs, validation.mean, color=COLORS[1], label=f"validation{best}")
        draw_band(ax, group, validation, COLORS[1])


def draw_band(ax: Axes, group: Group, column: Column, color: Any) -> None:
    """From the least of several runs to the greatest."""
    if len(group.runs) > 1:
        ax.fill_between(group.epochs, column.low, column.high, color=color, alpha=0.15, lw=0)


def number(name: str, value: float) -> str:
    return f"{value:.4f}" if is_rising(name) else f"{value:.4g}"


def mark_best(ax: Axes, name: str, group: Group, column: np.ndarray, color: Any) -> int | None:
    """A dot where a curve is best; the place in it."""
    if not np.isfinite(column).any():
        return None
    place = int(np.nanargmax(column) if is_rising(name) else np.nanargmin(column))
    ax.plot(group.epochs[place], column[place], "o", color=color, ms=5, mec="white", mew=0.8, zorder=5)
    return place


def unit_of(name: str, runs: Sequence[Run]) -> str:
    """What the vertical axis counts: the loss by its own name, where all runs have the same."""
    if is_rising(name):
        return "share of examples"
    if name != "loss":
        return title_of(name).lower()
    found = {" + ".join(terms_of(run)) for run in runs}
    return next(iter(found)) if len(found) == 1 else "loss"


def terms_of(run: Run) -> list[str]:
    """The losses that a run made small together, by their names."""
    given: dict[str, Any] = run.config.get("loss") or {}
    losses = [str(loss["type"]) for loss in given.values()]
    penalty = run.config.get("regularizer")
    return [*dict.fromkeys(losses), *([penalty["type"]] if penalty else [])] or ["loss"]


def is_wide(columns: Sequence[np.ndarray]) -> bool:
    """Whether values differ so much that an axis is better logarithmic; by all of them."""
    values = np.concatenate(columns)
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and bool(values.max() > DECADES * values.min())


def finish(ax: Axes, title: str, unit: str, wide: bool) -> None:
    """Title, axes and their scales."""
    ax.set_title(title)
    ax.set_xlabel("epoch")
    ax.grid(True, axis="y")
    ax.locator_params(axis="x", integer=True)
    ax.margins(x=0.02)
    if wide:
        ax.set_yscale("log")
    ax.set_ylabel(f"{unit} (log scale)" if wide else unit)


def draw_rates(ax: Axes, groups: Sequence[Group]) -> None:
    """The learning rate of each step, over epochs; of runs that differ in their seed alone the longest one's."""
    typical: list[np.ndarray] = [np.empty(0)]
    for group, color in zip(groups, colors(len(groups)), strict=True):
        if (found := rates(max(group.runs, key=lambda run: run.epochs[-1]))) is not None:
            at, rate = found
            ax.plot(at, rate, color=color)
            typical += [np.median(rate, keepdims=True), rate.max(keepdims=True)]  # a last rate of nearly 0 is not
    kinds = {run.config["optimizer"]["type"] for run in all_runs(groups) if run.config.get("optimizer")}
    wide = is_wide(typical)
    finish(ax, "Learning rate", f"learning rate, {next(iter(kinds))}" if len(kinds) == 1 else "learning rate", wide)
    if not wide:
        ax.set_ylim(bottom=0)


def legend_of(groups: Sequence[Group]) -> list[Line2D]:
    """Lines for a legend of several runs: their colors, and what is dashed."""
    from matplotlib.lines import Line2D

    shown = [
        Line2D([], [], color=color, label=name_of(group))
        for group, color in zip(groups, colors(len(groups)), strict=True)
    ]
    if is_validated(all_runs(groups)):
        shown.append(Line2D([], [], color=GRAY, label="validation, dot: best"))
        shown.append(Line2D([], [], color=GRAY, ls=DASHED, lw=1.0, label="training"))
    return shown


def name_of(group: Group) -> str:
    return group.name if len(group.runs) == 1 else f"{group.name} (mean of {len(group.runs)}, least to greatest)"


def is_validated(runs: Iterable[Run]) -> bool:
    return any(name.startswith(VALIDATION) for run in runs for name in run.metrics)
