"""Lowering: order, shapes, composites, parameters, and that the result means what was declared."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nngraph as ng
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY, Op, Parameter, register_op
from nngraph.ir.order import find_cycle, topological_order
from nngraph.ir.text import to_text
from nngraph.ir.verify import verify
from nngraph.lower.lower import lower


def lowered(g: ng.Graph, **options: object) -> Graph:
    found = lower(g.declaration(), **options)
    verify(found)
    return found


def initial(graph: Graph) -> dict[str, np.ndarray]:
    return {s.name: s.from_public(s.initial(0, s.name, s.public_shape)) for s in graph.states}


def test_golden_text():
    g = ng.Graph("digits")
    x = g.input("image", shape=(64,))
    h = g.relu(g.linear(x, 8, name="h1"))
    h = g.dropout(h * 2, 0.5)
    g.output(g.linear(h, 10, bias=False, name="logits"), "scores")
    assert to_text(lowered(g)) == (
        "graph digits\n"
        "  input %image: float32[batch, 64]\n"
        "  state h1.weight (parameter) %h1.weight: float32[64, 8]\n"
        "  state h1.bias (parameter) %h1.bias: float32[8]\n"
        "  state logits.weight (parameter) %logits.weight: float32[8, 10]\n"
        "  %h1/matmul: float32[batch, 8] = matmul(%image, %h1.weight) "
        "[transpose_a=False, transpose_b=False]\n"
        "  %h1: float32[batch, 8] = add(%h1/matmul, %h1.bias)\n"
        "  %relu_1: float32[batch, 8] = relu(%h1)\n"
        "  %constant: float32[] = constant() [dtype=float32, value=2]\n"
        "  %multiply_1: float32[batch, 8] = multiply(%relu_1, %constant)\n"
        "  %logits: float32[batch, 10] = matmul(%multiply_1, %logits.weight) "
        "[transpose_a=False, transpose_b=False]\n"
        "  output scores = %logits\n"
    )


def test_meaning():
    g = ng.Graph()
    x, y = g.input("x", (3,)), g.input("y", (3,))
    g.output(1 - g.linear(x - y, 2, name="h"), "z")
    found = lowered(g, dtype="float64")
    states = initial(found)
    random = np.random.default_rng(0)
    data = {name: random.standard_normal((5, 3)) for name in "xy"}
    outputs, _ = interpret(found, data, states)
    expected = 1 - ((data["x"] - data["y"]) @ states["h.weight"] + states["h.bias"])
    np.testing.assert_allclose(outputs["z"], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_is_the_models_dtype(dtype: str):
    g = ng.Graph()
    x = g.input("x", (3,))
    g.output(g.linear(x + g.constant([1.0, 2.0, 3.0]) + g.cast(g.input("i", (3,), "int32"), "float"), 2))
    g.output(g.embedding(g.input("word", (), "int32"), 7, 2))
    found = lowered(g, dtype=dtype)
    floats = {value.type.dtype for value in found.values()} - {"int32", "bool"}
    assert floats == {dtype}


def test_mixing_floats_is_found_when_the_dtype_is_known():
    g = ng.Graph()
    g.output(g.input("x", (3,)) + g.input("y", (3,), "float32"))
    lowered(g, dtype="float32")
    with pytest.raises(ng.DeclarationError, match=r"node 'add_1' \(add\): inputs of one dtype expected"):
        lower(g.declaration(), dtype="float64")


def test_training_and_inference_differ_where_ops_do():
    g = ng.Graph()
    g.output(g.dropout(g.input("x", (3,)), 0.5), "y")
    inference = lowered(g)
    assert inference.nodes == ()
    assert inference.outputs[0][1] is inference.inputs[0]
    training = lowered(g, training=True, seed=3)
    assert training.outputs[0][1].name == "dropout_1"
    assert any(node.op.random for node in training.nodes)


def test_shared_parameters_are_one_state():
    g = ng.Graph()
    x = g.input("x", (4,))
    a = g.linear(x, 4, trainable=False, initializer=0.5, regularizer={"type": "l2", "strength": 0.1}, name="a")
    g.output(g.linear(a, 4, shared_with=a))
    found = lowered(g)
    assert [state.name for state in found.states] == ["a.weight", "a.bias"]
    weight, bias = found.states
    assert not weight.trainable
    assert weight.regularizer.strength == 0.1
    assert weight.permutation == (1, 0)
    assert (weight.initial(0, "a.weight", (4, 4)) == 0.5).all()
    assert not bias.initial(0, "a.bias", (4,)).any()  # the node's initializer is for what is drawn


def test_the_owner_of_shared_parameters_may_come_later():
    graph = networkx.DiGraph()
    graph.add_node("x", op="input", shape=(4,))
    graph.add_node("a", op="linear", units=4, shared_with="b")
    graph.add_node("b", op="linear", units=4, initializer={"bias": "ones"}, trainable=False)
    graph.add_edges_from([("x", "a"), ("a", "b")])
    found = lowered(ng.from_networkx(graph))
    assert [state.name for state in found.states] == ["b.weight", "b.bias"]
    assert not found.states[0].trainable
    assert found.states[1].initial(0, "b.bias", (4,)).all()


def test_a_node_may_not_have_the_name_of_a_parameter():
    g = ng.Graph()
    x = g.input("a.bias", (4,))
    g.output(g.linear(x, 4, name="a"))
    with pytest.raises(ng.DeclarationError, match="parameter 'bias' and node 'a.bias' have one name"):
        lower(g.declaration())


def test_ids_of_expansions_do_not_collide_with_declared_ones():
    g = ng.Graph()
    x = g.input("x", (4,))
    h = g.linear(x, 4, name="h")
    g.output(g.relu(g.linear(h, 4, name="h/matmul"), name="constant") + 1.0)
    found = lowered(g)
    assert {"h", "h/matmul", "h/matmul.2", "h/matmul/matmul", "constant", "constant.2"} <= {n.id for n in found.nodes}


def test_ids_of_what_the_compiler_adds_may_be_declared():
    g = ng.Graph()
    x = g.input("step", (4,))
    g.output(g.dropout(g.linear(x, 4, name="constant"), 0.5, name="uniform") * 2.0, "loss")
    found = lowered(g, training=True)
    assert [value.name for value in found.inputs] == ["step"]
    assert [state.name for state in found.states] == ["constant.weight", "constant.bias", "step"]


def test_an_own_composite_with_parameters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(REGISTRY, "scaled", None)
    del REGISTRY["scaled"]

    def expand(b: Builder, x: object, scale: object) -> object:
        return b.add("multiply", x, scale)

    register_op(
        Op(
            "scaled", "x times a learned scale", "test", ("x",), lambda x: x, lambda x, scale: x * scale,
            parameters=lambda x: (Parameter("scale", x.shape[1:], "ones"),), expand=expand,
        )
    )  # fmt: skip
    g = ng.Graph()
    g.output(g.scaled(g.input("x", (4,)), name="s"), "y")
    found = lowered(g)
    assert [state.name for state in found.states] == ["s.scale"]
    assert [node.id for node in found.nodes] == ["s"]


def test_every_op_sample_lowers_to_its_reference():
    """What an op's record says of itself survives declaration and lowering."""
    g = ng.Graph()
    x = g.input("x", (5,))
    for name in ("relu", "tanh", "softmax", "layer_norm", "flatten", "gelu", "negate", "square"):
        g.output(g.apply(name, [x], name=f"{name}-of-x"), name)
    found = lowered(g, dtype="float64")
    data = np.random.default_rng(0).standard_normal((3, 5))
    outputs, _ = interpret(found, {"x": data}, initial(found))
    np.testing.assert_allclose(outputs["relu"], np.maximum(data, 0))
    np.testing.assert_allclose(outputs["softmax"].sum(axis=-1), 1)
    assert {"relu-of-x", "softmax-of-x", "layer_norm-of-x"} <= {node.id for node in found.nodes}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_order_is_lexicographic_by_insertion(size: int, random: object):
    ids = [str(k) for k in range(size)]
    place = list(range(size))
    random.shuffle(place)
    edges = {(a, b) for a in ids for b in ids if place[int(a)] < place[int(b)] and random.random() < 0.3}
    before = {id: [a for a, b in edges if b == id] for id in ids}
    after = {id: [b for a, b in edges if a == id] for id in ids}
    graph = networkx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from(edges)
    expected = list(networkx.lexicographical_topological_sort(graph, key=int))
    assert topological_order(ids, after, before) == expected


def test_cycles_are_named():
    before = {"a": ["c"], "b": ["a"], "c": ["b"], "d": ["c"]}
    after = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}
    assert topological_order(before, after, before) == []
    cycle = find_cycle(["d", "a", "b", "c"], before)
    assert sorted(cycle) == ["a", "b", "c"]
    assert all(before[b] == [a] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True))


def test_a_raw_networkx_graph_with_a_cycle_is_refused():
    graph = networkx.MultiDiGraph(name="raw", outputs={})
    graph.add_node("a", op="relu")
    graph.add_node("b", op="relu")
    graph.add_edges_from([("a", "b"), ("b", "a")])
    with pytest.raises(ng.DeclarationError, match=r"part of a cycle .*ng.unroll"):
        lower(graph)


def test_a_long_chain():
    g = ng.Graph()
    x = g.input("x", (4,))
    for _ in range(3000):
        x = g.relu(g.linear(x, 4))
    g.output(x)
    assert len(lowered(g).nodes) == 9000
