"""What a value gets back whose normalized form has been mixed: a sum over its readers, and batch norm's own terms."""

from __future__ import annotations

import numpy as np

from nngraph.ir.op import Absent, Op, Sample, register_op
from nngraph.ir.types import Dim, TensorType, format_shape, multiply
from nngraph.ops.mixing import scaled_infer, scaled_reference, scaled_sum
from nngraph.ops.records import BACKWARD, TRAINING_ONLY

VECTORS = ("mean", "factor", "slope", "base")


def infer(x: TensorType, *others: TensorType, places: tuple[int, ...]) -> TensorType:
    vectors, pairs = others[: len(VECTORS)], others[len(VECTORS) :]
    for name, vector in zip(VECTORS, vectors, strict=True):
        if vector != TensorType(x.shape[-1:], x.dtype):
            raise ValueError(
                f"'{name}': one number for each channel of {format_shape(x.shape)} expected, {vector} given"
            )
    if scaled_infer(*pairs, places=places) != x:
        raise ValueError(f"a scaled sum of tensors {x} expected, of {pairs[1]} given")
    return x


def reference(x: np.ndarray, *others: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    mean, factor, slope, base = others[: len(VECTORS)]
    return scaled_reference(*others[len(VECTORS) :], places=places) * factor + (x - mean) * slope + base


def flops(x: TensorType, *others: TensorType, places: tuple[int, ...]) -> Dim:
    return multiply(x.size, 2 * len(places) + 5)


def sample(shape: tuple[int, ...], *edges: tuple[int, int]) -> Sample:
    """A value that was mixed as the first number of each edge, by a convolution of as many values as the second."""
    pairs = [given for _, values in edges for given in ((values,), shape)]
    return Sample((shape, *(shape[-1:],) * len(VECTORS), *pairs), {"places": tuple(place for place, _ in edges)})


mixed_cotangent = register_op(
    Op(
        "mixed_cotangent", "factor Σ s_j[place_j] dp_j + slope (x − mean) + base, with four numbers for each channel",
        "mixing", ("x", *VECTORS, "pairs..."), infer, reference, scaled_sum.attributes, vjp=BACKWARD,
        kernel="mixed_cotangent", internal=True, flops=flops,
        samples=(
            sample((2, 5), (0, 1)), sample((3, 4, 5, 17), (1, 2), (0, 3)), sample((1, 3, 3, 1), (4, 5), (4, 5), (0, 1)),
            sample((5, 4, 32), (0, 1), (2, 3)), sample((35, 78), (1, 2)),
        ),
        errors=Absent("made by the compiler only"),
        onnx=TRAINING_ONLY,
    )
)  # fmt: skip
