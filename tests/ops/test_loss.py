"""Values of the losses at known points; their references and gradients are checked with every op and loss."""

import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, TensorType
from nngraph.ops.loss import CrossEntropy, MeanSquaredError, MulticlassHinge, SumSquaredError, loss_from

SCORES = TensorType((BATCH, 7, 5), "float32")
LABELS = TensorType((BATCH, 7, 1), "int32")


def value(name, scores, target, **options):
    return REGISTRY[name].reference(np.array(scores), np.array(target), **options)


def test_the_course_example_of_the_multiclass_svm():
    """Scores of cat, car and frog for three images; losses 2.9, 0 and 12.9 (CS231n, lecture 3)."""
    scores = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]
    np.testing.assert_allclose(value("multiclass_hinge", scores, [[0], [1], [2]])[:, 0], [2.9, 0, 12.9], atol=1e-12)


def test_cross_entropy_of_even_scores_is_the_log_of_the_classes():
    np.testing.assert_allclose(value("cross_entropy", np.zeros((1, 5)), [[3]]), np.log(5))


def test_cross_entropy_of_large_scores():
    np.testing.assert_allclose(value("cross_entropy", [[1000.0, 0.0]], [[1]]), 1000)


def test_label_smoothing_mixes_with_the_uniform_distribution():
    scores, label = np.array([[1.0, 2.0, 4.0]]), [[2]]
    plain, even = (
        value("cross_entropy", scores, label),
        value("cross_entropy", scores, label, label_smoothing=1.0),
    )
    mixed = value("cross_entropy", scores, label, label_smoothing=0.1)
    np.testing.assert_allclose(mixed, 0.9 * plain + 0.1 * even)


def test_huber_is_continuous_with_a_bound_slope():
    d = np.array([[0.0], [0.5], [1.0], [3.0]])
    np.testing.assert_allclose(value("huber", d, 0 * d)[:, 0], [0, 0.125, 0.5, 2.5])


@pytest.mark.parametrize(("score", "target", "expected"), [(800.0, 1.0, 0), (800.0, 0.0, 800), (0.0, 0.5, np.log(2))])
def test_binary_cross_entropy_does_not_overflow(score, target, expected):
    np.testing.assert_allclose(value("binary_cross_entropy", [[score]], [[target]]), expected)


def test_targets():
    assert CrossEntropy().target(SCORES) == LABELS
    assert CrossEntropy(targets="one_hot").target(SCORES) == SCORES
    assert MulticlassHinge().target(SCORES) == LABELS
    assert MeanSquaredError().target(SCORES) == SCORES


def test_reductions():
    assert SumSquaredError().summed
    assert not any(loss_from(name).summed for name in ("cross_entropy", "mean_squared_error", "l1", "multiclass_hinge"))
