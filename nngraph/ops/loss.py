"""Losses: one number an example, which `differentiate` averages (or sums) over the batch.

A loss is an Op, so that it can be drawn, tested and differentiated like any other, and a `Loss`, which is
what a user chooses: its options, the target that it compares with, and the metric that goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.exchange import Onnx
from nngraph.ir.graph import Value
from nngraph.ir.op import Absent, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import TensorType, format_shape
from nngraph.ops.normalization import log_softmax_reference
from nngraph.ops.onnx import loss as onnx_loss
from nngraph.ops.records import EXPANDED
from nngraph.ops.specification import Specification, attributes_of, family, from_spec, option
from nngraph_kernels.record import record

LOWEST = float(np.finfo(np.float32).min)


@record
class Loss(Specification):
    """A loss on one output.

    Attributes
    ----------
    weight : float
        Its factor in the sum of the losses of several outputs.
    metric : str
        "accuracy", "mae" or "": what `measure` counts, once divided by the number of terms.
    """

    family: ClassVar[str] = "loss"
    metric: ClassVar[str] = "mae"
    _: KW_ONLY
    weight: float = option(1.0, "factor of this loss in the sum of several", minimum=0.0)

    @property
    def summed(self) -> bool:
        """Whether the batch is summed instead of averaged."""
        return self.type.startswith("sum_")

    def target(self, scores: TensorType) -> TensorType:
        """The type of what `scores` are compared with."""
        return scores

    def per_example(self, b: Builder, scores: Value, target: Value) -> Value:
        """The loss of each example, one number each along the last axis."""
        options = {name: getattr(self, name) for name in attributes_of(type(self), Loss)}
        return b.add(self.type, scores, target, **options)

    def measure(self, b: Builder, scores: Value, target: Value) -> Value:
        """Terms whose mean is the metric: |scores − target|."""
        return b.add("abs", b.add("subtract", scores, target))


LOSSES = family("loss", Loss)


def loss_from(spec: Any) -> Loss:
    """A loss from its name, its JSON form ``{"type": name, ...}`` or itself."""
    return from_spec(LOSSES, spec)


def labels_like(scores: TensorType) -> TensorType:
    return TensorType((*scores.shape[:-1], 1), "int32")


def one_hot(b: Builder, labels: Value, scores: Value) -> Value:
    return b.add("one_hot_last", labels, classes=scores.type.shape[-1], dtype=scores.type.dtype)


def label_correct(b: Builder, scores: Value, labels: Value) -> Value:
    """1 where the right class scores higher than all others, which takes sums but no argmax; a tie is wrong."""
    own = b.add("sum", b.add("multiply", one_hot(b, labels, scores), scores), axis=-1, keepdims=True)
    return number_is(b, b.add("cast", b.add("greater_equal", scores, own), dtype=scores.type.dtype), 1.0)


def one_hot_correct(b: Builder, scores: Value, target: Value) -> Value:
    """1 where a class of the largest target scores higher than all classes that are not."""
    wanted = b.add("equal", target, b.add("max", target, axis=-1, keepdims=True))
    own = b.add("max", b.add("where", wanted, scores, LOWEST), axis=-1, keepdims=True)
    reached = b.add("cast", b.add("greater_equal", scores, own), dtype=scores.type.dtype)
    return number_is(b, b.add("where", wanted, 0.0, reached), 0.0)


def number_is(b: Builder, ones: Value, number: float) -> Value:
    """1 where so many of a row's numbers are 1, the others 0."""
    count = b.add("sum", ones, axis=-1, keepdims=True)
    return b.add("cast", b.add("equal", count, number), dtype=ones.type.dtype)


@LOSSES.register
@record
class CrossEntropy(Loss):
    """−Σ q log softmax(scores), q the target's distribution, smoothed towards the uniform one.

    Label smoothing: Szegedy et al. 2016, section 7.
    """

    type: ClassVar[str] = "cross_entropy"
    metric: ClassVar[str] = "accuracy"
    label_smoothing: float = option(0.0, "share given evenly to all classes", minimum=0.0, maximum=1.0)
    targets: str = option("labels", "what the target holds", "string", choices=("labels", "one_hot"))

    def target(self, scores: TensorType) -> TensorType:
        return labels_like(scores) if self.targets == "labels" else scores

    def measure(self, b: Builder, scores: Value, target: Value) -> Value:
        return (label_correct if self.targets == "labels" else one_hot_correct)(b, scores, target)


