"""Awkward networks, natively and by the interpreter on the graph as it was lowered."""

import numpy as np
import pytest

from nngraph.differentiate import differentiate, objective_from
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from tests import compiled
from tests.compiler.networks import NETWORKS, TRAINED, both_floats, declared
from tests.ops.cases import assert_close
from tests.random_graphs import draw, draw_states

DTYPES = ("float32", "float64")
BATCHES = (1, 3, 17)
TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
OPTIMIZERS = (
    {"type": "sgd", "learning_rate": 0.1},
    {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"type": "sgd", "learning_rate": 0.1, "clip_norm": 0.1},
    {"type": "adam", "learning_rate": 0.01, "clip_value": 0.01},
    {"type": "adamw", "learning_rate": {"type": "cosine", "learning_rate": 0.01, "steps": 10}},
    {"type": "rmsprop", "learning_rate": 0.01, "momentum": 0.5},
    {"type": "adagrad", "learning_rate": 0.01},
)


def forward(network, dtype, training=False):
    return lower(declared(network).declaration(), training=training, dtype=dtype, seed=3)


def step(network, optimizer, dtype):
    """A training step on a loss of the last output but for those that are no scores."""
    graph = forward(network, dtype, training=True)
    losses = {"scores": "cross_entropy"}
    objective = objective_from(
        losses, [name for name, _ in graph.outputs], regularizer={"type": "l2", "strength": 0.01}
    )
    return differentiate(graph, objective, optimizer_from(optimizer))


STEPS = [
    (
        TRAINED[k % len(TRAINED)],
        OPTIMIZERS[(k + k // len(TRAINED)) % len(OPTIMIZERS)],
        DTYPES[(k + k // len(TRAINED)) % 2],
    )
    for k in range(2 * len(TRAINED))
]


@pytest.fixture(scope="module")
def forwards():
    found = {(network, dtype): compiled.scheduled(forward(network, dtype)) for network in NETWORKS for dtype in DTYPES}
    compiled.compiled(found.values())
    return found


@pytest.fixture(scope="module")
def steps():
    found = [compiled.scheduled(step(*case)) for case in STEPS]
    compiled.compiled(found)
    return found


def data(graph, batch):
    def domain(type):
        return {"int32": 3, "bool": "bool"}.get(type.dtype, (-2.0, 2.0))

    return {v.name: draw(v.type.numpy_shape(batch), domain(v.type), batch, v.name) for v in graph.inputs}


def states_of(graph):
    """Parameters at random, the rest as it starts but for the moments, which are in the middle of a run."""
    drawn = draw_states(graph.states, 5)
    moments = {s.name: np.abs(draw(s.public_shape, (0.1, 0.3), 5, s.name)) for s in graph.states if s.kind == "moment"}
    return {s.name: s.from_public((drawn | moments)[s.name]) for s in graph.states}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_outputs(forwards, network, dtype, batch):
    graph = forward(network, dtype)
    inputs, states = data(graph, batch), states_of(graph)
    expected = interpret(graph, inputs, states)[0]
    found = compiled.execute(forwards[network, dtype], inputs, states, batch, threads=1 + batch % 2)
    coarse = "float32" if network is both_floats else dtype
    for name, array in expected.items():
        assert_close(found.outputs[name], array, TOLERANCE[coarse])


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", range(len(STEPS)), ids=lambda k: f"{STEPS[k][0].__name__}-{STEPS[k][1]['type']}-{k}")
def test_training_step(steps, case, batch):
    network, optimizer, dtype = STEPS[case]
    graph = step(network, optimizer, dtype)
    inputs, states = data(graph, batch), states_of(graph)
    expected, new = interpret(graph, inputs, states)
    found = compiled.execute(steps[case], inputs, states, batch, threads=1 + batch % 2)
    assert_close(found.outputs["loss"], expected["loss"], TOLERANCE[dtype])
    for name, array in new.items():
        assert_close(found.states[name], array, TOLERANCE[dtype])
        assert_close(found.states[name] - states[name], array - states[name], 20 * TOLERANCE[dtype])
