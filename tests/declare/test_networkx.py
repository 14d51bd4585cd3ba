"""Networkx graphs as declarations, and graphs with cycles unrolled."""

import networkx
import numpy as np
import pytest

import nngraph as ng
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower


def wiring(**edges: object) -> networkx.MultiDiGraph:
    graph = networkx.MultiDiGraph(name="wired")
    graph.add_node("x", op="input", shape=(3,))
    graph.add_node("y", op="input", shape=(3,))
    graph.add_node("d", op="subtract")
    return graph


def sources(graph: ng.Graph, id: str) -> list[object]:
    from nngraph.ir.declaration import operands_of

    return operands_of(graph.wiring, id)


def test_the_order_of_operands():
    graph = wiring()
    graph.add_edge("y", "d")
    graph.add_edge("x", "d")
    assert sources(ng.from_networkx(graph), "d") == ["y", "x"]  # as added
    graph = wiring()
    graph.add_edge("y", "d", key=1)
    graph.add_edge("x", "d", key=0)
    assert sources(ng.from_networkx(graph), "d") == ["x", "y"]  # by key
    graph = wiring()
    graph.add_edge("y", "d", operand=1)
    graph.add_edge("x", "d", operand=0)
    assert sources(ng.from_networkx(graph), "d") == ["x", "y"]  # by attribute


def test_digraphs_integer_nodes_numbers_and_outputs():
    graph = networkx.DiGraph()
    graph.add_node(0, op="input", shape=(3,))
    graph.add_node(1, op="subtract", numbers=[(0, 1.0)])
    graph.add_node(2, op="tanh")
    graph.add_edges_from([(0, 1), (1, 2)])
    found = ng.from_networkx(graph, name="named")
    assert found.name == "named"
    assert sources(found, "1") == [1.0, "0"]
    assert list(found.outputs) == ["2"]
    graph.graph["outputs"] = {"y": 1}
    assert found.outputs.keys() != ng.from_networkx(graph).outputs.keys() == {"y"}


def test_a_random_wiring():
    skeleton = networkx.gnp_random_graph(20, 0.2, seed=0, directed=True)
    graph = networkx.DiGraph((a, b) for a, b in skeleton.edges if a < b)
    for node in list(graph):
        graph.nodes[node]["op"] = "concat" if graph.in_degree(node) else "input"
        if not graph.in_degree(node):
            graph.nodes[node]["shape"] = (2,)
    found = ng.from_networkx(graph)
    assert list(found.wiring.nodes) == [str(node) for node in graph]
    lowered = lower(found.declaration())
    assert len(lowered.nodes) + len(lowered.inputs) == len(graph)


def test_all_errors_at_once():
    graph = wiring()
    graph.add_edge("x", "dd")
    graph.add_node("e", op="subtrac")
    graph.nodes["y"]["shape"] = (0,)
    with pytest.raises(ng.Errors) as caught:
        ng.from_networkx(graph)
    assert [message.split(":")[0] for message in caught.value.messages] == [
        "node 'dd'", "input 'y'", "node 'd' (subtract)", "node 'e' (subtrac)",
    ]  # fmt: skip
    assert "made by an edge to a mistyped id" in str(caught.value)


def test_edges_into_an_input():
    graph = wiring()
    graph.add_edge("x", "y")
    with pytest.raises(ng.Errors, match="an edge into it given, but an input has only a shape and a dtype"):
        ng.from_networkx(graph)


def recurrent() -> networkx.MultiDiGraph:
    graph = networkx.MultiDiGraph(name="recurrent")
    graph.add_node("x", op="input", shape=(3,))
    graph.add_node("in", op="linear", units=4)
    graph.add_node("back", op="linear", units=4, bias=False, initializer="glorot_normal")
    graph.add_node("sum", op="add")
    graph.add_node("h", op="tanh")
    graph.add_node("y", op="linear", units=2)
    edges = [("x", "in"), ("h", "back"), ("in", "sum"), ("back", "sum"), ("sum", "h"), ("h", "y")]
    graph.add_edges_from(edges)
    return graph


def test_a_cycle_is_refused_and_unroll_named():
    with pytest.raises(ng.Errors, match=r"\(back -> sum -> h -> back\).*ng.unroll"):
        ng.from_networkx(recurrent())


@pytest.mark.parametrize("sequence", [(), ("x",)])
def test_unrolled_in_time(sequence: tuple[str, ...]):
    graph = ng.unroll(recurrent(), 3, sequence=sequence, every_step=True)
    lowered = lower(graph.declaration(), dtype="float64")
    states = {s.name: s.from_public(s.initial(0, s.name, s.public_shape)) for s in lowered.states}
    assert list(states) == ["in/t1.weight", "in/t1.bias", "back/t1.weight", "y/t1.weight", "y/t1.bias"]
    random = np.random.default_rng(0)
    data = {value.name: random.standard_normal((5, 3)) for value in lowered.inputs}
    outputs, _ = interpret(lowered, data, states)
    h = np.zeros((5, 4))
    for t in ("t1", "t2", "t3"):
        x = data[f"x/{t}"] if sequence else data["x"]
        h = np.tanh(x @ states["in/t1.weight"] + states["in/t1.bias"] + h @ states["back/t1.weight"])
        expected = h @ states["y/t1.weight"] + states["y/t1.bias"]
        np.testing.assert_allclose(outputs[f"y/{t}"], expected, rtol=1e-12)


def test_unroll_marks_and_last_output():
    graph = recurrent()
    graph.edges["h", "y", 0]["recurrent"] = True
    found = ng.unroll(graph, 2)
    assert list(found.outputs) == ["y"]
    assert sources(found, "y/t2") == ["h/t1"]
    assert sources(found, "y/t1") == ["h/t0"]
    assert "h/t3" not in found


@pytest.mark.parametrize(
    ("change", "steps", "options", "message"),
    [
        ({}, 0, {}, "steps 0 given, an integer of at least 1 expected"),
        ({}, 2, {"sequence": ["z"]}, "sequence names 'z', which is no input"),
        ({"in": {"units": 0}}, 2, {}, "node 'in' (linear): attribute 'units': 0 given"),
        ({"sum": {"op": "concat"}}, 2, {}, "the shape of 'h' one step before is not known"),
        ({"back": {"units": 3}}, 2, {}, "node 'sum' (add): "),
    ],
)
def test_unroll_messages(change: dict[str, object], steps: int, options: dict[str, object], message: str):
    graph = recurrent()
    for node, attributes in change.items():
        graph.nodes[node].update(attributes)
    with pytest.raises(ng.DeclarationError) as caught:
        ng.unroll(graph, steps, **options)
    assert message in str(caught.value)
