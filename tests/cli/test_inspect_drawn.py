"""`nngraph inspect` with a format or a file."""

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nngraph.cli.drawing import FORMATS
from nngraph.draw import drawing

MODELS = Path(__file__).resolve().parents[2] / "models"
PLANE = MODELS / "classify2d_0.1.json"
pytestmark = pytest.mark.skipif(not importlib.util.find_spec("pygraphviz"), reason="pygraphviz is not installed")


def test_the_formats_of_help_are_those_there_are():
    assert FORMATS == drawing.FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_in_every_format(nngraph, small, tmp_path, format):
    file = tmp_path / f"graph.{format}"
    ran = nngraph("inspect", small, "-o", file, "--format", format)
    content = file.read_bytes()
    assert ran.out.startswith(f"{file}: {format}, ")
    assert len(content) > 200
    if format in ("svg", "mermaid", "dot", "text"):
        assert ran.code == 0
        printed = nngraph("inspect", small, "--format", format).out
        assert printed.splitlines()[0] == content.decode().splitlines()[0]


def test_the_suffix_says_the_format_and_groups_open(nngraph, small, tmp_path):
    nngraph("inspect", small, "-o", tmp_path / "graph.svg", "--expand", "h1")
    texts = {text.text for text in ElementTree.parse(tmp_path / "graph.svg").iter()}
    assert {"h1", "matmul", "relu1", "logits"} <= texts
    assert "  h1/matmul = matmul(image)" in nngraph("inspect", small, "--expand", "h1").out


@pytest.mark.parametrize("after", ["declare", "differentiate", "fuse", "schedule", "plan"])
def test_any_stage(nngraph, small, after):
    out = nngraph("inspect", small, "--after", after, "--format", "mermaid").out
    assert "relu1" in out
    assert ("buffer 1" in out) == (after == "plan")


def test_memory_values_and_wirings(nngraph, small, tmp_path):
    for arguments in (
        ("inspect", small, "--memory", "-o", tmp_path / "arena.svg"),
        ("inspect", small, "--memory", "-o", tmp_path / "arena.html"),
        ("inspect", small, "--values", "-o", tmp_path / "values.svg"),
        ("inspect", PLANE, "--values", "--data", "spirals", "--example", 3, "-o", tmp_path / "v.html"),
        ("inspect", MODELS / "digits_randwire.json", "--wiring", "stage1", "-o", tmp_path / "wiring.svg"),
    ):
        assert nngraph(*arguments).code == 0
    assert len(list(tmp_path.iterdir())) == 5
    assert "the gradient of the loss" in (tmp_path / "values.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "png"], "-o: none given, but png is no text; name a file"),
        (["-o", "graph.bmp"], "graph.bmp: the suffix '.bmp' says no format"),
        (["-o", "missing/graph.svg"], "missing/graph.svg: cannot be written (No such file or directory)"),
        (["--expand", "h2", "--format", "svg"], "--expand: 'h2' given, the id of a group, or 'all', expected"),
        (["--memory", "--format", "png", "-o", "x.png"], "--format: 'png' given, one of text, svg, html expected"),
        (["--memory", "-o", "x.png"], "x.png: the suffix '.png' says png, one of text, svg, html expected"),
        (["--wiring", "h1"], "--wiring: 'h1' given, the id of a randwire node expected; this model has none"),
        (["--values", "--memory"], "--memory, --values: both given, one of them expected"),
        (["--data", "digits"], "--data: given without --values"),
        (["--example", "2"], "--example: given without --values"),
        (["--memory", "--expand", "all"], "--expand: given, but --memory draws no groups"),
        (["--json", "-o", "graph.svg"], "--json: given, but a drawing is asked for"),
        (["--json", "--values"], "--json: given, but a drawing is asked for"),
        (["--values", "--data", "random:n=4,inputs=6,outputs=3", "--example", "9"], "--example: 9 given, but"),
        (["--after", "lover", "--format", "svg"], "--after: 'lover' given, one of declare, lower"),
    ],
)
def test_bad_input_is_told_in_a_line(nngraph, small, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = nngraph("inspect", small, *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"nngraph: {message}")
    assert ran.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
