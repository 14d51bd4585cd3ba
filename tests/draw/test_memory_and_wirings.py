"""The arena over the schedule, and wirings around a ring."""

import json
import re
from xml.etree import ElementTree

import pytest

from nngraph.cli.arguments import load_graph
from nngraph.draw.arena import HEIGHT, TOP, arena_drawing, arena_of, ticks
from nngraph.draw.wiring import wiring_drawing
from nngraph.errors import OptionError
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import MODELS, needs_graphviz, small_graph

SVG = "{http://www.w3.org/2000/svg}"


def test_a_box_for_each_value_to_scale():
    arena = arena_of(compilation_of(small_graph(), batch=64))
    root = ElementTree.fromstring(str(arena_drawing(arena, "svg")))
    boxes = {g.find(f"{SVG}title").text.split(":")[0]: g.find(f"{SVG}rect") for g in root.iter(f"{SVG}g")
             if g.find(f"{SVG}title") is not None}  # fmt: skip
    assert set(boxes) == {row.name for row in arena.report.rows}
    scale = HEIGHT / arena.report.values
    for row in arena.report.rows:
        box = boxes[row.name]
        assert float(box.get("height")) == pytest.approx(max(row.nbytes * scale, 0.5), abs=0.01)
        bottom = float(box.get("y")) + row.nbytes * scale
        assert bottom == pytest.approx(TOP + HEIGHT - row.offset * scale, abs=0.06)


def test_the_page_of_an_arena_holds_the_same():
    arena = arena_of(compilation_of(small_graph()))
    page = str(arena_drawing(arena, "html"))
    data = json.loads(re.search(r'json">(.*?)</script>', page, re.DOTALL)[1])
    assert {row[0]: row[2] for row in data["rows"]} == {row.name: row.nbytes for row in arena.report.rows}
    assert data["live"] == list(arena.report.live)
    assert len(data["calls"]) == len(data["live"])


def test_ticks_are_round_and_few():
    assert ticks(100, 5, [1, 2, 5, 10, 20, 50]) == [0, 20, 40, 60, 80, 100]
    assert ticks(3, 5, [1, 2]) == [0, 1, 2, 3]


@needs_graphviz
def test_a_wiring_is_drawn_twice():
    declared = load_graph(MODELS / "randwire_cifar.json").declaration()
    root = ElementTree.fromstring(str(wiring_drawing(declared, "stage2")))
    edges = [path.find(f"{SVG}title").text for path in root.iter(f"{SVG}path") if path.get("class") == "wire"]
    given = declared.nodes["stage2"]["edges"]
    assert sorted(edges) == sorted(f"{a} → {b}" for a, b in given for _ in range(2))
    numbers = [g.find(f"{SVG}text").text for g in root.iter(f"{SVG}g") if g.find(f"{SVG}text") is not None]
    assert sorted(map(int, numbers)) == sorted([*range(32)] * 2)
    with pytest.raises(OptionError, match="--wiring: 'stage9' given, the id of a randwire node expected; did you mean"):
        wiring_drawing(declared, "stage9")
