"""`nngraph ops`: the operators, and one of them."""

import json

from nngraph.declare.methods import declarable


def test_every_operator_has_a_line(nngraph):
    lines = nngraph("ops").out.splitlines()
    calls = {line[14:].split("(")[0].strip() for line in lines[1:]}
    assert calls == set(declarable())


def test_one_operator(nngraph):
    out = nngraph("ops", "linear").out
    assert out.startswith("g.linear(x, units, bias=True)\n")
    assert "Size of the result's last axis." in out
    assert json.loads(out.splitlines()[-1])["op"] == "linear"


def test_an_unknown_one(nngraph):
    ran = nngraph("ops", "rleu")
    assert ran.code == 2
    assert "did you mean 'relu'?" in ran.err
