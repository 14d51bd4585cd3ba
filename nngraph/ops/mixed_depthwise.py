"""A depthwise convolution of max(0, Σ s_i z_i), where z_i = (x_i − mean_i) factor_i + offset_i, and its gradients.

This is what a node of a randomly wired network does with the normalized values that it reads, in one kernel; the
values themselves come from convolutions and are never written normalized. Nodes of these ops are made out of others
after differentiation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nngraph.ir.op import Absent, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Dim, Shape, TensorType, multiply, size_of
from nngraph.ops import depthwise, depthwise_backward
from nngraph.ops.depthwise import SAME, SLIDING, held_window
from nngraph.ops.depthwise_backward import PIECES, expect_gradient, in_pieces
from nngraph.ops.mixing import alike
from nngraph.ops.records import AFTER_EXPORT, BACKWARD, TRAINING_ONLY
from nngraph.ops.windows import channels_of, window_of

EACH = 4  # x, mean, factor and offset of each value


def image_of(s: TensorType, normalized: Sequence[TensorType]) -> TensorType:
    """The type of the values; ValueError where what comes with one does not fit."""
    x = alike(normalized[::EACH])
    if len(normalized) % EACH or s != TensorType((len(normalized) // EACH,), x.dtype):
        raise ValueError(f"weights {s} and {EACH} values for each of them expected, {len(normalized)} values given")
    along = TensorType(x.shape[-1:], x.dtype)
    if any(value != along for k, value in enumerate(normalized) if k % EACH):
        raise ValueError(f"mean, factor and offset {along} for each value expected")
    return x


def mixture(s: np.ndarray, normalized: Sequence[np.ndarray]) -> np.ndarray:
    """Σ s_i ((x_i − mean_i) factor_i + offset_i)."""
    values = [normalized[k : k + EACH] for k in range(0, len(normalized), EACH)]
    return sum((w * ((x - m) * f + o) for w, (x, m, f, o) in zip(s, values, strict=True)), np.zeros_like(normalized[0]))


def infer(s: TensorType, weight: TensorType, *normalized: TensorType, **sliding: Any) -> TensorType:
    return depthwise.infer(image_of(s, normalized), weight, **sliding)


def reference(s: np.ndarray, weight: np.ndarray, *normalized: np.ndarray, **sliding: Any) -> np.ndarray:
    return depthwise.reference(np.maximum(mixture(s, normalized), 0), weight, **sliding)


def per_image(shape: Shape) -> int:
    size = size_of(shape[1:])
    assert isinstance(size, int)
    return size


def flops(s: TensorType, weight: TensorType, *normalized: TensorType, **sliding: Any) -> Dim:
    kh, kw = held_window(weight, channels_of(normalized[0]))
    result = infer(s, weight, *normalized, **sliding).shape
    mixed = per_image(normalized[0].shape) * (len(normalized) // EACH * 2 + 1)
    return multiply(result[0], per_image(result) * 2 * kh * kw + mixed)


def sample(image: tuple[int, ...], window: tuple[int, int], values: int, **sliding: Any) -> Sample:
    """Of `values` values of shape `image`."""
    along = image[-1:]
    return Sample(((values,), (*window, 1, *along), *(image, along, along, along) * values), sliding)


SAMPLES = (
    sample((2, 4, 5, 3), (3, 3), 1, padding=SAME),
    sample((3, 5, 4, 17), (3, 3), 3, padding=SAME, stride=(2, 2)),
    sample((1, 4, 3, 2), (2, 3), 2, stride=(2, 1), padding=((0, 1), (2, 0)), dilation=(1, 2)),
    sample((1, 6, 7, 16), (5, 5), 7, padding=((2, 2), (2, 2))),
)
ERRORS = (
    ErrorSample(((2,), (3, 3, 1, 3), (2, 4, 4, 3), (3,), (3,), (3,)), {}, "4 values for each of them"),
    ErrorSample(((1,), (3, 3, 1, 3), (2, 4, 4, 3), (3,), (3,), (4,)), {}, "mean, factor and offset float32[3]"),
    ErrorSample(((1,), (3, 3, 3), (2, 4, 4, 3), (3,), (3,), (3,)), {}, "a weight (rows, columns, 1, 3) expected"),
)
mixed_depthwise = register_op(
    Op(
        "mixed_depthwise", "a depthwise convolution of the positive part of a weighted sum of normalized values",
        "mixing", ("s", "weight", "normalized..."), infer, reference, SLIDING,
        vjp=Absent("made after differentiation, which has seen the ops that it stands for"),
        kernel="mixed_depthwise", flops=flops, internal=True, samples=SAMPLES, errors=ERRORS,
        onnx=AFTER_EXPORT,
    )
)  # fmt: skip


def backward_infer(
    dy: TensorType, s: TensorType, weight: TensorType, *normalized: TensorType, **sliding: Any
) -> tuple[TensorType, ...]:
    x = image_of(s, normalized)
    kernel_size = held_window(weight, channels_of(x))
    place = window_of(x, kernel_size, **sliding)
    expect_gradient(dy, x, place)
    shapes = ((place.taps, channels_of(x)), (channels_of(x),), (*s.shape, channels_of(x)))
    return x, *(TensorType((PIECES, *shape), x.dtype) for shape in shapes)


def backward_reference(
    dy: np.ndarray, s: np.ndarray, weight: np.ndarray, *normalized: np.ndarray, **sliding: Any
) -> tuple[np.ndarray, ...]:
    p = mixture(s, normalized)
    (kh, kw, _, channels), (images, height, width, _) = weight.shape, p.shape
    dr = depthwise_backward.data_reference(dy, weight, size=(height, width), **sliding)
    dp = np.where(p > 0, dr, 0)
    dweight = depthwise_backward.sums_reference(np.maximum(p, 0), dy, kernel_size=(kh, kw), **sliding)
    pieces = in_pieces(images)
    sums = np.stack([dp[piece].sum((0, 1, 2)) for piece in pieces])
    centered = [dp * (x - mean) for x, mean in zip(normalized[::EACH], normalized[1::EACH], strict=True)]
    products = np.stack([[c[piece].sum((0, 1, 2)) for c in centered] for piece in pieces])
    return dp, dweight.reshape(PIECES, kh * kw, channels), sums, products


def backward_flops(dy: TensorType, s: TensorType, weight: TensorType, *normalized: TensorType, **_: Any) -> Dim:
    kh, kw = held_window(weight, channels_of(dy))
    mixed = per_image(normalized[0].shape) * (len(normalized) // EACH * 5 + 2)
    return multiply(dy.shape[0], per_image(dy.shape) * 4 * kh * kw + mixed)


def backward_samples() -> Iterator[Sample]:
    """The samples of the forward op with the cotangent of its result."""
    for sample in SAMPLES:
        result = infer(*map(TensorType, sample.shapes), **{**PLACE, **sample.attributes})
        yield Sample((result.numpy_shape(1), *sample.shapes), sample.attributes)


PLACE = {name: attribute.default for name, attribute in SLIDING.items()}
mixed_depthwise_backward = register_op(
    Op(
        "mixed_depthwise_backward",
        "dp of the weighted sum p, and in pieces of the batch dweight, Σ dp, and Σ dp (x − mean) for each value",
        "mixing", ("dy", "s", "weight", "normalized..."), backward_infer, backward_reference, SLIDING, vjp=BACKWARD,
        kernel="mixed_depthwise_backward", flops=backward_flops, internal=True, samples=tuple(backward_samples()),
        errors=(
            ErrorSample(((2, 4, 4, 3), *ERRORS[1].shapes[:-1], (3,)), {}, "a gradient of (2, 2, 2, 3)"),
            *(ErrorSample(((2, 2, 2, 3), *e.shapes), e.attributes, e.message) for e in ERRORS),
        ),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
