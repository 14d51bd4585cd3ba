"""Declaring with `ng.Graph`: what methods take and give, and the networkx view."""

import inspect
import json

import networkx
import numpy as np
import pytest

import nngraph as ng
from nngraph.declare.methods import declarable
from nngraph.ir.attributes import accepted_attributes
from nngraph.ir.op import REGISTRY, Op, register_op
from nngraph.ir.types import BATCH


def small() -> ng.Graph:
    g = ng.Graph("small")
    x = g.input("image", shape=(64,))
    h = g.relu(g.linear(x, 128, name="h1"))
    g.output(g.linear(h, 10, name="logits"))
    return g


def test_shapes_are_inferred_at_once():
    g = ng.Graph()
    x = g.input("x", (8, 3))
    y = g.linear(x, 5)
    assert y.shape == (BATCH, 8, 5)
    assert y.dtype == "float"
    assert repr(y) == "<linear_1: float[batch, 8, 5]>"
    assert g.sum(y, axis=(1, 2)).shape == (BATCH,)


def test_attributes_by_position_and_name():
    g = ng.Graph()
    x = g.input("x", (4,))
    g.linear(x, 3, False, name="a")
    g.linear(x, units=3, bias=False, name="b")
    g.linear(x=x, bias=False, units=3, name="c")
    g.apply("linear", [x], units=3, bias=False, name="d")
    nodes = g.wiring.nodes
    assert nodes["a"] == nodes["b"] == nodes["c"] == nodes["d"]
    assert nodes["a"] == {"op": "linear", "units": 3, "bias": False, "type": "float[batch, 3]"}


def test_several_operands_come_as_a_list():
    g = ng.Graph()
    a, b = g.input("a", (2,)), g.input("b", (3,))
    assert g.concat([a, b], axis=-1).shape == (BATCH, 5)
    assert g.concat([a, b, a], -1).shape == (BATCH, 7)


def test_arithmetic_on_values_and_numbers():
    g = ng.Graph()
    x = g.input("x", (4,))
    found = [x + 1, 1 + x, x - 2.5, 2.5 - x, x * x, x / 2, 2 / x, x**2, 2**x, -x, abs(x), x > 0, x <= x]
    names = "add add subtract subtract multiply divide divide power power negate abs greater less_equal"
    assert [g.wiring.nodes[y.id]["op"] for y in found] == names.split()
    assert g.wiring.nodes["subtract_2"]["numbers"] == ((0, 2.5),)
    assert found[-1].dtype == "bool"
    assert (np.float32(2) * x).id == "multiply_2"
    assert (x @ g.constant([[1.0], [2.0], [3.0], [4.0]])).shape == (BATCH, 1)


def test_unnamed_nodes_get_ids_that_are_free():
    g = ng.Graph()
    x = g.input("relu_1", (4,))
    g.relu(x, name="relu_3")
    assert [g.relu(x).id for _ in range(3)] == ["relu_2", "relu_4", "relu_5"]


def test_the_view_is_the_graph_itself():
    g = small()
    h = g["h1"]
    view = g.nx
    assert type(view) is networkx.MultiDiGraph
    assert g.nx is view
    g.output(h + h, "twice")
    assert list(view) == ["image", "h1", "relu_1", "logits", "add_1"]
    assert list(view.in_edges("add_1", keys=True)) == [("h1", "add_1", 0), ("h1", "add_1", 1)]
    assert view.nodes["h1"]["units"] == 128
    assert view.graph == {"name": "small", "outputs": {"logits": "logits", "twice": "add_1"}}
    assert next(networkx.topological_sort(view)) == "image"
    assert view.copy().number_of_edges() == view.number_of_edges() == 5
    assert json.dumps(networkx.node_link_data(view, edges="edges"))


def test_changes_of_the_view_are_checked_before_compilation():
    g = small()
    assert g.declaration() is g.wiring
    g.nx.add_node("extra", op="tanh")
    g.nx.add_edge("h1", "extra")
    assert g.declaration().nodes["extra"]["type"] == "float[batch, 128]"
    assert g["extra"].shape == (BATCH, 128)
    g.nx.add_node("wrong", op="tahn")
    with pytest.raises(ng.DeclarationError, match="node 'wrong' .*did you mean 'tanh'"):
        g.declaration()


def test_shared_and_frozen_parameters():
    g = ng.Graph()
    x = g.input("x", (4,))
    a = g.linear(x, 4, trainable=False, initializer="glorot_uniform", name="a")
    b = g.linear(a, 4, shared_with=a)
    g.linear(b, 4, shared_with=b, name="c")
    assert g.wiring.nodes["a"]["trainable"] is False
    assert g.wiring.nodes["c"]["shared_with"] == "a"


def test_specifications_are_kept_as_plain_data():
    from nngraph.ops.initializer import Normal
    from nngraph.ops.regularizer import L2

    g = ng.Graph()
    x = g.input("x", (4,))
    g.linear(x, 2, initializer={"weight": Normal(std=0.5)}, regularizer=L2(0.1), name="a")
    kept = g.wiring.nodes["a"]
    assert kept["initializer"] == {"weight": {"type": "normal", "std": 0.5}}
    assert kept["regularizer"]["type"] == "l2"


def test_every_op_has_a_method_with_signature_and_documentation():
    g = ng.Graph()
    for name in declarable():
        op = REGISTRY[name]
        signature = inspect.signature(getattr(g, name))
        expected = [x.removesuffix("...") for x in op.operands]
        assert list(signature.parameters)[: len(expected)] == expected
        assert set(signature.parameters) == {*expected, *accepted_attributes(op), "name"}
        documentation = getattr(ng.Graph, name).__doc__
        assert all(f"\n{attribute} : " in documentation for attribute in op.attributes)
        assert name in dir(g)
        assert name in ng.Graph.__dict__, f"op '{name}' is hidden by an attribute of Graph"


def test_a_registered_op_is_a_method_at_once(monkeypatch):
    monkeypatch.setattr("nngraph.ir.op.REGISTRY", REGISTRY)
    monkeypatch.setitem(REGISTRY, "double", None)
    del REGISTRY["double"]
    relu = REGISTRY["relu"]
    register_op(Op("double", "2x", "test", ("x",), relu.infer, lambda x: 2 * x, expr=lambda x: x + x))
    g = ng.Graph()
    assert g.double(g.input("x", (3,))).id == "double_1"
    assert "double" in dir(g)


def test_containers():
    g = small()
    assert len(g) == 4
    assert "h1" in g
    assert "h2" not in g
    assert repr(g) == "<Graph 'small': 4 nodes, outputs logits>"
    assert g.outputs["logits"].id == "logits"


def test_numbers_beside_conditions_alone_are_floats():
    g = ng.Graph()
    chosen = g.where(g.greater(g.input("x", shape=(3,)), 0.0), 1.0, -1.0)
    assert g.types[chosen.id].dtype == "float32"
