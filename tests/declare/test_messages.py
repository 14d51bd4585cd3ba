"""Each thing that a declaration can get wrong: the message, and the line that it points to."""

import math
import re
import traceback

import networkx
import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DeclarationError


def mistakes():
    """One mistake an entry, with what must be said of it."""
    g = ng.Graph()
    x, i = g.input("x", (4,)), g.input("i", (4,), "int32")
    other = ng.Graph("other").input("x", (4,))
    g.linear(x, 4, name="h")
    return {
        "missing attribute": (
            lambda: g.linear(x),
            "node 'linear_1' (linear): attribute 'units' missing: expected",
        ),
        "extra attribute": (
            lambda: g.relu(x, slope=1),
            "attribute 'slope' given, but 'relu' has none of that name",
        ),
        "mistyped attribute": (lambda: g.linear(x, unit=3), "did you mean 'units'?"),
        "several wrong": (
            lambda: g.linear(x, 0, bias="no"),
            "'units': 0 given, an integer of at least 1 expected; ",
        ),
        "attribute twice": (lambda: g.linear(x, 3, units=3), "units is given twice, by position and by name"),
        "too many": (
            lambda: g.linear(x, 3, True, 5),
            "4 positional arguments given, expected linear(x, units, bias=True)",
        ),
        "no input": (lambda: g.relu(), "input 'x' is missing; expected relu(x)"),
        "no value": (lambda: g.relu("x"), "'x' given as an input, a value of this graph expected"),
        "an array": (
            lambda: x + np.ones(4),
            "array([1., 1., 1., 1.]) given as an input, a value of this graph",
        ),
        "a list expected": (
            lambda: g.concat(x),
            "input 'x' takes a list of values, <x: float[batch, 4]> given",
        ),
        "an empty list": (lambda: g.concat([]), "0 inputs given, 1 or more expected (x...)"),
        "a number where none goes": (lambda: g.relu(2.0), "the number 2 given as an input, a value expected"),
        "only numbers": (lambda: g.add(1, 2), "only numbers given as inputs, at least one value expected"),
        "not finite": (lambda: x * math.inf, "the number inf given as an input, a finite one expected"),
        "not finite attribute": (
            lambda: g.leaky_relu(x, math.nan),
            "'slope': nan given, a finite number expected",
        ),
        "fraction beside integers": (
            lambda: i + 0.5,
            "the number 0.5 given beside an int32 value, a whole number",
        ),
        "another graph's": (lambda: x + other, "value 'x' belongs to another graph, 'other'"),
        "shapes": (lambda: g.matmul(x, x), "node 'matmul_1' (matmul): inner sizes that agree expected"),
        "dtypes": (lambda: x + i, "inputs of one dtype expected"),
        "duplicate id": (
            lambda: g.relu(x, name="h"),
            "node 'h' (relu): its id is taken by a node of op 'linear'",
        ),
        "bad id": (lambda: g.relu(x, name="a b"), "id 'a b' given, 1 to 200 letters, digits"),
        "empty id": (lambda: g.relu(x, name=""), "id '' given, 1 to 200 letters, digits"),
        "line end": (lambda: g.relu(x, name="a\n"), "id 'a\\n' given"),
        "other letters": (lambda: g.relu(x, name="größe"), "id 'größe' given"),
        "long id": (lambda: g.relu(x, name="a" * 201), "an id of 201 characters given, at most 200 expected"),
        "unknown op": (
            lambda: g.apply("rleu", [x]),
            "node 'rleu': op 'rleu' given, the name of a registered op",
        ),
        "sharing with nothing": (
            lambda: g.linear(x, 4, shared_with="g"),
            "shared_with='g' given, which is no node",
        ),
        "sharing with another op": (
            lambda: g.linear(x, 4, shared_with="x"),
            "of op 'input'; one of 'linear' expected",
        ),
        "sharing other shapes": (
            lambda: g.linear(x, 5, shared_with="h"),
            "weight (4, 4), bias (4,); weight (5, 4)",
        ),
        "sharing and freezing": (
            lambda: g.linear(x, 4, shared_with="h", trainable=False),
            "trainable=False given beside shared_with",
        ),
        "sharing and drawing": (
            lambda: g.linear(x, 4, shared_with="h", initializer="zeros"),
            "initializer given beside shared_with",
        ),
        "unknown initializer": (lambda: g.linear(x, 4, initializer="he_norml"), "did you mean 'he_normal'?"),
        "unknown parameter": (
            lambda: g.linear(x, 4, initializer={"wieght": "zeros"}),
            "no parameter 'wieght'; did you mean 'weight'?",
        ),
        "unknown regularizer": (lambda: g.linear(x, 4, regularizer={"type": "l3"}), "regularizer 'l3'"),
        "no parameters": (
            lambda: g.relu(x, trainable=False),
            "'trainable' given, but 'relu' has none of that name",
        ),
        "truth": (lambda: bool(x), "a value of a declared graph is neither true nor false"),
        "output of nothing": (lambda: g.output("h"), "output 'h': 'h' given, a value of this graph expected"),
        "output's name": (lambda: g.output(x, "a b"), "output 'a b': id 'a b' given"),
        "output twice": (
            lambda: (g.output(x, "y"), g.output(x, "y")),
            "output 'y': this name is an output already",
        ),
        "input twice": (lambda: g.input("x", (3,)), "input 'x': its id is taken by a node of op 'input'"),
        "input's shape": (lambda: g.input("z", (0, 3)), "input 'z': shape (0, 3) given, positive integers"),
        "input's batch": (
            lambda: g.input("z", (None, 3)),
            "input 'z': shape (None, 3) given, positive integers",
        ),
        "input's dtype": (
            lambda: g.input("z", (3,), "float16"),
            "dtype 'float16' given, one of float, int32",
        ),
        "graph's name": (lambda: ng.Graph(""), "graph: name '' given"),
        "no such node": (lambda: g["hh"], "graph 'graph': no node 'hh'"),
        "training": (
            lambda: setattr(g, "training", {"epoch": 3}),
            "unknown field 'epoch'; did you mean 'epochs'?",
        ),
        "format": (lambda: g.to_json("yaml"), "format 'yaml' given, one of model, node-link expected"),
        "not a graph": (lambda: ng.from_networkx([]), "from_networkx: [] given, a networkx graph expected"),
        "undirected": (lambda: ng.from_networkx(networkx.Graph()), "an undirected graph given"),
    }


@pytest.mark.parametrize("mistake", mistakes())
def test_message(mistake: str):
    action, message = mistakes()[mistake]
    with pytest.raises(DeclarationError) as caught:
        action()
    text = str(caught.value)
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize("mistake", mistakes())
def test_the_traceback_ends_just_below_the_users_line(mistake: str):
    action, _ = mistakes()[mistake]
    with pytest.raises(DeclarationError) as caught:
        action()
    frames = traceback.extract_tb(caught.value.__traceback__)
    users = [k for k, frame in enumerate(frames) if frame.filename == __file__]
    assert frames[users[-1]].name == "<lambda>"
    assert len(frames) - 1 - users[-1] <= (2 if mistake == "format" else 1)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_wrong_node_leaves_the_graph_as_it_was():
    g = ng.Graph()
    x = g.input("x", (4,))
    for _ in range(2):
        with pytest.raises(DeclarationError, match="linear_1"):
            g.linear(x, 0)
    assert list(g.wiring.nodes) == ["x"]
    assert g.linear(x, 1).id == "linear_1"


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(AttributeError, match=re.escape("no op or attribute 'rleu'; did you mean 'relu'?")):
        ng.Graph().rleu  # noqa: B018
