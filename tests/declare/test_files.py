"""Model files and node-link JSON: golden text, round trips, and all errors of a file at once."""

import json
import math
from pathlib import Path

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nngraph as ng
from nngraph.declare.load import parse

GOLDEN = Path(__file__).parents[1] / "golden" / "declared.json"


def rich() -> ng.Graph:
    """A graph with everything that a model file can say."""
    g = ng.Graph("rich")
    x = g.input("image", shape=(8, 8))
    i = g.input("word", shape=(), dtype="int32")
    e = g.embedding(i, 20, 16, name="embedding")
    h = g.linear(g.flatten(x), 16, initializer={"weight": {"type": "normal", "std": 0.1}}, name="stage/h1")
    h = g.linear(g.relu(h + h), 16, shared_with=None, trainable=False, name="h-2")
    h = g.linear(1 - h * 2.5, 16, shared_with="h-2", name="h.3")
    h = g.concat([h, e], axis=-1)
    g.output(g.linear(h, 10, regularizer={"type": "l2", "strength": 0.01}, name="logits"), "scores")
    g.output(g.sum(h, axis=(1,), keepdims=True))
    g.training = {"loss": {"scores": "cross_entropy"}, "epochs": 20, "batch_size": 32}
    return g


def test_golden_model_file():
    assert rich().to_json() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("format", ["model", "node-link"])
def test_round_trip(tmp_path: Path, format: str):
    g = rich()
    path = tmp_path / "model.json"
    g.save(path, format)
    found = ng.load(path)
    assert found.to_json() == g.to_json()
    assert dict(found.wiring.nodes) == dict(g.wiring.nodes)
    assert found.types == g.types
    assert found.training == g.training
    assert list(tmp_path.iterdir()) == [path]


def test_node_link_is_what_networkx_writes_and_reads():
    g = rich()
    ours = json.loads(g.to_json("node-link"))
    theirs = json.loads(json.dumps(networkx.node_link_data(g.nx, edges="edges")))
    assert [{**node} for node in ours["nodes"]] == theirs["nodes"]
    assert sorted(map(str, ours["edges"])) == sorted(str(edge) for edge in theirs["edges"])
    back = networkx.node_link_graph(ours, edges="edges")
    assert ng.from_networkx(back).to_json() == g.to_json()
    links = parse(json.dumps(networkx.node_link_data(g.nx, edges="links")))
    assert links.to_json() == g.to_json()


