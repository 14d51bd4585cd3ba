"""A picture in the DOT language, for Graphviz and everything that reads it; it is what PNG is painted from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from html import escape
from typing import Final

from nngraph.draw.families import BUFFERS, LOOKS, sign_of
from nngraph.draw.flat import Edge, Flat
from nngraph.draw.measure import card
from nngraph.draw.picture import TOP, Item, Picture
from nngraph.draw.scene import is_wired

SHAPES: Final = {"pill": "oval", "box": "box", "round": "box", "cut": "box", "ellipse": "ellipse",
                 "trapezoid": "hexagon"}  # fmt: skip
STYLES: Final = {"round": "filled,rounded"}
HEAD: Final = """digraph {{
  graph [label=<<B>{title}</B><BR/>{subtitle}>, labelloc=t, fontname="Helvetica", fontsize=14, nodesep=0.3, ranksep=0.4,
    bgcolor="white", pad=0.2, dpi=96];
  node [fontname="Helvetica", fontsize=11, margin="0.14,0.07", height=0.35];
  edge [fontname="Helvetica", fontsize=9, color="#6c7580", fontcolor="#59616c", arrowsize=0.6];
"""
EDGES: Final = {"forward": "", "backward": ", style=dashed", "aside": ', style=dotted, color="#a9b1bb"'}


def dot_of(picture: Picture, opened: Collection[int] = ()) -> str:
    """The DOT text of a picture whose groups `opened` are open."""
    flat = Flat(picture, opened)
    lines = [HEAD.format(title=escape(picture.title), subtitle=escape(picture.subtitle))]
    lines += ["  rankdir=LR;"] * picture.sideways
    lines += nodes_of(flat, TOP, "  ")
    lines += [edge_line(flat, edge) for edge in flat.edges()]
    return "\n".join([*lines, "}"]) + "\n"


def nodes_of(flat: Flat, group: int, indent: str) -> Iterator[str]:
    """The nodes of a group, open groups in it as clusters."""
    for item in flat.items(group):
        if item.key not in flat.opened:
            yield f"{indent}{node_line(flat, item)}"
            continue
        yield f"{indent}subgraph cluster_{item.key} {{"
        yield f"{indent}  label=<{bold(item.label)}>; labeljust=l; fontsize=11; {frame_style(item)}"
        yield from nodes_of(flat, item.key, indent + "  ")
        yield f"{indent}}}"


def frame_style(item: Item) -> str:
    kind = "dashed" if item.role != "forward" else "solid"
    return f'style="filled,rounded,{kind}"; fillcolor="#2c4a6a0c"; color="#8b949e";'


def node_line(flat: Flat, item: Item) -> str:
    """One node: its card as a label, its look as shape and colors."""
    look = LOOKS[item.sort]
    inside = len(flat.children.get(item.key, ()))
    lines = card(item, inside, plain=is_wired(flat.picture, item)).lines
    sign = "" if item.sort == "data" or is_wired(flat.picture, item) else f"{sign_of(item.op, item.sort)} "
    label = bold(sign + lines[0]) + "".join(f'<BR/><FONT POINT-SIZE="9">{escape(line)}</FONT>' for line in lines[1:])
    style = STYLES.get(look.shape, "filled") + {"backward": ",dashed", "update": ",dotted"}.get(item.role, "")
    fill = BUFFERS[item.buffer % len(BUFFERS)][0] if item.buffer else look.fill
    rims = ", peripheries=2" if item.group else ", penwidth=2.2" if look.shape == "cut" else ""
    return (
        f'n{item.key} [label=<{label}>, tooltip="{quoted(item.id)}", shape={SHAPES[look.shape]}, style="{style}", '
        f'fillcolor="{fill}", color="{look.ink}", fontcolor="#1c2127"{rims}];'
    )


def edge_line(flat: Flat, edge: Edge) -> str:
    """One edge; those of the backward pass lead up, so that it stands beside the forward one."""
    label = f'label="{quoted(edge.label.strip())}"' if edge.role != "aside" else "constraint=false"
    if edge.role == "backward" and flat.picture.items[edge.target].role != "forward":
        return f"  n{edge.target} -> n{edge.source} [{label}, dir=back{EDGES[edge.role]}];"
    return f"  n{edge.source} -> n{edge.target} [{label}{EDGES[edge.role]}];"


def bold(text: str) -> str:
    return f"<B>{escape(text)}</B>"


def quoted(text: str) -> str:
    """Inside of double quotes; Graphviz reads entities there too."""
    return escape(text.replace("\\", "\\\\"), quote=True).replace("\n", "\\n")
