import numpy as np
import pytest

from nngraph.differentiate import differentiate, objective_from
from nngraph.errors import CompilationError
from nngraph.ir.graph import Graph
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY, Op
from nngraph.ir.verify import verify
from tests.differentiate.graphs import Net, draw_inputs, draw_states, mlp, numerical_gradients

LOSSES = [
    "cross_entropy",
    {"type": "cross_entropy", "label_smoothing": 0.1},
    {"type": "cross_entropy", "targets": "one_hot"},
    {"type": "multiclass_hinge", "margin": 0.7},
    "sum_squared_error",
    "mean_squared_error",
    "l1",
    {"type": "huber", "delta": 0.5},
    "binary_cross_entropy",
]


def assert_gradients(graph: Graph, loss, **options) -> Graph:
    """Gradients by differentiation are those by finite differences."""
    program = differentiate(graph, objective_from(loss, [name for name, _ in graph.outputs], **options))
    verify(program)
    inputs, states = draw_inputs(program), draw_states(program)
    outputs, new_states = interpret(program, inputs, states)
    expected = numerical_gradients(program, inputs, states)
    trainable = {s.name for s in graph.states if s.kind == "parameter" and s.trainable}
    assert {name for name in outputs if name.startswith("gradient/")} == {f"gradient/{n}" for n in trainable}
    for name in trainable:
        np.testing.assert_allclose(outputs[f"gradient/{name}"], expected[name], rtol=1e-3, atol=1e-7, err_msg=name)
    for name, old in states.items():
        np.testing.assert_array_equal(new_states[name], old)
    return program


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss(loss):
    assert_gradients(mlp(), loss)


@pytest.mark.parametrize("loss", LOSSES[:5], ids=str)
def test_sample_weights(loss):
    program = assert_gradients(mlp(), loss, sample_weights=True)
    assert program.inputs[-1].name == "weight"


@pytest.mark.parametrize("kind", ["l1", "l2", "elastic_net"])
def test_regularizers(kind):
    assert_gradients(mlp(), "cross_entropy", regularizer={"type": kind, "strength": 0.3})


def test_shared_parameters_accumulate():
    net = Net()
    x = net.input("x", 4)
    first = net.b.add("tanh", net.dense(x, "layer", 4), id="tanh")
    again = net.b.add("matmul", first, net.b.states["layer.weight"].old, id="again")
    program = assert_gradients(net.graph(y=net.b.add("multiply", again, again)), "mean_squared_error")
    assert any(node.id == "gradient/layer.weight" and node.op.name == "add" for node in program.nodes)


def test_a_value_that_several_nodes_read():
    net = Net()
    x = net.dense(net.input("x", 3), "h", 4)
    fan = net.b.add("add", net.b.add("multiply", x, net.b.add("exp", x)), net.b.add("subtract", x, 2.0))
    assert_gradients(net.graph(y=fan), "mean_squared_error")


def test_broadcasting():
    net = Net()
    x = net.input("x", 3, 4)
    row, column, scalar = net.parameter("row", 4), net.parameter("column", 3, 1), net.parameter("scalar")
    y = net.b.add("multiply", net.b.add("add", net.b.add("multiply", x, column), row), scalar)
    assert_gradients(net.graph(y=y), "mean_squared_error")
    assert_gradients(net.graph(y=y), "mean_squared_error", sample_weights=True)


def test_several_losses_and_an_output_without_one():
    net = Net()
    hidden = net.b.add("tanh", net.dense(net.input("x", 3), "hidden", 4), id="tanh")
    outputs = {name: net.dense(hidden, name, 5) for name in ("kind", "size", "free")}
    losses = {"kind": "cross_entropy", "size": {"type": "mean_squared_error", "weight": 0.25}}
    program = assert_gradients(net.graph(**outputs), losses)
    assert [value.name for value in program.inputs] == ["x", "target/kind", "target/size"]
    assert [name for name, _ in program.outputs][:5] == [
        "loss", "loss/kind", "loss/size", "correct/kind", "absolute_error/size",
    ]  # fmt: skip
    found, _ = interpret(program, draw_inputs(program), draw_states(program))
    np.testing.assert_allclose(found["loss"], found["loss/kind"] + found["loss/size"])


def test_frozen_parameters_have_no_gradient():
    net = Net()
    hidden = net.b.add("tanh", net.dense(net.input("x", 3), "frozen", 4, trainable=False), id="tanh")
    program = differentiate(net.graph(y=net.dense(hidden, "y", 2)), objective_from("mean_squared_error", ["y"]))
    assert [name for name, _ in program.outputs if name.startswith("gradient")] == [
        "gradient/y.weight",
        "gradient/y.bias",
    ]
    assert not any(node.id.startswith(("gradient/frozen", "gradient/tanh")) for node in program.nodes)


def test_a_parameter_that_no_loss_depends_on_has_a_gradient_of_zeros():
    net = Net()
    x = net.input("x", 3)
    net.dense(x, "unused", 2)
    program = assert_gradients(net.graph(y=net.dense(x, "y", 2)), "mean_squared_error")
    found, _ = interpret(program, draw_inputs(program), draw_states(program))
    np.testing.assert_array_equal(found["gradient/unused.weight"], np.zeros((3, 2)))


def test_ops_without_a_derivative_stop_the_gradient():
    net = Net()
    h = net.dense(net.input("x", 3), "h", 4)
    stopped = net.b.add("stop_gradient", net.b.add("multiply", h, h))
    steps = net.b.add("cast", net.b.add("greater", h, 0.0), dtype="float64")
    y = net.b.add("add", net.b.add("add", net.dense(stopped, "y", 4), steps), 1.0)
    program = differentiate(net.graph(y=y), objective_from("mean_squared_error", ["y"]))
    found, _ = interpret(program, draw_inputs(program), draw_states(program))
    assert not found["gradient/h.weight"].any()
    assert found["gradient/y.weight"].all()


def test_an_op_without_a_rule_is_named(monkeypatch):
    monkeypatch.setitem(REGISTRY, "odd", Op("odd", "", "test", ("x",), lambda x: x, lambda x: x, kernel="odd"))
    net = Net()
    y = net.b.add("odd", net.dense(net.input("x", 3), "h", 4), id="strange")
    with pytest.raises(CompilationError, match="node 'strange': op 'odd' has no vjp"):
        differentiate(net.graph(y=y), objective_from("mean_squared_error", ["y"]))


def test_results_that_nothing_reads_have_a_cotangent_of_zeros(monkeypatch):
    def vjp(b, node, du, dv):
        return (b.add("add", b.add("multiply", du, 2.0), b.add("multiply", dv, 3.0)),)

    both = Op("both", "", "test", ("x",), lambda x: (x, x), lambda x: (2 * x, 3 * x), vjp=vjp, kernel="both")
    monkeypatch.setitem(REGISTRY, "both", both)
    net = Net()
    h = net.dense(net.input("x", 3), "h", 4)
    _, second = net.b.append(both, (h,), (h.type, h.type))
    assert_gradients(net.graph(y=second), "mean_squared_error")


def test_the_number_of_nodes_is_linear_in_the_depth():
    def count(layers: int) -> int:
        net = Net()
        x = net.input("x", 4)
        for k in range(layers):
            x = net.b.add("tanh", net.dense(x, f"h{k}", 4), id=f"tanh{k}")
        return len(differentiate(net.graph(y=x), objective_from("mean_squared_error", ["y"])).nodes)

    few, more, most = count(10), count(20), count(40)
    assert most - more == 2 * (more - few)
    assert (more - few) / 10 <= 9