@LOSSES.register
@record
class MulticlassHinge(Loss):
    """Σ over j ≠ y of max(0, s_j − s_y + margin): the multiclass SVM of Weston and Watkins 1999."""

    type: ClassVar[str] = "multiclass_hinge"
    metric: ClassVar[str] = "accuracy"
    margin: float = option(1.0, "by how much the right class must lead", minimum=0.0)

    def target(self, scores: TensorType) -> TensorType:
        return labels_like(scores)

    def measure(self, b: Builder, scores: Value, target: Value) -> Value:
        return label_correct(b, scores, target)


@LOSSES.register
class SumSquaredError(Loss):
    """Σ (scores − target)², summed over units and batch."""

    __slots__ = ()
    type: ClassVar[str] = "sum_squared_error"


@LOSSES.register
class MeanSquaredError(Loss):
    """The mean of (scores − target)² over units and batch."""

    __slots__ = ()
    type: ClassVar[str] = "mean_squared_error"


@LOSSES.register
class L1Loss(Loss):
    """The mean of |scores − target| over units and batch."""

    __slots__ = ()
    type: ClassVar[str] = "l1"


@LOSSES.register
@record
class Huber(Loss):
    """d² / 2 up to |d| = delta, delta (|d| − delta / 2) beyond; mean over units and batch (Huber 1964)."""

    type: ClassVar[str] = "huber"
    delta: float = option(1.0, "where the square turns into a line", minimum=0.0, exclusive=True)


@LOSSES.register
class BinaryCrossEntropy(Loss):
    """−t log σ(s) − (1 − t) log(1 − σ(s)) of scores before the sigmoid; mean over units and batch."""

    __slots__ = ()
    type: ClassVar[str] = "binary_cross_entropy"
    metric: ClassVar[str] = "accuracy"

    def measure(self, b: Builder, scores: Value, target: Value) -> Value:
        """1 where the score's sign agrees with the target's side of ½."""
        differ = b.add("logical_xor", b.add("greater", scores, 0.0), b.add("greater", target, 0.5))
        return b.add("cast", b.add("logical_not", differ), dtype=scores.type.dtype)


def mean_units(b: Builder, terms: Value) -> Value:
    return b.add("mean", terms, axis=-1, keepdims=True)


def cross_entropy_expand(b: Builder, scores: Value, target: Value, label_smoothing: float, targets: str) -> Value:
    classes: Any = scores.type.shape[-1]
    q = one_hot(b, target, scores) if targets == "labels" else target
    if label_smoothing:
        q = b.add("add", b.add("multiply", q, 1 - label_smoothing), label_smoothing / classes)
    likelihood = b.add("multiply", q, b.add("log_softmax", scores))
    return b.add("negate", b.add("sum", likelihood, axis=-1, keepdims=True))


def cross_entropy_reference(
    scores: np.ndarray, target: np.ndarray, label_smoothing: float = 0.0, targets: str = "labels"
) -> np.ndarray:
    classes = scores.shape[-1]
    q = np.eye(classes, dtype=scores.dtype)[target[..., 0]] if targets == "labels" else target
    q = q * (1 - label_smoothing) + label_smoothing / classes
    return -(q * log_softmax_reference(scores)).sum(axis=-1, keepdims=True)


def multiclass_hinge_expand(b: Builder, scores: Value, target: Value, margin: float) -> Value:
    """The right class's own term, max(0, margin), is taken out by a product, which adds no rounding error."""
    q = one_hot(b, target, scores)
    own = b.add("sum", b.add("multiply", q, scores), axis=-1, keepdims=True)
    lag = b.add("relu", b.add("add", b.add("subtract", scores, own), margin))
    return b.add("sum", b.add("multiply", lag, b.add("subtract", 1.0, q)), axis=-1, keepdims=True)


def multiclass_hinge_reference(scores: np.ndarray, target: np.ndarray, margin: float = 1.0) -> np.ndarray:
    own = np.take_along_axis(scores, target, axis=-1)
    terms = np.maximum(0, scores - own + margin)
    np.put_along_axis(terms, target, 0, axis=-1)
    return terms.sum(axis=-1, keepdims=True)


def huber_expand(b: Builder, scores: Value, target: Value, delta: float) -> Value:
    """With c = min(|d|, delta) both branches are c (|d| − c / 2)."""
    d = b.add("abs", b.add("subtract", scores, target))
    c = b.add("minimum", d, delta)
    return mean_units(b, b.add("multiply", c, b.add("subtract", d, b.add("multiply", c, 0.5))))


def huber_reference(scores: np.ndarray, target: np.ndarray, delta: float = 1.0) -> np.ndarray:
    d = np.abs(scores - target)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean(axis=-1, keepdims=True)


