"""Text, Mermaid, DOT, SVG, PNG and pages of pictures, by their structure."""

import json
import re
import sys
from xml.etree import ElementTree

import pytest

import nngraph as ng
from nngraph.draw.drawing import FORMATS, opened_in, rendered
from nngraph.draw.subject import picture_of
from nngraph.errors import OptionError
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import MODELS, needs_graphviz, picture, small_graph, wired_graph

SVG = "{http://www.w3.org/2000/svg}"
EVERY = sorted([*MODELS.rglob("*.json"), *MODELS.rglob("*.py")])


def data_of(page: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("path", EVERY, ids=lambda path: str(path.relative_to(MODELS)))
@needs_graphviz
def test_every_model_is_drawn(path):
    found = picture(str(path.relative_to(MODELS)))
    for format in ("text", "mermaid", "dot"):
        assert str(rendered(found, format)).count("\n") > len(found.children()[-1])
    root = ElementTree.fromstring(str(rendered(found, "svg")))
    cards = [g for g in root.iter(f"{SVG}g") if "r-" in g.get("class", "") and g.find(f"{SVG}title") is not None]
    assert len(cards) == len(found.children()[-1])
    data = data_of(str(rendered(found, "html")))
    assert len(data["items"]["id"]) == len(found.items)


@pytest.mark.parametrize("after", ["lower", "differentiate", "fuse", "optimize", "schedule", "plan"])
@needs_graphviz
def test_every_stage_is_drawn_open(after):
    found = picture("digits_cnn.json", after)
    opened = opened_in(found, ["all"])
    for format in FORMATS[:-2]:
        text = str(rendered(found, format, opened))
        assert "conv2" in text
    root = ElementTree.fromstring(str(rendered(found, "svg", opened)))
    names = {text.text for text in root.iter(f"{SVG}text")}
    assert {item.label for item in found.items if len(item.label) < 20} <= names


def test_text_indents_what_is_open():
    found = picture("digits_mlp.json")
    lines = str(rendered(found, "text", opened_in(found, ["hidden1"]))).splitlines()
    assert "hidden1 = linear(dropout0)  [128 units]  float[batch, 128]  8.32k par. · 8.19k MACs  2 inside" in [
        line.replace("linear()", "linear(dropout0)") for line in lines
    ]
    assert any(line.startswith("  hidden1/matmul = matmul(dropout0)") for line in lines)


def test_mermaid_declares_every_node_before_its_arrows():
    text = str(rendered(picture_of(compilation_of(wired_graph())), "mermaid"))
    declared = set(re.findall(r"^ +(n\d+)\W", text, re.MULTILINE))
    ends = {end for pair in re.findall(r"^ +(n\d+) -\S+ (n\d+)$", text.replace("|", " "), re.MULTILINE) for end in pair}
    assert text.startswith("flowchart TD\n")
    assert ends <= declared
    assert "stage<br/>randwire" in text


@needs_graphviz
@pytest.mark.parametrize("after", [None, "differentiate", "fuse", "plan"])
@pytest.mark.parametrize("expand", [(), ("all",)])
def test_graphviz_reads_dot(after, expand):
    import pygraphviz

    found = picture("digits_randwire.json", after) if not after else picture_of(compilation_of(small_graph()), after)
    opened = opened_in(found, expand)
    graph = pygraphviz.AGraph(string=str(rendered(found, "dot", opened)))
    hidden = {item.key for item in found.items if any(g != -1 and g not in opened for g in found.ancestors(item.key))}
    assert {int(n[1:]) for n in graph.nodes()} == {i.key for i in found.items} - hidden - set(opened)


@needs_graphviz
def test_png_has_its_size(tmp_path):
    drawing = small_graph().draw(tmp_path / "graph.png")
    content = (tmp_path / "graph.png").read_bytes()
    assert content == drawing._repr_png_()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(content[16:20], "big") > 100


@needs_graphviz
def test_a_group_that_is_opened_opens_those_around_it():
    found = picture_of(compilation_of(wired_graph()))
    opened = opened_in(found, ["stage/n01"])
    assert {found.items[key].id for key in opened} == {"stage", "stage/n01"}
    labels = {t.text for t in ElementTree.fromstring(str(rendered(found, "svg", opened))).iter(f"{SVG}text")}
    assert {"depthwise", "pointwise"} <= labels
    with pytest.raises(OptionError, match="expand: 'stag' given, .* did you mean 'stage'"):
        opened_in(found, ["stag"])


@needs_graphviz
def test_draw_goes_by_suffix_and_notebooks_show_it(tmp_path):
    g = small_graph()
    for suffix, begin in (
        (".svg", "<svg"),
        (".html", "<!DOCTYPE"),
        (".mmd", "flowchart"),
        (".gv", "digraph"),
        (".txt", "s"),
    ):
        g.draw(tmp_path / f"graph{suffix}")
        assert (tmp_path / f"graph{suffix}").read_text().startswith(begin)
    assert g.draw()._repr_svg_() == g._repr_svg_()
    frame = g._repr_html_()
    assert frame
    assert frame.startswith('<iframe sandbox="allow-scripts"')
    assert frame.count("<") == 2
    with pytest.raises(OptionError, match=r"graph\.foo: the suffix '\.foo' says no format"):
        g.draw(tmp_path / "graph.foo")
    with pytest.raises(OptionError, match="cannot be written"):
        g.draw(tmp_path / "missing" / "graph.svg")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gv", ".html", ".mmd", ".svg", ".txt"]


def test_without_pygraphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    g = small_graph()
    for format in ("text", "mermaid", "dot"):
        assert "logits" in str(g.draw(format=format))
    for format in ("svg", "png", "html"):
        with pytest.raises(
            OptionError, match=r'pip install "nngraph\[diagram\]", or ask for text, mermaid or dot'
        ) as raised:
            g.draw(format=format)
        assert "\n" not in str(raised.value)


@needs_graphviz
def test_a_model_is_shown_as_its_graph():
    g = small_graph()
    model = ng.compile(g)
    assert model._repr_svg_() == g._repr_svg_()
    assert model._repr_html_() == g._repr_html_()


def test_a_graph_without_an_output_is_only_told(monkeypatch):
    g = ng.Graph("begun")
    g.input("x", shape=(3,))
    assert g._repr_svg_() is None
    assert g._repr_html_() is None
