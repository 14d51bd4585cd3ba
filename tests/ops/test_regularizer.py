import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.types import TensorType
from nngraph.ops.regularizer import L1, L2, ElasticNet, regularizer_from

ARRAYS = {"a": np.array([[1.0, -2.0], [0.5, 0.0]]), "b": np.array([3.0, -1.0])}


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [(L1(0.1), 0.1 * 7.5), (L2(0.1), 0.1 * 15.25), (ElasticNet(0.1, beta=0.5), 0.1 * (0.5 * 15.25 + 7.5))],
)
def test_penalty(regularizer, expected):
    b = Builder(dtype="float64")
    values = tuple(Value(name, TensorType(x.shape, "float64")) for name, x in ARRAYS.items())
    penalty = regularizer.penalty(b, values)
    graph = Graph("penalty", values, tuple(b.nodes), (("penalty", penalty),))
    np.testing.assert_allclose(interpret(graph, ARRAYS)[0]["penalty"], expected)


def test_weights_alone_count_unless_told():
    assert L2(0.1).counts("h1.weight")
    assert L2(0.1).counts("separable.depthwise_weight")
    assert not L2(0.1).counts("h1.bias")
    assert not L2(0.1).counts("batch.norm.scale")
    assert regularizer_from({"type": "l2", "strength": 1, "parameters": ["bias"]}).counts("h1.bias")
