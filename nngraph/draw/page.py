"""A picture as one HTML file that opens without a network: the layout of every group, and a script that shows them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable
from html import escape
from typing import Any, Final

from nngraph.draw.arrangement import Arrangement
from nngraph.draw.families import BUFFERS, LOOKS, SIGNS
from nngraph.draw.levels import Level
from nngraph.draw.measure import Card
from nngraph.draw.picture import TOP, Call, Facts, Item, Picture
from nngraph.draw.ring import ring_of
from nngraph.draw.scene import Composition, is_signed, is_wired
from nngraph.draw.theme import asset, theme

SCRIPTS: Final = ("page_elements.js", "page_geometry.js", "page_view.js", "page_panel.js", "page_search.js", "page.js")
PLACE: Final = re.compile(r"\{\{(\w+)\}\}")  # of a part, in a template
STYLES: Final = ("page.css",)
ROLES: Final = ("forward", "backward", "update")
VALUES: Final = 6  # of an arrow, that are told by name
GRADIENTS: Final = 60  # nodes, that are told of one item


class Words:
    """Texts that many items share, once each.

    Parameters
    ----------
    known : iterable of str
        Those that have the first places.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.places: dict[str, int] = {text: place for place, text in enumerate(known)}

    def __call__(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))

    def listed(self) -> list[int | str]:
        """Each as how many characters it begins with as the one before it, and what comes then.

        Characters are counted as JavaScript does, in units of UTF-16: one outside of its basic plane is two, and is
        not cut.
        """
        found: list[int | str] = []
        before = ""
        for text in self.places:
            common = beginning(before, text)
            found += [len(common) + sum(character > "\uffff" for character in common), text[len(common) :]]
            before = text
        return found


def beginning(a: str, b: str) -> str:
    """What both begin with."""
    length = min(len(a), len(b))
    return a[: next((k for k in range(length) if a[k] != b[k]), length)]


class Layouts:
    """Arrangements in whole pixels, equal ones once."""

    def __init__(self) -> None:
        self.places: dict[Arrangement, int] = {}

    def __call__(self, found: Arrangement) -> int:
        return self.places.setdefault(found, len(self.places))

    def listed(self) -> list[dict[str, Any]]:
        return [
            {
                "size": flat([(found.width, found.height)]), "at": flat(found.centers),
                "routes": [flat(points) for points in found.routes],
                "labels": [None if at is None else flat([at]) for at in found.labels],
            }
            for found in self.places
        ]  # fmt: skip


def flat(points: Iterable[tuple[float, float]]) -> list[int]:
    return [round(x) for point in points for x in point]


def page_of(picture: Picture, opened: Collection[int] = ()) -> str:
    """The HTML text of a picture; `opened` are the groups that are open at first."""
    return document(picture.title, picture.subtitle, data_of(picture, opened), SCRIPTS)


def document(
    title: str, subtitle: str, data: Any, scripts: tuple[str, ...], template: str = "page.html", more: str = ""
) -> str:
    """A page: the template with style sheets, data and scripts in it, and a policy that lets it ask for no more.

    `more` are style rules of its own.
    """
    style = theme() + "".join(asset(name) for name in STYLES) + more
    script = "\n".join(asset(name) for name in scripts)
    # "</script>" and "<!--" cannot stand in JSON in which no "<" does.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": escape(policy, quote=False), "title": escape(f"{title} · {subtitle}"), "style": style, "data": text,
        "script": script,
    }  # fmt: skip
    return PLACE.sub(lambda found: parts[found[1]], asset(template))  # at once: parts may hold what looks like a place


