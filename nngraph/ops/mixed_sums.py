"""What follows from the channel sums that `mixed_depthwise_backward` leaves, without another look at the images.

With z_i = (x_i − mean_i) factor_i + offset_i, p = Σ s_i z_i, P = Σ dp and Q_i = Σ dp (x_i − mean_i) for each channel:
ds_i is a sum over channels, and the sums that the normalization before needs are sums over what read it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.op import Absent, Attribute, Op, Sample, register_op
from nngraph.ir.types import TensorType, format_shape, multiply
from nngraph.ops.records import BACKWARD, TRAINING_ONLY

PLACES = {"places": Attribute("integers", "for each triple, which weight and which row of the centered sums")}


def gradient_infer(total: TensorType, centered: TensorType, *normalized: TensorType) -> TensorType:
    if centered.rank != 2 or total.shape != centered.shape[1:]:
        shapes = f"{format_shape(total.shape)} and {format_shape(centered.shape)}"
        raise ValueError(f"sums of shapes (channels,) and (values, channels) expected, {shapes} given")
    values = centered.shape[0]
    if len(normalized) != multiply(values, 2):
        raise ValueError(f"a factor and an offset for each of {values} values expected, {len(normalized)} given")
    return TensorType(centered.shape[:1], total.dtype)


def gradient_reference(total: np.ndarray, centered: np.ndarray, *normalized: np.ndarray) -> np.ndarray:
    factors, offsets = np.array(normalized[::2]), np.array(normalized[1::2])
    return (centered * factors + total * offsets).sum(axis=1)


mixed_weights_gradient = register_op(
    Op(
        "mixed_weights_gradient", "ds of a mixed depthwise convolution, from the sums P and Q, factors and offsets",
        "mixing", ("total", "centered", "normalized..."), gradient_infer, gradient_reference, vjp=BACKWARD,
        kernel="mixed_weights_gradient", internal=True,
        flops=lambda total, centered, *_: multiply(centered.size, 4),
        samples=tuple(
            Sample(((c,), (k, c), *((c,),) * (2 * k))) for k, c in ((1, 1), (2, 3), (3, 17), (5, 16), (2, 78))
        ),
        errors=Absent("made by the compiler only"),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip


def sums_infer(*triples: TensorType, places: tuple[int, ...]) -> tuple[TensorType, TensorType]:
    if len(triples) != 3 * len(places):
        raise ValueError(f"weights, P and Q for each of {len(places)} places expected, {len(triples)} values given")
    return triples[1], triples[1]


def sums_reference(*triples: np.ndarray, places: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    weights = [s[place] for s, place in zip(triples[::3], places, strict=True)]
    total = sum(w * p for w, p in zip(weights, triples[1::3], strict=True))
    centered = sum(w * q[place] for w, q, place in zip(weights, triples[2::3], places, strict=True))
    return np.asarray(total), np.asarray(centered)


def sums_sample(channels: int, *edges: tuple[int, int]) -> Sample:
    """A value that was read as the first number of each edge, by a convolution of as many values as the second."""
    shapes: list[tuple[int, ...]] = []
    for _, values in edges:
        shapes += [(values,), (channels,), (values, channels)]
    return Sample(tuple(shapes), {"places": tuple(place for place, _ in edges)})


def sums_flops(*triples: TensorType, places: tuple[int, ...]) -> Any:
    return multiply(triples[1].size, 4 * len(places))


mixed_sums = register_op(
    Op(
        "mixed_sums", "Σdz and Σdz (x − mean) of a value, from the sums P and Q of the convolutions that read it",
        "mixing", ("triples...",), sums_infer, sums_reference, PLACES, vjp=BACKWARD, kernel="mixed_sums",
        internal=True, flops=sums_flops,
        samples=(
            sums_sample(1, (0, 1)), sums_sample(3, (0, 2), (1, 2)), sums_sample(17, (2, 3), (0, 1), (1, 4)),
            sums_sample(16, (1, 2)), sums_sample(78, (4, 5), (4, 5)),
        ),
        errors=Absent("made by the compiler only"),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
