"""Where a derivative does not exist or a formula has a trap: what PyTorch does, in numbers."""

import numpy as np
import pytest

from nngraph.ir.expr import argument
from nngraph.ir.expr_numpy import evaluate_expr
from nngraph.ir.op import REGISTRY, Sample
from tests.ops import cases

NAN = np.nan


def gradients(name, *arrays, dy=None, **attributes):
    """The cotangents of the inputs, that of the result being ones."""
    op = REGISTRY[name]
    case = cases.draw_case(op, Sample(tuple(np.shape(x) for x in arrays), attributes))
    case.arrays = [np.asarray(x, float) if np.asarray(x).dtype.kind != "b" else np.asarray(x) for x in arrays]
    dy = np.ones(case.reference().shape) if dy is None else np.asarray(dy, float)

    def body(b, values):
        return op.vjp(b, cases.append_node(b, case, values[:-1]), values[-1])

    found = cases.run(*cases.build(case, body, [dy]))
    return [found[key].tolist() for key in sorted(found)]


def value(name, *arrays, **attributes):
    """What the op gives, by its expression or its decomposition and not by its reference."""
    op = REGISTRY[name]
    case = cases.draw_case(op, Sample(tuple(np.shape(x) for x in arrays), attributes))
    case.arrays = [np.asarray(x, float) for x in arrays]
    if op.decompose:
        graph = cases.build(case, lambda b, values: op.decompose(b, cases.append_node(b, case, values)))
        return cases.run(*graph)["0"]
    tree = op.expr(*map(argument, range(len(arrays))), **case.attributes)
    with np.errstate(all="ignore"):
        return evaluate_expr(tree, case.arrays, case.reference().shape)


@pytest.mark.parametrize(
    ("name", "inputs", "attributes", "expected"),
    [
        ("relu", [[-1, 0, 1]], {}, [[0, 0, 1]]),
        ("leaky_relu", [[-1, 0, 1]], {"slope": 0.1}, [[0.1, 0.1, 1]]),
        ("leaky_relu", [[-1, 0, 1]], {"slope": -0.5}, [[-0.5, -0.5, 1]]),
        ("elu", [[0, 1]], {"alpha": 0.3}, [[0.3, 1]]),
        ("abs", [[-2, 0, 2]], {}, [[-1, 0, 1]]),
        ("clip", [[-1, 0, 0.5, 1, 2]], {"low": 0.0, "high": 1.0}, [[0, 1, 1, 1, 0]]),
        ("maximum", [[1, 2, 3], [2, 2, 2]], {}, [[0, 0.5, 1], [1, 0.5, 0]]),
        ("minimum", [[1, 2, 3], [2, 2, 2]], {}, [[1, 0.5, 0], [0, 0.5, 1]]),
        ("max", [[1, 3, 3, 2]], {}, [[0, 0.5, 0.5, 0]]),
        ("min", [[[1, 1], [2, 0]]], {"axis": 1}, [[[0.5, 0.5], [0, 1]]]),
        ("power", [[0.0, 2.0], [2.0, 0.0]], {}, [[0, 0], [0, np.log(2)]]),
        ("sqrt", [[4.0]], {}, [[0.25]]),
    ],
)
def test_gradient(name, inputs, attributes, expected):
    assert gradients(name, *inputs, **attributes) == expected


def test_where_sends_nothing_to_the_side_not_taken():
    assert gradients("where", [True, False], [1, 1], [2, 2], dy=[3, 5]) == [[3, 0], [0, 5]]


def test_an_integer_passes_no_gradient():
    assert gradients("cast", [1.5], dtype="int32") == []


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu", "sigmoid", "tanh", "gelu", "softplus", "clip"])
def test_nan_comes_out_as_nan(name):
    found = value(name, [NAN, 1.0], **({"low": 0.0, "high": 1.0} if name == "clip" else {}))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_argmax_takes_the_first_and_stays_in_range():
    assert value("argmax", [[1, 3, 3], [NAN, 1, 2], [2, 2, 2]]).tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "silu", "gelu", "elu"])
def test_large_arguments_stay_finite(name):
    assert np.isfinite(value(name, [-1e3, 1e3])).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_large_scores(name):
    found = value(name, [[1e4, 0.0, -1e4]])
    assert np.isfinite(found).all()
    assert np.exp(found).argmax() == 0


def test_normalize_at_a_mean_far_from_zero():
    """Two passes: at mean / deviation = 1e6 squares of x would cancel to nothing."""
    x = 1e6 + np.random.default_rng(0).normal(size=(4, 100))
    found = value("normalize", x)
    centered = x - x.mean(-1, keepdims=True)
    np.testing.assert_allclose(found, centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5), atol=1e-9)
