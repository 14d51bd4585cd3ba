"""Small forward graphs, built by hand, and what the tests do with them."""

from collections.abc import Mapping

import numpy as np

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import BATCH, TensorType

BATCH_SIZE = 6


class Net:
    """A graph under construction whose numbers are float64."""

    def __init__(self, dtype: str = "float64") -> None:
        self.b = Builder(dtype=dtype)
        self.inputs: list[Value] = []

    def input(self, name: str, *shape: int) -> Value:
        self.inputs.append(Value(name, TensorType((BATCH, *shape), self.b.dtype)))
        return self.inputs[-1]

    def parameter(self, name: str, *shape: int, trainable: bool = True) -> Value:
        value = Value(name, TensorType(shape, self.b.dtype))
        return self.b.state(State(name, "parameter", value, value, "he_normal", trainable))

    def dense(self, x: Value, name: str, units: int, *, trainable: bool = True) -> Value:
        weight = self.parameter(f"{name}.weight", x.type.shape[-1], units, trainable=trainable)
        bias = self.parameter(f"{name}.bias", units, trainable=trainable)
        product = self.b.add("matmul", x, weight, id=f"{name}/matmul")
        return self.b.add("add", product, bias, id=name)

    def graph(self, **outputs: Value) -> Graph:
        states = tuple(self.b.states.values())
        return Graph("net", tuple(self.inputs), tuple(self.b.nodes), tuple(outputs.items()), states)


def mlp(dtype: str = "float64") -> Graph:
    """Two layers, tanh between them, five classes."""
    net = Net(dtype)
    hidden = net.b.add("tanh", net.dense(net.input("x", 3), "hidden", 4), id="tanh")
    return net.graph(scores=net.dense(hidden, "scores", 5))


def draw_states(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Parameters at random, all else at its start."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for state in graph.states:
        type = state.old.type
        random = state.kind == "parameter"
        array = rng.normal(size=type.shape) if random else np.full(type.shape, state.initial)
        found[state.name] = array.astype(type.dtype)
    return found


def draw_inputs(graph: Graph, classes: int = 5, seed: int = 1, batch: int = BATCH_SIZE) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for value in graph.inputs:
        shape = value.type.numpy_shape(batch)
        if value.type.dtype == "int32":
            found[value.name] = rng.integers(0, classes, shape).astype("int32")
        else:
            found[value.name] = rng.normal(size=shape).astype(value.type.dtype)
    return found


def numerical_gradients(
    graph: Graph, inputs: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray], epsilon: float = 1e-6
) -> dict[str, np.ndarray]:
    """Central differences of output "loss" with respect to every parameter."""

    def loss(name: str, place: tuple[int, ...], change: float) -> float:
        moved = states[name].copy()
        moved[place] += change
        return float(interpret(graph, inputs, {**states, name: moved})[0]["loss"])

    found: dict[str, np.ndarray] = {}
    for state in graph.states:
        if state.kind == "parameter":
            d = np.zeros_like(states[state.name])
            for place in np.ndindex(d.shape):
                d[place] = (loss(state.name, place, epsilon) - loss(state.name, place, -epsilon)) / (2 * epsilon)
            found[state.name] = d
    return found
