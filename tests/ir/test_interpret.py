import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, State, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, TensorType

X = Value("x", TensorType((BATCH, 3), "float64"))


def test_any_batch_size():
    b = Builder(dtype="float64")
    mean = b.add("mean", b.add("multiply", X, 2.0), axis=0)
    graph = Graph("g", (X,), tuple(b.nodes), (("mean", mean),))
    for batch in (1, 4, 7):
        x = np.arange(3.0 * batch).reshape(batch, 3)
        np.testing.assert_allclose(interpret(graph, {"x": x})[0]["mean"], 2 * x.mean(0), rtol=1e-15)


def test_states_are_read_and_left():
    weight = Value("w", TensorType((3,), "float64"))
    b = Builder(dtype="float64")
    new = b.add("subtract", weight, b.add("sum", X, axis=0))
    graph = Graph("g", (X,), tuple(b.nodes), (), (State("w", "parameter", weight, new, 0.0),))
    outputs, states = interpret(graph, {"x": np.ones((2, 3))}, {"w": np.zeros(3)})
    assert outputs == {}
    np.testing.assert_array_equal(states["w"], [-2, -2, -2])


def test_results_are_of_the_declared_dtype():
    b = Builder()
    total = b.add("sum", b.add("cast", X, dtype="int32"), axis=-1)
    graph = Graph("g", (X,), tuple(b.nodes), (("y", total),))
    assert interpret(graph, {"x": np.ones((2, 3))})[0]["y"].dtype == np.int32


def test_a_wrong_shape_names_the_node():
    wrong = Node("bad", REGISTRY["exp"], (X,), (Value("bad", TensorType((BATCH, 4), "float64")),))
    graph = Graph("g", (X,), (wrong,), (("y", wrong.result),))
    with pytest.raises(ValueError, match=r"node 'bad': computed shape \(2, 3\)"):
        interpret(graph, {"x": np.ones((2, 3))})


def test_a_fused_node_runs_its_inner_graph():
    b = Builder(dtype="float64")
    y = b.add("exp", b.add("negate", X))
    inner = Graph("inner", (X,), tuple(b.nodes), (("y", y),))
    source, result = Value("source", X.type), Value("result", y.type)
    node = Node("fused", REGISTRY["fused"], (source,), (result,), {"graph": inner, "kind": "rows", "inner": 1})
    graph = Graph("g", (source,), (node,), (("y", result),))
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(interpret(graph, {"source": x})[0]["y"], np.exp(-x))


def test_a_permuted_state_has_a_public_layout():
    state = State("w", "parameter", Value("w", TensorType((2, 3, 4))), Value("n", TensorType((2, 3, 4))), 0.0,
                  permutation=(2, 0, 1))  # fmt: skip
    assert state.public_shape == (3, 4, 2)
    public = np.arange(24.0).reshape(3, 4, 2)
    held = state.from_public(public)
    assert held.shape == (2, 3, 4)
    assert held.flags.c_contiguous
    np.testing.assert_array_equal(state.to_public(held), public)
