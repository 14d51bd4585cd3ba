"""A picture as a Mermaid flowchart, which many sites draw where it stands in Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from nngraph.draw.families import LOOKS
from nngraph.draw.flat import Edge, Flat
from nngraph.draw.measure import card
from nngraph.draw.picture import TOP, Item, Picture
from nngraph.draw.scene import is_wired

BRACKETS: Final = {"pill": ('(["', '"])'), "box": ('["', '"]'), "round": ('("', '")'), "cut": ('{{"', '"}}'),
                   "ellipse": ('(["', '"])'), "trapezoid": ('[\\"', '"/]')}  # fmt: skip
ARROWS: Final = {"forward": "-->", "backward": "-.->", "aside": "-.->"}
UNSAFE: Final = re.compile(r"[^A-Za-z0-9 _.,:/×·∗ƒσΣ+ℓ↻▣≡▱…\-]")


def mermaid_of(picture: Picture, opened: Collection[int] = ()) -> str:
    """The Mermaid text of a picture whose groups `opened` are open."""
    flat = Flat(picture, opened)
    direction = "LR" if picture.sideways else "TD"
    title = UNSAFE.sub(" ", f"{picture.title}, {picture.subtitle}")
    lines = [f"flowchart {direction}", f"  %% {title}"]
    lines += nodes_of(flat, TOP, "  ")
    lines += [edge_line(edge) for edge in flat.edges()]
    lines += class_lines()
    return "\n".join(lines) + "\n"


def nodes_of(flat: Flat, group: int, indent: str) -> Iterator[str]:
    for item in flat.items(group):
        if item.key not in flat.opened:
            yield f"{indent}{node_line(flat, item)}"
            continue
        yield f'{indent}subgraph n{item.key} ["{safe(item.label)}"]'
        yield from nodes_of(flat, item.key, indent + "  ")
        yield f"{indent}end"


def node_line(flat: Flat, item: Item) -> str:
    look = LOOKS[item.sort]
    lines = card(item, len(flat.children.get(item.key, ())), plain=is_wired(flat.picture, item)).lines
    opening, closing = BRACKETS[look.shape]
    return f"n{item.key}{opening}{'<br/>'.join(map(safe, lines))}{closing}:::{item.sort}"


def edge_line(edge: Edge) -> str:
    label = f'|"{"<br/>".join(map(safe, edge.label.strip().splitlines()))}"|' if edge.role != "aside" else ""
    return f"  n{edge.source} {ARROWS[edge.role]}{label} n{edge.target}"


def class_lines() -> Iterator[str]:
    for name, look in LOOKS.items():
        yield f"  classDef {name} fill:{look.fill},stroke:{look.ink},color:#1c2127"


def safe(text: str) -> str:
    """Every other character as an entity, so that no text ends a label or begins a tag."""
    return UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)