OPS = st.sampled_from(["relu", "tanh", "add", "subtract", "linear", "number", "concat"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(OPS, st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12))
def test_random_graphs_survive_a_round_trip(steps: list[tuple[str, int, int]]):
    g = ng.Graph("random")
    values = [g.input("x", (3,)), g.input("y", (3,))]
    for op, k, j in steps:
        a, b = values[k % len(values)], values[j % len(values)]
        if op == "linear":
            values.append(g.linear(a, 3))
        elif op == "number":
            values.append(a * (k / 7) if k % 2 else j - a)
        elif op == "concat":
            values.append(g.slice(g.concat([a, b, a]), stop=3))
        else:
            values.append(g.apply(op, [a, b] if op in ("add", "subtract") else [a]))
    g.output(values[-1])
    for format in ("model", "node-link"):
        found = parse(g.to_json(format))
        assert found.wiring.nodes == g.wiring.nodes
        assert found.wiring.pred == g.wiring.pred
        assert found.to_json() == g.to_json()


def test_nodes_may_stand_in_any_order():
    document = json.loads(rich().to_json())
    document["nodes"].reverse()
    found = parse(json.dumps(document))
    assert found.types == rich().types


def model(**changes: object) -> str:
    whole = {
        "format": "nngraph-model", "version": 1, "inputs": {"x": {"shape": [4]}},
        "nodes": [{"id": "h", "op": "linear", "inputs": ["x"], "units": 4}], "outputs": ["h"],
    }  # fmt: skip
    return json.dumps(whole | changes)


def nodes(*entries: object) -> str:
    return model(nodes=[{"id": "h", "op": "linear", "inputs": ["x"], "units": 4}, *entries])


def node(op: str, *inputs: object, id: str = "n", **attributes: object) -> str:
    return nodes({"id": id, "op": op, "inputs": list(inputs), **attributes})


def links(*edges: object, **changes: object) -> str:
    ops = [{"id": "x", "op": "input", "shape": [4]}, {"id": "a", "op": "tanh"}, {"id": "b", "op": "subtract"}]
    return json.dumps({"directed": True, "nodes": ops, "edges": [dict(edge) for edge in edges]} | changes)


def edge(source: str, target: str, **attributes: object) -> dict[str, object]:
    return {"source": source, "target": target, **attributes}


WRONG = {
    "empty": ("", "m.json: not JSON: Expecting value (line 1, column 1)"),
    "not JSON": ('{"format":\n 1', "m.json: not JSON: Expecting ',' delimiter (line 2, column 3)"),
    "another object": ('{"layers": []}', "m.json: neither a model file"),
    "a list": ("[]", "neither a model file"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "another format": (model(format="onnx"), "neither a model file"),
    "twice": ('{"format": "nngraph-model", "name": "a", "name": "b"}', "'name' stands twice in one object"),
    "newer": (model(version=2), "model: version 2 given, at most 1 expected; update nngraph"),
    "older": (model(version=0), "model: version 0 given, 1 expected"),
    "version text": (model(version="1"), "model: version: '1' given, an integer expected"),
    "unknown field": (model(nme="x"), "model: unknown field 'nme'; did you mean 'name'?"),
    "missing field": ('{"format": "nngraph-model", "version": 1}', "model: 'nodes' is missing; add it"),
    "nodes of another type": (model(nodes={}), "model: nodes: {} given, a list expected"),
    "input's shape": (model(inputs={"x": {"shape": 4}}), "input 'x': shape: 4 given, a list expected"),
    "input's size": (model(inputs={"x": {"shape": [0]}}), "input 'x': shape [0] given, positive integers"),
    "input's dtype": (
        model(inputs={"x": {"shape": [4], "dtype": "int8"}}),
        "input 'x': dtype: 'int8' given, 'float'",
    ),
    "input's field": (model(inputs={"x": {"shape": [4], "size": 1}}), "input 'x': unknown field 'size'"),
    "input's id": (model(inputs={"x y": {"shape": [4]}}), "input 'x y': id 'x y' given, 1 to 200 letters"),
    "no outputs": (model(outputs=[]), "outputs are empty"),
    "output's node": (
        model(outputs=["hh"]),
        "output 'hh': 'hh' given, which is no node of the graph; did you mean 'h'",
    ),
    "output twice": (model(outputs=["h", "h"]), "output 'h': this name is an output already"),
    "output's fields": (model(outputs=[{"name": "y"}]), "'node' is missing; add it"),
    "node's fields": (nodes({"op": "relu"}), "node number 2: 'id' is missing; add it"),
    "no object": (nodes(3), "node number 2: 3 given"),
    "inputs": (
        nodes({"id": "n", "op": "relu", "inputs": "h"}),
        "node 'n': inputs: 'h' given, a list expected",
    ),
    "op": (
        node("rleu", "h"),
        "node 'n' (rleu): op 'rleu' given, the name of a registered op expected; did you mean 'relu'?",
    ),
    "internal op": (node("view", "h"), "op 'view' given, the name of a registered op expected"),
    "duplicate": (
        node("relu", "x", id="h"),
        "node 'h' (relu): its id is taken by another node, of op 'linear'",
    ),
    "id": (node("relu", "h", id="ä"), "node 'ä' (relu): id 'ä' given"),
    "dangling": (
        node("relu", "hh"),
        "input 'hh' given, which is no node or input of the graph; did you mean 'h'?",
    ),
    "arity": (node("add", "h"), "node 'n' (add): 1 input given, 2 expected (a, b)"),
    "extra": (node("relu", "h", rate=3), "attribute 'rate' given, but 'relu' has none of that name"),
    "missing": (node("linear", "h"), "attribute 'units' missing"),
    "value": (node("linear", "h", units=2.5), "'units': 2.5 given, an integer of at least 1 expected"),
    "NaN": (node("leaky_relu", "h", slope=math.nan), "'slope': nan given, a finite number expected"),
    "infinite operand": (
        node("add", "h", math.inf),
        "the number inf given as an input, a finite one expected",
    ),
    "overflow": (
        node("add", "h", 5).replace("5]", "1e999]"),
        "the number inf given as an input, a finite one",
    ),
    "numbers": (node("concat", "h", 1), "the number 1 given as an input, a value expected"),
    "shapes": (node("reshape", "h", shape=[3]), "node 'n' (reshape): "),
    "itself": (
        node("relu", "n"),
        "a cycle leads back to it (n -> n); cut it, or unroll it in time with ng.unroll",
    ),
    "cycle": (
        nodes({"id": "a", "op": "relu", "inputs": ["b"]}, {"id": "b", "op": "relu", "inputs": ["a"]}),
        "node 'a' (relu): a cycle leads back to it (a -> b -> a)",
    ),
    "sharing": (node("linear", "h", units=4, shared_with="g"), "shared_with='g' given, which is no node"),
    "circle of sharing": (
        nodes(
            {"id": "a", "op": "linear", "inputs": ["h"], "units": 4, "shared_with": "b"},
            {"id": "b", "op": "linear", "inputs": ["h"], "units": 4, "shared_with": "a"},
        ),
        "shared_with leads round in a circle",
    ),
    "training": (model(training={"epoch": 3}), "training: unknown field 'epoch'; did you mean 'epochs'?"),
    "epochs": (
        model(training={"epochs": 0}),
        "training: epochs: 0 given, greater than or equal to 1 expected",
    ),
    "loss": (
        model(training={"loss": "cross_entrpy"}),
        "training: loss 'cross_entrpy': not known; did you mean",
    ),
    "optimizer": (model(training={"optimizer": {"type": "adam", "rate": 1}}), "no option 'rate'"),
    "loss of no output": (
        model(training={"loss": {"y": "cross_entropy"}}),
        "training: loss of 'y', which is no output; expected h",
    ),
    "infinite data": (
        model(training={"data": {"noise": math.inf}}),
        "training: data: inf given, finite numbers",
    ),
    "training of another type": (model(training=[]), "model: training: [] given, an object expected"),
    "name": (model(name="a\nb"), "model: name 'a\\nb' given, a text of one line"),
    "name of another type": (model(name=3), "model: name: 3 given, a string expected"),
    "operand of another type": (
        node("relu", True),
        "inputs[0]: True given, a string or an integer or a number",
    ),
    "huge operand": (node("add", "h", 10**400), "the number inf given as an input, a finite one expected"),
    "endless number": (model(version=7).replace("7", "7" * 5000), "not a model file: Exceeds the limit"),
    "undirected": (links(directed=False), '"directed": true expected'),
    "no op": (links(nodes=[{"id": "a"}]), "node 'a': it has no attribute 'op', the name of its op expected"),
    "edge to nowhere": (
        links(edge("x", "aa")),
        "edge 'x' -> 'aa': 'aa' is no node of the graph; did you mean 'a'?",
    ),
    "half an edge": (
        links({"source": "x"}),
        "edge number 1: {'source': 'x'} given, a 'source' and a 'target'",
    ),
    "no order": (links(edge("x", "a"), edge("x", "b"), edge("a", "b")), "do not say which input comes first"),
    "half an order": (
        links(edge("x", "a"), edge("x", "b", operand=0), edge("a", "b", operand=0)),
        "operand=[0, 0] given",
    ),
    "wrong numbers": (
        links(nodes=[{"id": "x", "op": "input", "shape": [4]}, {"id": "b", "op": "add", "numbers": [2]}]),
        "node 'b': numbers=[2] given, pairs of an operand's position and a number expected",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str):
    text, message = WRONG[mistake]
    monkeypatch.chdir(tmp_path)
    Path("m.json").write_text(text, encoding="utf-8")
    with pytest.raises(ng.DeclarationError) as caught:
        ng.load("m.json")
    lines = str(caught.value).splitlines()
    assert any(message in line for line in lines), lines
    assert all(line.startswith("m.json: ") for line in lines)


def test_all_errors_are_reported_at_once_and_none_twice():
    wrong = nodes(
        {"id": "a", "op": "rleu", "inputs": ["h"]},
        {"id": "b", "op": "add", "inputs": ["a", "h"]},
        {"id": "c", "op": "linear", "inputs": ["h"]},
        {"id": "d", "op": "relu", "inputs": ["c"]},
        {"id": "e", "op": "relu", "inputs": ["zz"]},
    )
    with pytest.raises(ng.Errors) as caught:
        parse(json.dumps(json.loads(wrong) | {"outputs": ["y"], "training": {"epochs": 0}, "size": 1}))
    found = [message.split(":")[0] for message in caught.value.messages]
    assert found == [
        "model",
        "training",
        "node 'a' (rleu)",
        "node 'c' (linear)",
        "node 'e' (relu)",
        "output 'y'",
    ]


def test_unreadable_files(tmp_path: Path):
    (tmp_path / "digits.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ng.DeclarationError, match="no such file; did you mean 'digits.json'"):
        ng.load(tmp_path / "digit.json")
    with pytest.raises(ng.DeclarationError, match="not UTF-8 text"):
        ng.load(tmp_path / "digits.json")
    with pytest.raises(ng.DeclarationError, match="cannot be read"):
        ng.load(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "m.json"
    rich().save(path)
    before = path.read_text()

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(ng.DeclarationError, match="cannot be written \\(No space left on device\\)"):
        ng.Graph("other").save(path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
