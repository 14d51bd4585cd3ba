import numpy as np
import pytest

from nngraph.ir import expr as e
from nngraph.ir.expr_numpy import FUNCTIONS, evaluate_expr

a, b = e.argument(0), e.argument(1)
A, B = np.array([-2.0, 0.5, 3.0]), np.array([1.0, 0.5, -1.0])


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (a + 1, A + 1), (1 + a, 1 + A), (a - b, A - B), (2 - a, 2 - A), (a * b, A * B), (2 * a, 2 * A),
        (a / b, A / B), (1 / a, 1 / A), (-a, -A), (a < b, A < B), (a <= b, A <= B), (a > b, A > B),
        (a >= b, A >= B),
        (e.select(a > 0.0, a, b), np.where(A > 0, A, B)), (e.equal(a, b), A == B),
        (e.cast(a, "int32"), A.astype("int32")), (e.index(-1), np.arange(3)),
        (e.apply("fma", a, b, a), A * B + A),
    ],
)  # fmt: skip
def test_operators_build_trees(tree, expected):
    np.testing.assert_array_equal(evaluate_expr(tree, [A, B], (3,)), expected)


def test_the_number_of_arguments_is_checked():
    with pytest.raises(ValueError, match="primitive 'select' takes 3 arguments, not 2"):
        e.apply("select", a, b)


def test_numpy_has_every_primitive():
    special = {"argument", "constant", "number", "index", "cast", "uniform"}
    assert set(FUNCTIONS) | special >= set(e.ARITY)


def test_equal_trees_are_equal():
    assert a + b * 2.0 == e.argument(0) + e.argument(1) * 2.0
    assert hash(a + b) == hash(e.argument(0) + e.argument(1))
