import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.types import BATCH, TensorType
from nngraph.ir.verify import verify

X = Value("x", TensorType((BATCH, 5)))


def test_ids_stay_unique():
    b = Builder()
    names = [b.add("exp", X).name for _ in range(3)]
    b.prefix = "h1"
    names += [b.add("exp", X).name, b.add("exp", X, id="mine").name, b.add("exp", X, id="mine").name]
    assert names == ["exp", "exp.2", "exp.3", "h1/exp", "mine", "mine.2"]
    assert b.unique("exp") == "exp.4"


def test_numbers_become_constants_of_the_dtype_beside_them():
    b = Builder(dtype="float64")
    count = Value("n", TensorType((), "int32"))
    assert b.add("add", X, 1.5).type.dtype == "float32"
    assert b.add("add", 2, count).type.dtype == "int32"
    assert b.add("add", 2, 3).type.dtype == "float64"
    condition = b.add("greater", X, 0.0)
    assert b.add("where", condition, X, 0.0).type.dtype == "float32"
    assert b.add("where", condition, 1.0, 0.0).type.dtype == "float64"


def test_equal_constants_are_one_node():
    b = Builder()
    first = b.constant(2)
    assert b.constant(2.0) is first
    assert b.constant(2, "int32") is not first
    assert [node.op.name for node in b.nodes] == ["constant", "constant"]


def test_a_fraction_beside_integers_is_refused():
    with pytest.raises(ValueError, match=r"an integer beside int32 values expected, 0\.5 given"):
        Builder().add("multiply", Value("n", TensorType((3,), "int32")), 0.5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not broadcast"):
        Builder().add("add", X, Value("y", TensorType((BATCH, 4))))


def test_float_is_the_dtype_of_the_model():
    b = Builder(dtype="float64")
    assert b.add("cast", X, dtype="float").type.dtype == "float64"
    assert b.add("one_hot_last", Value("l", TensorType((BATCH, 1), "int32")), classes=3).type.dtype == "float64"


def test_defaults_of_attributes_stand_in_the_node():
    b = Builder()
    b.add("softmax", X)
    assert b.nodes[-1].attributes == {"axis": -1}


def test_composites_expand_under_the_prefix():
    b = Builder()
    b.prefix = "h1"
    weight, bias = Value("h1.weight", TensorType((5, 3))), Value("h1.bias", TensorType((3,)))
    y = b.add("linear", X, weight, bias, units=3)
    assert [node.id for node in b.nodes] == ["h1/matmul", "h1/add"]
    verify(Graph("g", (X, weight, bias), tuple(b.nodes), (("y", y),)))


def test_states_are_found_again():
    b = Builder()
    step = b.step()
    assert b.step() is step
    state = State("w", "parameter", Value("w", TensorType((3,))), Value("w.new", TensorType((3,))), 0.0)
    assert b.state(state) is state.old
    assert list(b.states) == ["step", "w"]


def test_a_builder_continues_a_graph():
    b = Builder()
    y = b.add("multiply", X, 2.0)
    graph = Graph("g", (X,), tuple(b.nodes), (("y", y),))
    b = Builder.of(graph)
    z = b.add("multiply", y, 2.0)
    assert [node.id for node in b.nodes] == ["constant", "multiply", "multiply.2"]
    verify(Graph("g", (X,), tuple(b.nodes), (("z", z),)))
