"""Randomly wired networks: the paper's sizes, wirings of any kind, and what files hold of them."""

import json

import networkx as nx
import numpy as np
import pytest

import nngraph as ng
from nngraph.declare.load import parse
from nngraph.lower.lower import lower
from nngraph.report.nodes import totals_of

SMALL = {"type": "ws", "nodes": 5, "k": 2, "p": 0.5, "seed": 3}


def stage(**given):
    g = ng.Graph("net")
    g.output(g.randwire(g.input("x", shape=(8, 8, 3)), 6, **given, name="stage"))
    return g


def lowered(graph):
    return lower(graph.wiring)


@pytest.mark.parametrize(
    ("channels", "regime", "parameters", "work"),
    [
        (78, "small", (5.6, 0.1), (0.58, 0.01)),
        (109, "regular", (32, 1), (4.0, 0.1)),
        (154, "regular", (62, 2), (7.9, 0.2)),
    ],
)
def test_sizes_are_those_of_the_paper(channels, regime, parameters, work):
    """Each draw is off by its own few per cent: the mean of a few is held to what the mean of many has to be."""
    found = [totals_of(lowered(ng.randwire(ng.WS(seed=seed), channels, regime=regime))) for seed in (1, 6, 8)]
    size, multiply_adds = np.mean(found, axis=0)
    assert size / 1e6 == pytest.approx(parameters[0], abs=parameters[1])
    assert multiply_adds / 1e9 == pytest.approx(work[0], abs=work[1])


def test_every_stage_is_wired_differently():
    first, second = (ng.randwire(ng.WS(8, 2, seed=seed), 4, regime="regular") for seed in (0, 1))
    nodes = [json.loads(g.to_json())["nodes"] for g in (first, second)]
    wired = [[n["generator"] for n in each if n["op"] == "randwire"] for each in nodes]
    assert [w["seed"] for each in wired for w in each] == list(range(8))
    assert [w["nodes"] for w in wired[0]] == [4, 8, 8, 8]


def test_the_regular_regime_drops_edges_and_features():
    g = ng.randwire("chain", 4, regime="regular", input_shape=(32, 32, 3), classes=10)
    assert g["logits"].shape[1:] == (10,)
    assert g.nx.nodes["stage2"]["edge_dropout"] == 0.1
    assert g.nx.nodes["dropout"]["rate"] == 0.2


def test_a_networkx_graph_wires_all_stages():
    g = ng.randwire(nx.cycle_graph(4), 4)
    assert g.nx.nodes["stage3"]["edges"] == ((0, 1), (0, 3), (1, 2), (2, 3))
    direct = stage(generator=nx.cycle_graph(4))
    assert totals_of(lowered(direct)) == totals_of(lowered(stage(edges=[(0, 1), (0, 3), (1, 2), (2, 3)])))


def test_parts_have_names_of_their_own():
    graph = lowered(stage(edges=[[0, 1], [0, 2], [1, 2]], trainable=False))
    names = [state.name for state in graph.states]
    assert names[:6] == [
        "stage/n00/depthwise.weight", "stage/n00/pointwise.weight", "stage/n00/norm.scale", "stage/n00/norm.offset",
        "stage/n00/norm.running_mean", "stage/n00/norm.running_variance",
    ]  # fmt: skip
    shapes = {state.name: state.public_shape for state in graph.states}
    assert shapes["stage/n02/sum.weight"] == (2,)
    assert shapes["stage/n00/depthwise.weight"] == (3, 3, 3, 1)
    assert shapes["stage/n02/pointwise.weight"] == (6, 1, 1, 6)
    assert not any(state.trainable for state in graph.states)
    ids = [node.id for node in graph.nodes]
    assert {"stage/n00/depthwise", "stage/n01/sum", "stage/n02/pointwise"} <= set(ids)
    assert graph.outputs[0][1].name == "stage"


def test_nodes_may_stand_in_any_order():
    """An edge may lead from a larger index to a smaller one; a stage of one node has no edges."""
    back, forth = stage(edges=[[2, 1], [1, 0]]), stage(edges=[[0, 1], [1, 2]])
    assert totals_of(lowered(back)) == totals_of(lowered(forth))
    assert not [s for s in lowered(stage(edges=[])).states if s.name.endswith("sum.weight")]


def test_parameters_are_shared_by_part():
    g = ng.Graph("siamese")
    x, y = g.input("x", shape=(8, 8, 3)), g.input("y", shape=(8, 8, 3))
    first = g.randwire(x, 4, generator=SMALL, name="first")
    g.output(g.add(first, g.randwire(y, 4, generator=SMALL, shared_with=first, name="second")))
    alone = stage(generator=SMALL)
    assert len(lowered(g).states) == len(lowered(alone).states)
    assert all(state.name.startswith("first/") for state in lowered(g).states)


def test_files_hold_the_generator_or_the_edges():
    g = stage(generator=ng.WS(5, 2, 0.5, seed=3))
    (node,) = json.loads(g.to_json())["nodes"]
    assert node["generator"] == SMALL
    (written,) = json.loads(g.to_json(resolved=True))["nodes"]
    assert "generator" not in written
    assert len(written["edges"]) == 5
    assert g.nx.nodes["stage"]["generator"] == SMALL
    for text in (g.to_json(), g.to_json(resolved=True), g.to_json("node-link", resolved=True)):
        again = parse(text)
        assert [n.id for n in lowered(again).nodes] == [n.id for n in lowered(g).nodes]
        assert again.to_json(resolved=True) == g.to_json(resolved=True)


def test_the_default_is_left_out_of_files():
    (node,) = json.loads(stage().to_json())["nodes"]
    assert node == {"id": "stage", "op": "randwire", "inputs": ["x"], "channels": 6}


def test_what_is_wrong_is_said_in_one_line():
    for given, message in (
        ({"generator": "wss"}, "node 'stage' (randwire): wiring 'wss': not known; did you mean 'ws'?"),
        ({"generator": {"type": "ws", "nodes": 4, "k": 4}}, "node 'stage' (randwire): wiring 'ws': k=4 given for 4"),
        ({"generator": nx.Graph([(0, 1), (2, 3)])}, "node 'stage' (randwire): wiring: a graph in several pieces given"),
        ({"edges": [[0, 1], [1, 0]]}, "node 'stage' (randwire): wiring 'edges': a cycle given (0 -> 1 -> 0)"),
        ({"edges": [[0]]}, "node 'stage' (randwire): attribute 'edges': [[0]] given, a list of pairs"),
        ({"edges": [[0, 1]], "generator": "ba"}, "generator and edges given, one of them expected"),
    ):
        with pytest.raises(ng.DeclarationError) as caught:
            stage(**given)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ng.OptionError, match="regime: 'smal' given; did you mean 'small'"):
        ng.randwire(regime="smal")
    with pytest.raises(ng.OptionError, match="channels: 1 given, a whole number of at least 2 expected"):
        ng.randwire(channels=1)
    with pytest.raises(ng.OptionError, match="channels: '78' given, a whole number"):
        ng.randwire(channels="78")


def test_what_is_saved_has_its_edges(tmp_path):
    g = ng.Graph("wired")
    g.output(g.randwire(g.input("x", shape=(8, 8, 3)), 4, generator={"type": "ws", "nodes": 6, "k": 2, "p": 0.5}))
    g.save(tmp_path / "wired.json")
    (saved,) = json.loads((tmp_path / "wired.json").read_text())["nodes"]
    assert "generator" not in saved
    assert len(saved["edges"]) == 6
    g.save(tmp_path / "wired.json", resolved=False)
    assert '"generator"' in (tmp_path / "wired.json").read_text()
