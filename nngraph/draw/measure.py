"""How large a text is, and the card that an item is written on: an estimate that common sans-serif fonts keep to."""

from __future__ import annotations

from typing import Final

from nngraph.draw.notes import brief, figures
from nngraph.draw.picture import BELOW, Item, short_type
from nngraph_kernels.record import record

# Widths in thousandths of the size. DejaVu Sans, which many systems fall back on, is a tenth wider than Arial and
# Helvetica; what fits there fits in all of them.
NARROW: Final = {**dict.fromkeys("ijlI|.,:;'!`", 310), **dict.fromkeys("ft()[]{}r-/ ", 400)}
WIDE: Final = {**dict.fromkeys("mMW@%", 960), **dict.fromkeys("wCDGHNOQRUAVXYBEKPSZ&", 740), "×": 600, "…": 1000}
USUAL: Final = 620
BOLD: Final = 1.12
TITLE, SMALL_TITLE, TEXT, SMALL, EDGE = 12.5, 11.5, 10.5, 10.0, 9.5  # sizes of what is written, in pixels
LONGEST: Final = 230.0  # width of a line on a card, in pixels
PORT_LABEL: Final = 150.0  # longest label of a port, in pixels
SIGN: Final = 24.0  # width of the strip that bears the sign
MARGIN: Final = 9.0
NEAR: Final = 6.0  # the margin where there is little room
TITLE_LINE, LINE = 16.0, 13.5
PARAMETER: Final = "parameter"  # the operator of an item that is one; what it belongs to says enough


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width in pixels."""
    thousandths = sum(NARROW.get(c) or WIDE.get(c) or (USUAL if c < "\u2e80" else 1000) for c in text)
    return thousandths * size / 1000 * (BOLD if bold else 1.0)


def fitted(text: str, size: float, room: float = LONGEST, *, bold: bool = False) -> str:
    """`text`, its middle left out where it is too long."""
    if text_width(text, size, bold=bold) <= room:
        return text
    keep = len(text)
    while keep > 4 and text_width(cut(text, keep), size, bold=bold) > room:
        keep -= 1 + keep // 20
    return cut(text, keep)


def cut(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return f"{text[:head]}…{text[len(text) - keep // 2 :]}"


@record
class Card:
    """What is written on an item, and its size in pixels."""

    lines: tuple[str, ...]
    width: float
    height: float


def card(item: Item, inside: int = 0, *, plain: bool = False, signed: bool = True) -> Card:
    """The card of an item.

    Parameters
    ----------
    item : Item
    inside : int
        How many items it holds.
    plain : bool
        With nothing but its name, as one of many that are alike.
    signed : bool
        With the sign of its operator, unless it is data; without one it is small.
    """
    size = TITLE if signed else SMALL_TITLE
    title = fitted(item.label, size, bold=True)
    if plain:
        return Card((title,), quantized(text_width(title, size, bold=True) + 2 * MARGIN), 10.0 + TITLE_LINE)
    lines = [title]
    if item.op == "input":
        lines.append(short_type(item.type) + (f" · buffer {item.buffer}" if item.buffer else ""))
    elif item.op != "output":
        said = "" if item.op == item.label or (item.op == PARAMETER and item.note) else item.op
        what = " · ".join(part for part in (said, item.note) if part)
        lines += [fitted(what, TEXT)] if what else []
        work = figures(item.parameters, item.multiply_adds)
        count = f"{brief(inside)} inside" if inside and item.group != "fused" else ""
        below = " · ".join(part for part in (work, count, f"buffer {item.buffer}" if item.buffer else "") if part)
        lines += [below] if below else []
    widths = [text_width(title, size, bold=True), *(text_width(line, TEXT) for line in lines[1:])]
    sign = SIGN if item.sort != "data" else 0.0
    plus = 20.0 if item.group else 0.0
    width = max(widths[0] + plus, *widths, 28.0)
    width = quantized(width + 2 * MARGIN + sign) if signed else width + 2 * NEAR
    return Card(tuple(lines), width, 12.0 + TITLE_LINE + LINE * (len(lines) - 1))


def quantized(size: float) -> float:
    """In steps, so that groups of the same wiring are laid out once for all of them."""
    return -(-size // 8) * 8.0


def label_size(text: str) -> tuple[float, float]:
    """Width and height that an arrow's label takes: one line, or lines above the arrow and below it."""
    if not text:
        return (0.0, 0.0)
    if BELOW in text:
        width = max(text_width(line, SMALL, bold=True) for line in text.splitlines())
        return (width + 2, 2 * LINE * max(len(part.splitlines()) for part in text.split(BELOW)) + 8)
    return (quantized(text_width(text, EDGE) + 8), EDGE + 5)
