import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import BATCH, TensorType
from nngraph.ir.verify import verify

X = Value("x", TensorType((BATCH, 100)))
ONES = np.ones((200, 100), np.float32)


def run(rate, mode="inverted", *, training=True, step=0, node="d", seed=0, twice=False):
    """The result (results) of dropout on ones."""
    b = Builder(training=training, seed=seed)
    b.prefix = node
    outputs = [("y", b.add("dropout", X, rate=rate, mode=mode))]
    if twice:
        outputs.append(("again", b.add("dropout", X, rate=rate, mode=mode)))
    graph = Graph("g", (X,), tuple(b.nodes), tuple(outputs), tuple(b.states.values()))
    verify(graph)
    found, _ = interpret(graph, {"x": ONES}, {"step": np.int32(step)})
    return [found[name] for name, _ in outputs] if twice else found["y"]


@pytest.mark.parametrize(("mode", "kept"), [("inverted", 1 / 0.7), ("vanilla", 1.0)])
def test_training(mode, kept):
    y = run(0.3, mode)
    np.testing.assert_allclose(np.unique(y), [0, kept], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.01


@pytest.mark.parametrize(("mode", "factor"), [("inverted", 1.0), ("vanilla", 0.7)])
def test_inference_draws_nothing(mode, factor):
    np.testing.assert_allclose(run(0.3, mode, training=False), factor * ONES, rtol=1e-6)


@pytest.mark.parametrize("mode", ["inverted", "vanilla"])
@pytest.mark.parametrize("training", [True, False])
def test_the_ends_of_the_range(mode, training):
    np.testing.assert_array_equal(run(0.0, mode, training=training), ONES)
    if training or mode == "vanilla":
        np.testing.assert_array_equal(run(1.0, mode, training=training), 0 * ONES)


def test_a_mask_depends_on_step_node_and_seed_alone():
    np.testing.assert_array_equal(run(0.5), run(0.5))
    for other in ({"step": 1}, {"node": "e"}, {"seed": 1}):
        agreement = (run(0.5) == run(0.5, **other)).mean()
        assert abs(agreement - 0.5) < 0.02


def test_two_masks_within_one_node_differ():
    first, second = run(0.5, twice=True)
    assert abs((first == second).mean() - 0.5) < 0.02
