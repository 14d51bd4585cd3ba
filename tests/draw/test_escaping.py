"""Names come from files: none of them becomes markup, script or code of a drawing language."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import nngraph as ng
from nngraph.draw.arena import arena_drawing, arena_of
from nngraph.draw.drawing import rendered
from nngraph.draw.subject import picture_of
from nngraph.draw.wiring import wiring_drawing
from nngraph.ir.op import REGISTRY
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import needs_graphviz, small_graph, wired_graph

NASTY = [
    "</script><script>window.broken=1</script>",
    '"];  evil [label="x"]; //',
    "<b>&amp;]]>--></title></svg><img src=x onerror=alert(1)>",
    'a"]:::x; click n0 "https://example.org"',
    "{{policy}}{{title}}{{style}}{{data}}{{script}}",
    "\\",
]


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


def tags(page: str) -> list[str]:
    parser = Tags()
    parser.feed(page)
    return parser.found


@pytest.fixture
def register():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("after", [None, "fuse", "plan"])
@needs_graphviz
def test_titles(name, after):
    found = picture_of(compilation_of(small_graph(name)), after)
    plain = picture_of(compilation_of(small_graph("plain")), after)
    page = str(rendered(found, "html"))
    assert tags(page) == tags(str(rendered(plain, "html")))
    assert json.loads(re.search(r'json">(.*?)</script>', page, re.DOTALL)[1])["title"] == name
    svg = ElementTree.fromstring(str(rendered(found, "svg")))
    assert name in {text.text for text in svg.iter()}
    assert len(list(svg.iter())) == len(list(ElementTree.fromstring(str(rendered(plain, "svg"))).iter()))
    assert rendered(found, "png").content[:4] == b"\x89PNG"
    mermaid, other = (str(rendered(p, "mermaid")).splitlines() for p in (found, plain))
    assert mermaid[2:] == other[2:]
    assert re.fullmatch(r"  %% [\w .,:/×·+\-]*", mermaid[1])


@needs_graphviz
def test_labels_of_nodes_are_escaped_wherever_they_come_from():
    """Ids are letters, digits, '_', '-', '.' and '/', but a picture does not rely on that."""
    from dataclasses import replace

    plain = picture_of(compilation_of(small_graph()))
    for name in NASTY:
        items = tuple(replace(item, id=name, label=name, op=name, note=name, type=name) for item in plain.items)
        links = tuple(replace(link, value=name, type=name) for link in plain.links)
        found = replace(plain, items=items, links=links)
        assert tags(str(rendered(found, "html"))) == tags(str(rendered(plain, "html")))
        ElementTree.fromstring(str(rendered(found, "svg", [1])))
        assert rendered(found, "png", [1]).content[:4] == b"\x89PNG"
        dot = rendered(found, "dot", [1])
        import pygraphviz

        whole = len(pygraphviz.AGraph(string=str(rendered(plain, "dot", [1]))).nodes())
        assert len(pygraphviz.AGraph(string=str(dot)).nodes()) == whole
        lines = str(rendered(found, "mermaid")).splitlines()
        assert not any(re.search(r"^\s*(click|end|subgraph|script)\b", line) for line in lines)
        assert all(line.count('"') in (0, 2) for line in lines)


@needs_graphviz
def test_operators_of_users_are_data_too(register):
    ng.register_op(
        ng.Op("twice", "<script>", "</style>", ("x",), infer=lambda x: x, reference=lambda x: 2 * x,
              expr=lambda x: x + x)
    )  # fmt: skip
    g = ng.Graph("own")
    g.output(g.twice(g.input("x", shape=(3,))))
    assert g.draw(format="html")
    assert "twice" in str(g.draw(format="svg"))


@needs_graphviz
@pytest.mark.parametrize("name", NASTY)
def test_memory_and_wirings(name):
    arena = arena_of(compilation_of(small_graph(name)))
    ElementTree.fromstring(str(arena_drawing(arena, "svg").content))
    other = arena_drawing(arena_of(compilation_of(small_graph("plain"))), "html")
    assert tags(str(arena_drawing(arena, "html"))) == tags(str(other))
    g = wired_graph()
    g.wiring.graph["name"] = name
    ElementTree.fromstring(str(wiring_drawing(g.declaration(), "stage")))


@needs_graphviz
def test_a_page_may_ask_for_nothing():
    page = str(small_graph().draw(format="html"))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"].startswith("'sha256-")
    assert parts["style-src"].startswith("'sha256-")
    assert set(parts) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "http://www.w3.org/2000/svg" in page
    assert set(re.findall(r"https?://[^\"'`\s]+", page)) == {"http://www.w3.org/2000/svg"}