def digest(text: str) -> str:
    """As a content security policy names what may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def data_of(picture: Picture, opened: Collection[int]) -> dict[str, Any]:
    """What the script draws: items in columns, levels, layouts, links, calls and sources."""
    composition = Composition(picture, ())
    words = Words()
    told(composition, opened, words)
    return told(composition, opened, Words(sorted(words.places)))  # in this order they begin alike


def told(composition: Composition, opened: Collection[int], words: Words) -> dict[str, Any]:
    """That data with its texts in the places that `words` gives them."""
    picture, layouts = composition.picture, Layouts()
    levels = {key: level_of(composition, key, words, layouts) for key in composition.levels}
    items = columns(picture.items, composition.cards, words)
    links = [[link.source, link.target, words(link.value), words(link.type)] for link in picture.links]
    return {
        "title": picture.title, "subtitle": picture.subtitle, "buffers": len(BUFFERS),
        "looks": {name: [look.title, look.sign, look.shape] for name, look in LOOKS.items()},
        "signs": SIGNS, "roles": ROLES, "small": picture.sideways, "items": items,
        "plain": [i.key for i in picture.items if i.sort != "data" and not is_signed(picture, i)],
        "facts": [facts_of(item.facts, words) for item in picture.items],
        "levels": levels, "layouts": layouts.listed(), "links": links, "opened": sorted(opened),
        "calls": [call_row(call, words) for call in picture.calls], "kernels": picture.kernels,
        "sources": picture.sources, "words": words.listed(),
    }  # fmt: skip


def call_row(call: Call, words: Words) -> list[Any]:
    return [words(call.family), words(call.kernel), list(map(words, call.reads)), list(map(words, call.writes))]


def columns(items: tuple[Item, ...], cards: dict[int, Card], words: Words) -> dict[str, list[Any]]:
    """The items, a column for each attribute."""
    return {
        "parent": [item.parent for item in items], "id": [words(item.id) for item in items],
        "label": [words(item.label) for item in items], "op": [words(item.op) for item in items],
        "sort": [words(item.sort) for item in items], "role": [ROLES.index(item.role) for item in items],
        "group": [words(item.group) for item in items], "type": [words(item.type) for item in items],
        "note": [words(item.note) for item in items], "parameters": [item.parameters for item in items],
        "work": [item.multiply_adds for item in items], "buffer": [item.buffer for item in items],
        "card": [[round(card.width), round(card.height), *map(words, card.lines)] for card in cards.values()],
    }  # fmt: skip


def facts_of(facts: Facts, words: Words) -> Any:
    """An item's facts in the order of FACTS in the script, 0 for none; those at the end left out."""
    every: list[Any] = [
        [[words(name), words(text)] for name, text in facts.attributes.items()], facts.calls,
        list(map(words, facts.buffers)), list(map(words, facts.gradients[:GRADIENTS])), facts.backward,
        list(map(words, facts.states)), max(0, len(facts.gradients) - GRADIENTS),
    ]  # fmt: skip
    found = [each or 0 for each in every]
    while found and found[-1] == 0:
        del found[-1]
    return found or 0


def level_of(composition: Composition, key: int, words: Words, layouts: Layouts) -> dict[str, Any]:
    """The inside of a group with its layout, of a wiring both."""
    level = composition.levels[key]
    found: dict[str, Any] = {
        "items": level.items, "layout": layouts(composition.arranged(key)),
        "ports": [[int(port.enters), words(port.label)] for port in level.ports],
        "arrows": [
            [arrow.source, arrow.target, words(level.label(arrow)), words(arrow.type), int(arrow.aside),
             len(arrow.values), *map(words, arrow.values[:VALUES])]
            for arrow in level.arrows
        ],
    }  # fmt: skip
    if composition.backward(level):
        found["upward"] = 1
    if key != TOP and composition.picture.items[key].group == "wiring" and (last := below_ring(composition, level)):
        sizes = {child: composition.size(child) for child in level.items}
        found["ring"] = layouts(ring_of(level, sizes, last))
    return found


def below_ring(composition: Composition, level: Level) -> int:
    """How many of a wiring's items, the last ones, are none of its nodes; 0 where some other one is not."""
    nodes = [is_wired(composition.picture, composition.picture.items[key]) for key in level.items]
    last = nodes[::-1].index(True) if True in nodes else 0
    return last if all(nodes[: len(nodes) - last]) else 0
