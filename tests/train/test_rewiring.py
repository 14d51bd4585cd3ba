"""Wirings as users write them, and model files with other wirings."""

import copy

import pytest

from nngraph.errors import OptionError
from nngraph.train.rewiring import DECLARED, rewired, rewiring_of, wired_nodes

RING = [[0, 1], [1, 2], [2, 3], [0, 3]]
MODEL = {
    "name": "wired",
    "nodes": [
        {"id": "stem", "op": "conv2d", "inputs": ["image"], "filters": 8, "kernel_size": 3},
        {"id": "stage1", "op": "randwire", "inputs": ["stem"], "channels": 8,
         "generator": {"type": "er", "nodes": 12, "p": 0.5, "seed": 9}},
        {"id": "stage2", "op": "randwire", "inputs": ["stage1"], "channels": 16, "edges": RING},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "label", "generator"),
    [
        ("ws:4,0.75", "ws:4,0.75", {"type": "ws", "k": 4, "p": 0.75}),
        ("ws:p=0.750,k=4", "ws:4,0.75", {"type": "ws", "k": 4, "p": 0.75}),
        (" ws ", "ws:4,0.75", {"type": "ws", "k": 4, "p": 0.75}),
        ("er:0.20000001", "er:0.20000001", {"type": "er", "p": 0.20000001}),
        ("ba:40,nodes=64", "ba:40,nodes=64", {"type": "ba", "m": 40, "nodes": 64}),
        ("chain", "chain", {"type": "chain"}),
        ("residual", "residual:2", {"type": "residual", "span": 2}),
        ("dense:nodes=5", "dense:nodes=5", {"type": "dense", "nodes": 5}),
    ],
)
def test_forms(text, label, generator):
    wiring = rewiring_of("--wirings", text)
    assert (wiring.label, wiring.generator) == (label, generator)
    assert wiring.random == (generator["type"] in ("ws", "er", "ba"))
    assert rewiring_of("", label) == wiring


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w:4,0.75", "no wiring is called 'w'; did you mean 'ws'?"),
        ("edges", "no wiring is called 'edges'; did you mean 'dense'?"),
        ("tree", "no wiring is called 'tree'; expected one of er, ba, ws, chain, residual, dense"),
        ("ws:4,0.75,3", "'ws:4,0.75,3' given, ws:K,P or ws:K,P,nodes=N expected"),
        ("ws:4,k=2,p=0.5", "given, ws:K,P"),
        ("er:.2", "'er:.2' given, er:P or er:P,nodes=N expected"),
        ("ba:true", "'ba:true' given, ba:M"),
        ("ba:q=5", "given, ba:M"),
        ("ba:2.5", "wiring 'ba': attribute 'm': 2.5 given"),
        ("chain:3", "'chain:3' given, chain or chain:nodes=N expected"),
        ("ws:3,0.75", "wiring 'ws': k=3 given, an even number expected"),
        ("er:1.5", "wiring 'er': attribute 'p': 1.5 given"),
        ("", "no wiring is called ''"),
    ],
)
def test_what_says_nothing(text, message):
    with pytest.raises(OptionError) as raised:
        rewiring_of("--wirings", text)
    assert str(raised.value).startswith("--wirings: ")
    assert message in str(raised.value)


def test_each_node_has_a_seed_of_its_own():
    before = copy.deepcopy(MODEL)
    seeds = []
    for seed in range(3):
        found = rewired(MODEL, rewiring_of("", "ws:4,0.75"), seed)
        stem, first, second = found["nodes"]
        assert stem == MODEL["nodes"][0]
        assert first["generator"] == {"type": "ws", "nodes": 12, "k": 4, "p": 0.75, "seed": 2 * seed}
        assert second["generator"] == {"type": "ws", "nodes": 4, "k": 4, "p": 0.75, "seed": 2 * seed + 1}
        assert second.keys() == {"id", "op", "inputs", "channels", "generator"}
        seeds += [node["generator"]["seed"] for node in wired_nodes(found)]
    assert seeds == list(range(6))
    assert before == MODEL


def test_a_wiring_may_have_its_own_number_of_nodes():
    found = rewired(MODEL, rewiring_of("", "dense:nodes=5"), 0)
    assert [node["generator"]["nodes"] for node in wired_nodes(found)] == [5, 5]
    assert rewired(MODEL, DECLARED, 3) is MODEL


def test_regular_wirings_need_no_seed():
    """Nor does a node whose generator is the default one need to say how many nodes it has."""
    plain = {"nodes": [{"id": "stage", "op": "randwire", "inputs": ["x"], "channels": 4}]}
    (node,) = wired_nodes(rewired(plain, rewiring_of("", "chain"), 3))
    assert node["generator"] == {"type": "chain", "nodes": 32}
