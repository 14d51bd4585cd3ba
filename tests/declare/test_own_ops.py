"""Ops of a user's own: what is refused, and how their mistakes are told."""

import dataclasses

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.main import run
from nngraph.declare.load import parse
from nngraph.errors import DeclarationError
from nngraph.ir.op import REGISTRY, register_op

SOFTSIGN = ng.Op(
    "softsign",
    "x / (1 + |x|)",
    "activation",
    ("x",),
    infer=lambda x: x,
    reference=lambda x: x / (1 + np.abs(x)),
    expand=lambda b, x: b.add("divide", x, b.add("add", b.add("abs", x), 1.0)),
)


@pytest.fixture(autouse=True)
def registry():
    """What a test registers is forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def registered(**facets):
    return register_op(dataclasses.replace(SOFTSIGN, **facets))


def graph_of(name="softsign"):
    g = ng.Graph("own")
    g.output(g.linear(g.apply(name, [g.linear(g.input("x", (3,)), 4)], name="bend"), 2, name="y"))
    return g


def broken(*_, **__):
    raise KeyError("no\nsuch key")


@pytest.mark.parametrize("facet", ["infer", "parameters", "expand", "expr", "vjp"])
def test_a_mistake_names_op_and_node_and_keeps_its_cause(facet):
    elementwise = {"expand": None, "expr": lambda x: x, "vjp": lambda b, node, dy: (dy,)}
    elementwise = elementwise if facet in elementwise and facet != "expand" else {}
    registered(**elementwise | {facet: broken})
    with pytest.raises(DeclarationError) as found:
        ng.compile(graph_of(), loss="sum_squared_error", optimizer="adam").schedule  # noqa: B018
    message = str(found.value)
    assert message == rf"node 'bend' (softsign): its {facet} raised KeyError: 'no\nsuch key'"
    chain = [found.value]
    while chain[-1].__cause__:
        chain.append(chain[-1].__cause__)
    assert isinstance(chain[-1], KeyError)


def test_a_file_says_the_same():
    registered()
    text = graph_of().to_json()
    REGISTRY.pop("softsign")
    registered(infer=broken)
    with pytest.raises(DeclarationError, match="own: node 'bend' .softsign.: its infer raised KeyError") as found:
        parse(text, "own: ")
    assert isinstance(found.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("facets", "message"),
    [
        ({"infer": lambda x: None}, "its infer gave None, the type of its result expected"),
        ({"expand": lambda b, x: None}, "its expand gave None, a value that the builder made expected"),
        ({"expand": lambda b, x: b.add("sqare", x)}, "no op 'sqare' is registered; did you mean 'square'?"),
        ({"expand": lambda b, x: 3}, "its expand gave 3, a value that the builder made expected"),
        ({"expand": None, "expr": lambda x: 2.0}, "its expr gave 2.0, an expression of its arguments expected"),
    ],
)
def test_facets_that_give_something_else(facets, message):
    registered(**facets)
    with pytest.raises(DeclarationError) as found:
        ng.compile(graph_of()).schedule  # noqa: B018
    assert str(found.value) == f"node 'bend' (softsign): {message}"


@pytest.mark.parametrize(
    ("facets", "message"),
    [
        ({"name": "Soft Sign"}, "op 'Soft Sign': name of lower-case letters"),
        ({"name": "lambda"}, "op 'lambda': name of lower-case letters"),
        ({"name": "input"}, "not 'input'"),
        ({"name": None}, "op None: name of"),
        ({"name": "relu"}, "op 'relu': already registered"),
        ({"operands": "x"}, "operands 'x' given, a tuple of names expected"),
        ({"infer": None}, "infer None given, a function expected"),
        ({"reference": "x"}, "reference 'x' given, a function expected"),
        ({"expand": "divide"}, "expand 'divide' given, a function expected or None"),
        ({"attributes": {"slope": 0.1}}, "attributes: 0.1 given for 'slope', an ng.Attribute for each name"),
        ({"expand": None}, "nothing runs it"),
    ],
)
def test_records_that_are_refused(facets, message):
    known = set(REGISTRY)
    with pytest.raises(DeclarationError) as found:
        registered(**facets)
    assert message in str(found.value)
    assert len(str(found.value).splitlines()) == 1
    assert set(REGISTRY) == known


def test_a_file_with_an_op_that_is_not_registered(tmp_path, capsys):
    registered()
    path = tmp_path / "own.json"
    graph_of().save(path)
    del REGISTRY["softsign"]
    assert run(["inspect", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"{path}: node 'bend' (softsign): op 'softsign' given, the name of a registered op expected" in error
    assert "an op of your own is registered with ng.register_op before" in error
    assert len(error.splitlines()) == 1
