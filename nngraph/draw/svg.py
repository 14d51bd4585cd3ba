"""A scene as SVG: one file that needs nothing else, light or dark as its reader's screen is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Final

from nngraph.draw.arrangement import Point
from nngraph.draw.families import BUFFERS, LOOKS, sign_of
from nngraph.draw.measure import LINE, MARGIN, SIGN, TEXT, TITLE_LINE, text_width
from nngraph.draw.outline import curve, number, outline
from nngraph.draw.picture import BELOW, Item
from nngraph.draw.scene import Box, Dot, Line, Scene, is_signed
from nngraph.draw.theme import written_out

EDGE: Final = 18.0  # around the picture
TOP: Final = 52.0  # for its title
NARROWEST: Final = 300.0
HEADS: Final = "".join(
    f'<marker id="r-{name}" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="7" markerHeight="7" orient="auto" '
    f'markerUnits="userSpaceOnUse"><path class="head r-{name}" d="M0 0.8L8 4L0 7.2Z"/></marker>'
    for name in ("forward", "backward", "aside")
)


def svg_of(scene: Scene) -> str:
    """The SVG text of a scene."""
    legend = list(legend_of(scene))
    width = max(scene.width, text_width(scene.picture.subtitle, 11.5), NARROWEST) + 2 * EDGE
    rows = wrapped(legend, width - 2 * EDGE)
    height = scene.height + TOP + 2 * EDGE + 20 * len(rows)
    left = (width - scene.width) / 2
    body = [
        text(EDGE, EDGE + 14, "title", scene.picture.title),
        text(EDGE, EDGE + 30, "subtitle", scene.picture.subtitle),
        f'<g transform="translate({number(left)} {number(TOP + EDGE)})">',
        *drawing(scene),
        "</g>",
        *legend_rows(rows, TOP + 1.4 * EDGE + scene.height),
    ]
    return document(width, height, f"{scene.picture.title}, {scene.picture.subtitle}", body)


def document(
    width: float, height: float, title: str, body: Iterable[str], more: str = "", looks: Mapping[str, str] | None = None
) -> str:
    """An SVG file; `more` are style rules, and `looks` classes with their looks, of its own."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    content = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nngraph" role="img" {size}>\n<title>{escape(title)}</title>\n'
        f"<style>\n{written_out(content + HEADS, more, looks)}</style>\n<defs>{HEADS}</defs>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n{content}\n</svg>\n'
    )


def drawing(scene: Scene) -> Iterator[str]:
    """Everything of the scene: open groups behind arrows, arrows behind cards."""
    for box in scene.boxes:
        if box.opened:
            yield open_group(box, scene.picture.items[box.key])
    for line in scene.lines:
        yield wire(line)
    for dot in scene.dots:
        yield port(dot)
    for box in scene.boxes:
        if not box.opened:
            yield item_card(scene, box)
    for line in scene.lines:
        if line.at is not None:
            yield from label(line.at, line.label)


def label(at: Point, content: str) -> Iterator[str]:
    """A line in the middle of an arrow, or lines above it and below."""
    if BELOW not in content:
        yield text(at[0], at[1] + 3.2, "shape", content)
        return
    above, below = (part.splitlines() for part in content.split(BELOW))
    for k, line in enumerate(reversed(above)):
        yield text(at[0], at[1] - 4 - LINE * k, "shape value", line)
    for k, line in enumerate(below):
        yield text(at[0], at[1] + 12 + LINE * k, "shape gradient", line)