def binary_cross_entropy_expand(b: Builder, scores: Value, target: Value) -> Value:
    """softplus(s) − t s, which no score overflows."""
    return mean_units(b, b.add("subtract", b.add("softplus", scores), b.add("multiply", target, scores)))


def binary_cross_entropy_reference(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    return (np.logaddexp(0, scores) - target * scores).mean(axis=-1, keepdims=True)


def squares(b: Builder, scores: Value, target: Value) -> Value:
    return b.add("square", b.add("subtract", scores, target))


def loss_op(
    kind: type[Loss],
    summary: str,
    expand: Callable[..., Value],
    reference: Callable[..., Any],
    *samples: Sample,
    onnx: Onnx | Absent = EXPANDED,
) -> Op:
    """Register the op of `kind`, whose attributes are the options of `kind`."""

    def infer(scores: TensorType, target: TensorType, **options: Any) -> TensorType:
        expected = kind(**options).target(scores)
        if scores.rank < 2:
            given = format_shape(scores.shape)
            raise ValueError(f"scores of shape (batch, units) expected, {given} given; add an axis with reshape")
        if target.shape != expected.shape or target.dtype != expected.dtype:
            raise ValueError(f"a target of type {expected} expected, {target} given")
        return TensorType((*scores.shape[:-1], 1), scores.dtype)

    return register_op(
        Op(
            kind.type, summary, "loss", ("scores", "target"), infer, reference, attributes_of(kind, Loss),
            expand=expand, flops=lambda scores, target, **_: scores.size, samples=samples, onnx=onnx,
            errors=(
                ErrorSample(((4,), (4,)), {}, "(batch, units)"), ErrorSample(((4, 5), (4, 3)), {}, "target"),
            ),
        )
    )  # fmt: skip


FLOATS = ((-2, 2), (-2, 2))
UNITS = (Sample(((4, 5), (4, 5)), {}, FLOATS), Sample(((3, 2, 17), (3, 2, 17)), {}, FLOATS))

cross_entropy = loss_op(
    CrossEntropy, "−log softmax(scores) at the right class", cross_entropy_expand, cross_entropy_reference,
    Sample(((4, 5), (4, 1)), {}, ((-2, 2), 5)),
    Sample(((2, 3, 5), (2, 3, 1)), {"label_smoothing": 0.1}, ((-2, 2), 5)),
    Sample(((4, 5), (4, 5)), {"targets": "one_hot"}, ((-2, 2), (0, 1))),
    onnx=onnx_loss.CROSS_ENTROPY,
)  # fmt: skip
multiclass_hinge = loss_op(
    MulticlassHinge, "Σ over wrong classes of max(0, s_j − s_y + margin)",
    multiclass_hinge_expand, multiclass_hinge_reference,
    Sample(((4, 5), (4, 1)), {}, ("distinct", 5)), Sample(((6, 3), (6, 1)), {"margin": 0.3}, ("distinct", 3)),
)  # fmt: skip
sum_squared_error = loss_op(
    SumSquaredError, "Σ (scores − target)²",
    lambda b, scores, target: b.add("sum", squares(b, scores, target), axis=-1, keepdims=True),
    lambda scores, target: np.square(scores - target).sum(axis=-1, keepdims=True), *UNITS,
)  # fmt: skip
mean_squared_error = loss_op(
    MeanSquaredError, "the mean of (scores − target)²",
    lambda b, scores, target: mean_units(b, squares(b, scores, target)),
    lambda scores, target: np.square(scores - target).mean(axis=-1, keepdims=True), *UNITS,
)  # fmt: skip
l1 = loss_op(
    L1Loss, "the mean of |scores − target|",
    lambda b, scores, target: mean_units(b, b.add("abs", b.add("subtract", scores, target))),
    lambda scores, target: np.abs(scores - target).mean(axis=-1, keepdims=True), *UNITS,
)  # fmt: skip
huber = loss_op(
    Huber, "the mean of d² / 2 near zero and of delta (|d| − delta / 2) far from it",
    huber_expand, huber_reference,
    *UNITS, Sample(((4, 5), (4, 5)), {"delta": 0.4}, FLOATS),
)  # fmt: skip
binary_cross_entropy = loss_op(
    BinaryCrossEntropy, "−t log σ(s) − (1 − t) log(1 − σ(s))",
    binary_cross_entropy_expand, binary_cross_entropy_reference,
    Sample(((4, 5), (4, 5)), {}, ((-2, 2), (0, 1))), Sample(((3, 1), (3, 1)), {}, ((-9, 9), (0, 1))),
)  # fmt: skip
