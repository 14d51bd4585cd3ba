"""How operators look: a color, a lightness, a shape and a sign for each sort, so that no two differ by hue alone.

The hues are those of Okabe and Ito (2008), which people see apart whatever their color vision; `ink` is dark enough for
text of 4.5:1 on `fill`, and the lightness of the fills steps, so that a print in grey tells the sorts apart too.
"""

from __future__ import annotations

from typing import Final

from nngraph_kernels.record import record


@record
class Look:
    """What nodes of one sort look like.

    Attributes
    ----------
    title : str
        For the legend.
    sign : str
        One character, in front of the name.
    shape : str
        "pill", "box", "round", "cut", "ellipse" or "trapezoid".
    fill, ink : str
        Body, and border and sign, on a light background.
    dark_fill, dark_ink : str
        The same on a dark one.
    """

    title: str
    sign: str
    shape: str
    fill: str
    ink: str
    dark_fill: str
    dark_ink: str


LOOKS: Final = {
    "data": Look("input, output, constant", "◦", "pill", "#ffffff", "#4a4f57", "#1d2025", "#b9bfc8"),
    "linear": Look("matrix product", "×", "box", "#bcd9f0", "#0b4a75", "#123a57", "#8ec8f2"),
    "convolution": Look("convolution", "∗", "cut", "#98c1e4", "#08365a", "#0d2c47", "#74b7ec"),
    "activation": Look("activation", "ƒ", "round", "#fbeeb0", "#6b5200", "#4a3d0b", "#f2d65c"),
    "normalization": Look("normalization, dropout", "σ", "round", "#cdeadf", "#00553d", "#0f4434", "#68d8b0"),
    "pooling": Look("pooling, reduction", "Σ", "trapezoid", "#ecd3e2", "#7a2f5c", "#4c2440", "#eaa4ce"),
    "mixing": Look("arithmetic, weighted sum", "∘", "ellipse", "#eceef1", "#3c434d", "#2c3138", "#c3cad4"),
    "shape": Look("shape, logic", "▱", "box", "#f6f3ec", "#5c5342", "#34312a", "#d4c8ae"),
    "loss": Look("loss, metric", "ℓ", "cut", "#f6c7a8", "#8a3300", "#5a2a0f", "#ffae7d"),
    "update": Look("update of a parameter", "↻", "box", "#e3dcf5", "#4b3494", "#33285c", "#bcaaf5"),
    "group": Look("stage, block: opens", "▣", "box", "#fafbfc", "#2c323a", "#24282e", "#dde2e9"),
    "fused": Look("fused: one kernel", "≡", "box", "#f1f6f3", "#20443a", "#1b2f2a", "#a8dccb"),
}  # fmt: skip

# Buffers: fills on light and on dark; a buffer's number, which is written on it too, says which.
BUFFERS: Final = (
    ("#ffd08a", "#6b4300"), ("#a9d8f5", "#0d4a6b"), ("#8fdcc0", "#00513c"), ("#f5ec8e", "#5a5200"),
    ("#a3bfe8", "#1d3a6e"), ("#f2a98a", "#702a0c"), ("#e7b3d3", "#642a52"), ("#cfd3d8", "#41474f"),
    ("#d9c2a3", "#4f3c22"), ("#c3e59b", "#38550f"), ("#c6b4ee", "#42307a"), ("#9fdde3", "#0c4f57"),
)  # fmt: skip

SORT_OF_FAMILY: Final = {
    "linear": "linear", "embedding": "linear", "convolution": "convolution", "activation": "activation",
    "normalization": "normalization", "dropout": "normalization", "pooling": "pooling", "reduction": "pooling",
    "elementwise": "mixing", "mixing": "mixing", "shape": "shape", "logic": "shape", "source": "data",
    "loss": "loss", "update": "update", "randwire": "group", "fused": "fused",
}  # fmt: skip
CONVOLVING: Final = ("mixed_depthwise", "mixed_depthwise_backward")  # kernels that are anchored by a convolution

SORT_OF_KERNEL: Final = {
    "matmul": "linear", "convolution": "convolution", "convolution_weight": "convolution", "depthwise": "convolution",
    "depthwise_backward": "convolution", "pooling": "pooling", "pooling_backward": "pooling", "columns": "pooling",
    "rows": "mixing", "mix": "mixing", "mixed_cotangent": "mixing", "inner_products": "mixing", "mixed_sums": "mixing",
    "channel_sums": "normalization", "channel_totals": "normalization",
}  # fmt: skip


SIGNS: Final = {
    "add": "+", "subtract": "−", "multiply": "·", "divide": "÷", "negate": "−", "sqrt": "√", "weighted_sum": "+",
    "average": "+", "mix": "+", "scaled_sum": "+", "mixed_sums": "+", "maximum": "∨", "minimum": "∧",
}  # fmt: skip


def sign_of(op: str, sort: str) -> str:
    """The character in front of an item's name."""
    return SIGNS.get(op, LOOKS[sort].sign)


def sort_of_op(name: str, family: str) -> str:
    """The key of `LOOKS` for an op; that of arithmetic where a user's own op names a family of its own."""
    if name == "input":
        return "data"
    return "convolution" if name in CONVOLVING else SORT_OF_FAMILY.get(family, "mixing")


def sort_of_kernel(family: str) -> str:
    """The key of `LOOKS` for a family of kernels."""
    return SORT_OF_KERNEL.get(family, "shape")