def text(x: float, y: float, kind: str, content: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{more}>{escape(content)}</text>'


def wire(line: Line) -> str:
    values = ", ".join(line.arrow.values[:12])
    return (
        f'<path class="wire r-{line.role}" d="{curve(line.points)}" marker-end="url(#r-{line.role})">'
        f"<title>{escape(f'{values}: {line.arrow.type}' if line.arrow.type else values)}</title></path>"
    )


def port(dot: Dot) -> str:
    """A dot on its group's border, its label on the far side of the arrow."""
    above = dot.enters != dot.upward
    y = dot.y + (5.0 if above else -5.0)
    return f'<circle class="dot" cx="{number(dot.x)}" cy="{number(y)}" r="3.5"/>' + text(
        dot.x, dot.y - 8.0 if above else dot.y + 14.0, "shape", dot.label
    )


def open_group(box: Box, item: Item) -> str:
    said = " · ".join(part for part in (item.op, item.note) if part and part != item.label)
    room = box.width - text_width(item.label, 12.5, bold=True) - 34
    shown = said if text_width(said, TEXT) < room else ""
    at = 24 + text_width(item.label, 12.5, bold=True) + 8
    return (
        f'<g class="open {classes(item)}" transform="translate({number(box.x)} {number(box.y)})">'
        f"<title>{escape(tooltip(item))}</title>"
        f'<path class="body" d="{outline("round", box.width, box.height)}"/>{rim(item, box.width, box.height)}'
        + text(14, 18, "sign", sign_of(item.op, item.sort)) + text(24, 18, "name", item.label)
        + text(at, 18, "count", shown) + "</g>"
    )  # fmt: skip


def item_card(scene: Scene, box: Box) -> str:
    """A card: outline, sign, and what is written on it."""
    item, card = scene.picture.items[box.key], scene.cards[box.key]
    look = LOOKS[item.sort]
    parts = [
        f'<g class="{classes(item)}" transform="translate({number(box.x)} {number(box.y)})">',
        f"<title>{escape(tooltip(item))}</title>", *body(item, look.shape, box.width, box.height),
    ]  # fmt: skip
    sign, named = 0.0, "name small" if scene.picture.sideways else "name"
    if is_signed(scene.picture, item):
        sign = SIGN
        parts.append(text(SIGN / 2 + 1, box.height / 2 + 5, "sign", sign_of(item.op, item.sort)))
        parts.append(f'<path class="fence" d="M{number(SIGN)} 5V{number(box.height - 5)}"/>')
    center = sign + (box.width - sign) / 2
    y = 6.0 + TITLE_LINE - 4
    for k, line in enumerate(card.lines):
        kind = named if k == 0 else "says" if k == 1 else "count"
        parts.append(text(center, y, kind, line, ' text-anchor="middle"'))
        y += LINE
    if item.group and sign:
        parts.append(text(box.width - MARGIN - 1, 14, "count", "+", ' text-anchor="middle"'))
    return "".join([*parts, "</g>"])


def body(item: Item, shape: str, width: float, height: float) -> Iterator[str]:
    """The outline; a group has another card behind it, what is fused a second rim."""
    if item.group in ("group", "wiring"):
        yield f'<path class="behind" transform="translate(3.5 3.5)" d="{outline(shape, width, height)}"/>'
    yield f'<path class="body" d="{outline(shape, width, height)}"/>'
    yield rim(item, width, height, shape)


def rim(item: Item, width: float, height: float, shape: str = "round") -> str:
    """The second line around what is fused."""
    if item.group != "fused":
        return ""
    return f'<path class="rim" transform="translate(2.5 2.5)" d="{outline(shape, width - 5, height - 5)}"/>'


def classes(item: Item) -> str:
    """What the style sheet goes by: sort, role, and color of the buffer."""
    buffer = f" b-{item.buffer % len(BUFFERS)}" if item.buffer else ""
    group = f" g-{item.group}" if item.group else ""
    return f"item s-{item.sort} r-{item.role}{buffer}{group}"


def tooltip(item: Item) -> str:
    """Everything about an item that a pointer resting on it tells."""
    lines = [f"{item.id} ({item.op})" if item.op else item.id, item.type]
    if item.parameters:
        lines.append(f"{item.parameters:,} parameters")
    if item.multiply_adds:
        lines.append(f"{item.multiply_adds:,} multiply-adds for an example")
    lines += [f"{name}: {value}" for name, value in item.facts.attributes.items()]
    return "\n".join(line for line in [*lines, *item.facts.states] if line)


def legend_of(scene: Scene) -> Iterator[tuple[str, str]]:
    """The sorts and roles that are there: a class and a title each."""
    seen = {scene.picture.items[box.key].sort for box in scene.boxes if not box.opened}
    for name, look in LOOKS.items():
        if name in seen:
            yield name, look.title
    roles = {scene.picture.items[box.key].role for box in scene.boxes}
    if "backward" in roles:
        yield "backward", "backward: dashed"


def wrapped(entries: Iterable[tuple[str, str]], room: float) -> list[list[tuple[float, str, str]]]:
    """The legend in rows, each entry with its place."""
    rows: list[list[tuple[float, str, str]]] = []
    at = room + 1
    for name, title in entries:
        width = text_width(title, 10.0) + 38
        if at + width > room:
            rows.append([])
            at = 0.0
        rows[-1].append((at, name, title))
        at += width
    return rows


def legend_rows(rows: list[list[tuple[float, str, str]]], top: float) -> Iterator[str]:
    for k, row in enumerate(rows):
        for at, name, title in row:
            look = LOOKS.get(name, LOOKS["group"])
            sort = f"s-{name}" if name in LOOKS else f"s-group r-{name}"
            yield (
                f'<g class="item {sort}" transform="translate({number(EDGE + at)} {number(top + 20 * k)})">'
                f'<path class="body" d="{outline(look.shape, 22, 14)}"/>'
                + text(11, 11.5, "sign", look.sign, ' style="font-size:11px"' if look.sign else "")
                + text(27, 10.5, "count", title) + "</g>"
            )  # fmt: skip
