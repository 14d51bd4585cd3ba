"""Slices and padding: a window out of a tensor, or a tensor as a window of a larger one."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import FLOATS, Batch, Shape, TensorType
from nngraph.ops.onnx import slicing as onnx_slicing
from nngraph.ops.records import expect_rank, expect_sizes, normalize_axis


def slice_window(x: TensorType, start: int | None, stop: int | None, step: int, axis: int) -> dict[str, Any]:
    """The window that Python's slicing names; ValueError for one that is empty."""
    position = normalize_axis(axis, x.rank)
    expect_sizes(x.shape, (position,))
    size = x.shape[position]
    assert isinstance(size, int)
    if step == 0:
        raise ValueError("step 0 given, a step other than 0 expected")
    chosen = range(size)[start:stop:step]
    if not chosen:
        raise ValueError(f"start {start}, stop {stop} and step {step} choose nothing of the {size} along axis {axis}")
    others = tuple(a != position for a in range(x.rank))
    return {
        "starts": tuple(0 if other else chosen[0] for other in others),
        "shape": tuple(dim if other else len(chosen) for other, dim in zip(others, x.shape, strict=True)),
        "steps": tuple(1 if other else step for other in others),
    }


def slice_infer(
    x: TensorType, start: int | None = None, stop: int | None = None, step: int = 1, axis: int = -1
) -> TensorType:
    return TensorType(slice_window(x, start, stop, step, axis)["shape"], x.dtype)


def slice_reference(
    x: np.ndarray, start: int | None = None, stop: int | None = None, step: int = 1, axis: int = -1
) -> np.ndarray:
    return np.moveaxis(np.moveaxis(x, axis, 0)[start:stop:step], 0, axis)


def slice_expand(
    b: Builder, x: Value, start: int | None = None, stop: int | None = None, step: int = 1, axis: int = -1
) -> Value:
    return b.add("crop", x, **slice_window(x.type, start, stop, step, axis))


slice = register_op(
    Op(
        "slice", "some of the elements along an axis, as Python slices", "shape", ("x",), slice_infer,
        slice_reference,
        {
            "start": Attribute("int", "the first element, counted from the end if negative", None),
            "stop": Attribute("int", "the element before which to stop, counted from the end if negative",
            None),
            "step": Attribute("int", "how far from one element to the next; negative goes backwards", 1),
            "axis": Attribute("axis", "the axis, counted from the end if negative; not the batch's", -1),
        },
        expand=slice_expand, flops=lambda x, **_: 0,
        samples=(
            Sample(((3, 17),), {"start": 2, "stop": -3}),
            Sample(((2, 9, 3),), {"start": 1, "step": 3, "axis": 1}),
            Sample(((3, 5),), {"step": -2}),
        ),
        errors=(
            ErrorSample(((3, 5),), {"start": 5}, "choose nothing"),
            ErrorSample(((3, 5),), {"step": 0}, "step 0"),
            ErrorSample(((Batch(), 5),), {"axis": 0, "start": 1}, "batch"),
        ),
        onnx=onnx_slicing.SLICE,
    )
)  # fmt: skip

Widths = tuple[tuple[int, int], ...]


def padded_shape(shape: Shape, widths: Widths) -> Shape:
    if len(widths) != len(shape) - 1:
        expected = f"a pair (before, after) for each of the {len(shape) - 1} axes after the batch"
        raise ValueError(f"{expected} expected, {widths} given")
    expect_sizes(shape, tuple(a for a, pair in enumerate(widths, 1) if any(pair)))
    grown = (
        dim if isinstance(dim, Batch) else dim + before + after
        for dim, (before, after) in zip(shape[1:], widths, strict=True)
    )
    return (shape[0], *grown)


def pad_infer(x: TensorType, widths: Widths, value: float = 0.0) -> TensorType:
    expect_rank(x, 1)
    if x.dtype not in FLOATS and not value.is_integer():
        raise ValueError(f"a whole number around {x.dtype} values expected, {value} given; convert with cast")
    return TensorType(padded_shape(x.shape, widths), x.dtype)


def pad_expand(b: Builder, x: Value, widths: Widths, value: float = 0.0) -> Value:
    starts = (0, *(before for before, _ in widths))
    shape = padded_shape(x.type.shape, widths)
    return b.add("place", x, starts=starts, shape=shape, steps=(1,) * len(shape), value=value)


def pad_reference(x: np.ndarray, widths: Widths, value: float = 0.0) -> np.ndarray:
    return np.pad(x, ((0, 0), *widths), constant_values=value)


pad = register_op(
    Op(
        "pad", "x with a number around it", "shape", ("x",), pad_infer, pad_reference,
        {
            "widths": Attribute("pairs", "for each axis after the batch, how many before and after"),
            "value": Attribute("float", "what stands around x", 0.0),
        },
        expand=pad_expand, flops=lambda x, **_: 0,
        samples=(Sample(((3, 5),), {"widths": ((1, 2),)}),
        Sample(((2, 4, 3),), {"widths": ((0, 1), (2, 0)), "value": -1.5})),
        errors=(
            ErrorSample(((3, 5),), {"widths": ((1, 1), (1, 1))}, "each of the 1 axes"),
            ErrorSample(((3, 5),), {"widths": ((-1, 1),)}, "at least 0"),
            ErrorSample(((3, 5),), {"widths": ((1, 1),), "value": 0.5}, "whole number", ("int32",)),
        ),
        onnx=onnx_slicing.PAD,
    )
)  # fmt: skip
