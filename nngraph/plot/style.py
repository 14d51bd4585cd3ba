"""Colors and sizes that all plots share, readable without color vision and on white paper."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

# Okabe and Ito 2008, "Color universal design", without their yellow, which white paper swallows.
COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")  # so that classes differ in more than color
INK, GRAY, PALE = "#222222", "#767676", "#D9D9D9"
WIDTH, HEIGHT = 3.7, 3.3  # inches of a panel

SETTINGS: Final[Any] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9, "axes.titlesize": 9.5,
    "axes.titlelocation": "left", "axes.titleweight": "bold", "axes.edgecolor": GRAY, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "xtick.color": GRAY,
    "xtick.labelcolor": INK, "ytick.color": GRAY, "ytick.labelcolor": INK, "text.color": INK,
    "axes.grid": False, "grid.color": PALE, "grid.linewidth": 0.6, "legend.frameon": False, "legend.fontsize": 8,
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.dpi": 130, "lines.linewidth": 1.6,
    "svg.hashsalt": "nngraph", "svg.fonttype": "path",
}  # fmt: skip


def colors(count: int) -> list[Any]:
    """That many colors: named ones while there are enough of them, then steps from dark to light."""
    if count <= len(COLORS):
        return list(COLORS[:count])
    from matplotlib import colormaps

    return [colormaps["viridis"](place) for place in np.linspace(0, 0.92, count)]


def mark(k: int) -> str:
    return MARKS[k % len(MARKS)]
