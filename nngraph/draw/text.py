"""A picture as lines of text: what is seen of it, with what each item reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nngraph.draw.flat import Flat
from nngraph.draw.notes import figures
from nngraph.draw.picture import TOP, Item, Picture


def text_of(picture: Picture, opened: Collection[int] = ()) -> str:
    """The lines of a picture whose groups `opened` are open; what they hold is indented."""
    flat = Flat(picture, opened)
    reads: dict[int, list[str]] = {}
    for edge in flat.edges():
        reads.setdefault(edge.target, []).append(picture.items[edge.source].id)
    return "\n".join([f"{picture.title}: {picture.subtitle}", "", *lines_of(flat, TOP, reads, "")]) + "\n"


def lines_of(flat: Flat, group: int, reads: dict[int, list[str]], indent: str) -> Iterator[str]:
    for item in flat.items(group):
        yield indent + line_of(item, reads.get(item.key, []), len(flat.children.get(item.key, ())))
        if item.key in flat.opened:
            yield from lines_of(flat, item.key, reads, indent + "  ")


def line_of(item: Item, reads: list[str], inside: int) -> str:
    """One item: its id, what it does to what, and what that costs."""
    operation = f"{item.op or 'group'}({', '.join(reads)})" if item.op != "input" else "input"
    work = figures(item.parameters, item.multiply_adds)
    parts = [f"{item.id} = {operation}", f"[{item.note}]" if item.note else "", item.type, work]
    return "  ".join(part for part in [*parts, f"{inside} inside" if inside else ""] if part)
