"""The outlines of items as SVG paths, and the numbers in them."""

from __future__ import annotations

from typing import Final

CUT: Final = 7.0
ROUND: Final = {"box": 2.5, "round": 9.0, "ellipse": 16.0}
SLANT: Final = 7.0


def number(x: float) -> str:
    """With one digit behind the point, none where it is 0."""
    text = f"{x:.1f}"
    return text[:-2] if text.endswith(".0") else text


def outline(shape: str, width: float, height: float) -> str:
    """The path of a shape whose upper left corner is the origin."""
    w, h = width, height
    if shape == "cut":
        points = [(CUT, 0), (w - CUT, 0), (w, CUT), (w, h - CUT), (w - CUT, h), (CUT, h), (0, h - CUT), (0, CUT)]
        return polygon(points)
    if shape == "trapezoid":
        return polygon([(0, 0), (w, 0), (w - SLANT, h), (SLANT, h)])
    radius = min(h / 2, w / 2, h / 2 if shape == "pill" else ROUND.get(shape, 2.5))
    r = number(radius)
    return (
        f"M{r} 0H{number(w - radius)}A{r} {r} 0 0 1 {number(w)} {r}V{number(h - radius)}A{r} {r} 0 0 1 "
        f"{number(w - radius)} {number(h)}H{r}A{r} {r} 0 0 1 0 {number(h - radius)}V{r}A{r} {r} 0 0 1 {r} 0Z"
    )


def polygon(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z"


def curve(points: tuple[tuple[float, float], ...]) -> str:
    """The path of a piecewise cubic Bézier curve."""
    first, *rest = (f"{number(x)} {number(y)}" for x, y in points)
    return f"M{first}C{' '.join(rest)}" if rest else f"M{first}"
