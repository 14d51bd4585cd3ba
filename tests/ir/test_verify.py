"""Each rule of the IR, broken once."""

import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.errors import VerificationError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, State, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, TensorType
from nngraph.ir.verify import verify

TYPE = TensorType((BATCH, 3))


def exp(id: str, source: Value, type: TensorType = TYPE, name: str | None = None) -> Node:
    return Node(id, REGISTRY["exp"], (source,), (Value(name or id, type),))


def graph(inputs=(), nodes=(), outputs=(), states=()) -> Graph:
    return Graph("g", tuple(inputs), tuple(nodes), tuple(outputs), tuple(states))


def refused(broken: Graph, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify(broken)


x = Value("x", TYPE)


def test_a_good_graph_passes():
    a = exp("a", x)
    b = exp("b", a.result)
    verify(graph([x], [a, b], [("y", b.result), ("again", b.result)]))


def test_use_before_definition():
    a = exp("a", x)
    b = exp("b", a.result)
    refused(graph([x], [b, a]), "node 'b': reads 'a', which nothing before it makes")


def test_an_id_twice():
    refused(graph([x], [exp("a", x), exp("a", x, name="b")]), "node 'a': its id stands twice")


def test_two_values_of_one_name():
    refused(graph([x], [exp("a", x, name="x")]), "two values are named 'x'")
    refused(graph([x, Value("x", TYPE)]), "two values are named 'x'")


def test_a_value_made_twice():
    a = exp("a", x)
    again = Node("b", a.op, a.inputs, a.results)
    refused(graph([x], [a, again]), "node 'b': value 'a' is defined twice")


def test_a_type_that_the_op_does_not_infer():
    wrong = exp("a", x, TensorType((BATCH, 4)))
    refused(graph([x], [wrong]), r"node 'a': holds float32\[batch, 4\], but 'exp' infers float32\[batch, 3\]")


def test_inputs_that_the_op_refuses():
    label = Value("l", TensorType((BATCH, 3), "int32"))
    refused(graph([label], [exp("a", label)]), "node 'a' .*a float input expected, int32 given")


def test_a_root_that_no_node_makes():
    stray = exp("a", x).result
    refused(graph([x], [], [("y", stray)]), "root 'a' is made by no node")
    state = State("w", "parameter", Value("w", TYPE), stray, 0.0)
    refused(graph([x], [], [], [state]), "root 'a' is made by no node")


def test_a_state_that_changes_its_type():
    new = Value("n", TensorType((4,)))
    state = State("w", "parameter", Value("w", TensorType((3,))), new, 0.0)
    refused(graph([new], [], [], [state]), r"state 'w': holds float32\[3\], but its new value is float32\[4\]")


def test_an_inner_graph_of_other_types():
    inner_x = Value("i", TYPE)
    b = Builder()
    y = b.add("exp", inner_x)
    inner = graph([inner_x], b.nodes, [("y", y)])
    attributes = {"graph": inner, "kind": "rows", "inner": 1}
    good = Node("f", REGISTRY["fused"], (x,), (Value("f", TYPE),), attributes)
    verify(graph([x], [good]))
    narrow = Value("x", TensorType((BATCH, 2)))
    bad = Node("f", REGISTRY["fused"], (narrow,), (Value("f", TYPE),), attributes)
    refused(graph([narrow], [bad]), "node 'f': its inner graph has other input or output types")


def test_an_inner_graph_is_verified_too():
    inner_x = Value("i", TYPE)
    wrong = exp("a", inner_x, TensorType((BATCH, 4)))
    inner = graph([inner_x], [wrong], [("y", wrong.result)])
    node = Node("f", REGISTRY["fused"], (x,), (Value("f", wrong.result.type),), {"graph": inner})
    refused(graph([x], [node]), "node 'a': holds")


def prepared(old: Value, new: Value) -> State:
    return State("prepared:a", "prepared", old, new, 0.0)


def test_what_is_prepared_is_made_before():
    w, old = Value("w", TensorType((3,))), Value("a:before", TensorType((3,)))
    a = exp("a", w, w.type)
    held = State("w", "parameter", w, w, 0.0)
    before = graph([], [a], [], [held, prepared(old, a.result)])
    taken = prepared(a.result, a.result)
    verify(Graph("g", (), (), (("y", a.result),), (held, taken), before))
    message = r"state 'prepared:a': float32\[3\] expected, no preparation makes it"
    refused(graph([], [], [("y", a.result)], [held, taken]), message)
    refused(Graph("g", (), (), (), (held, taken), graph([], [], [], [held])), message)


def test_a_preparation_is_verified_too():
    w = Value("w", TensorType((3,)))
    before = graph([], [exp("a", w, TensorType((4,)))], [], [State("w", "parameter", w, w, 0.0)])
    refused(Graph("g", (), (), (), (), before), "node 'a': holds")


def test_only_float32_is_narrow():
    narrow = Value("n", TYPE, "bfloat16")
    verify(graph([narrow], [exp("a", narrow)]))
    refused(graph([Value("n", TensorType((BATCH, 3), "int32"), "bfloat16")]), "as bfloat16; float32 as one of bfloat16")
    refused(graph([Value("n", TYPE, "float8")]), "inputs: %n: float32.* as float8; float32 as one of")
