"""Elements moved to other places: each op says which strided copies it amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, Shape, TensorType, format_shape, multiply
from nngraph.ops.records import expect_rank, expect_sizes, normalize_axis


@dataclass(frozen=True, slots=True)
class Copy:
    """Element i of `shape` goes from source_offset + i · source_strides to target_offset + i · target_strides.

    Offsets and strides count elements, and may be negative or multiples of the batch; `operand` numbers the input.
    """

    operand: int
    shape: Shape
    source_offset: Dim
    source_strides: Shape
    target_offset: Dim
    target_strides: Shape


@dataclass(frozen=True, slots=True)
class Movement:
    """Copies into one result; with `fill`, all of the result holds that number before."""

    copies: tuple[Copy, ...]
    fill: float | None = None


def strides_of(shape: Shape) -> Shape:
    """Row-major strides in elements."""
    strides: list[Dim] = []
    step: Dim = 1
    for axis in range(len(shape) - 1, -1, -1):
        strides.append(step)
        # The first axis's size is in no stride: the batch stands there, and may be in one already.
        step = multiply(step, shape[axis]) if axis else step
    return tuple(reversed(strides))


def offset_of(starts: tuple[int, ...], strides: Shape) -> Dim:
    """The element at `starts`, which are 0 along axes whose stride depends on the batch."""
    offset = 0
    for start, stride in zip(starts, strides, strict=True):
        if start:
            assert isinstance(stride, int)
            offset += start * stride
    return offset


def window_strides(shape: Shape, steps: tuple[int, ...]) -> Shape:
    return tuple(multiply(stride, step) for stride, step in zip(strides_of(shape), steps, strict=True))


def transpose_axes(x: TensorType, axes: tuple[int, ...] | None) -> tuple[int, ...]:
    if axes is None:
        return (0, *range(x.rank - 1, 0, -1)) if x.rank else ()
    found = tuple(normalize_axis(a, x.rank) for a in axes)
    if sorted(found) != list(range(x.rank)):
        raise ValueError(f"a permutation of the {x.rank} axes 0 to {x.rank - 1} expected, {axes} given")
    return found


def transpose_infer(x: TensorType, axes: tuple[int, ...] | None = None) -> TensorType:
    found = transpose_axes(x, axes)
    if found and found[0] != 0 and isinstance(x.shape[0], Batch):
        raise ValueError(f"axes {axes} given, but axis 0 is the batch and stays first; expected (0, ...)")
    return TensorType(tuple(x.shape[a] for a in found), x.dtype)


def transpose_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    axes = transpose_axes(node.inputs[0].type, node.attributes["axes"])
    return (b.add("transpose", dy, axes=tuple(axes.index(a) for a in range(len(axes)))),)


def transpose_copies(x: TensorType, axes: tuple[int, ...] | None = None) -> Movement:
    result, strides = transpose_infer(x, axes).shape, strides_of(x.shape)
    source = tuple(strides[a] for a in transpose_axes(x, axes))
    return Movement((Copy(0, result, 0, source, 0, strides_of(result)),))


transpose = register_op(
    Op(
        "transpose", "the axes in another order; the batch stays first", "shape", ("x",), transpose_infer,
        lambda x, axes=None: x.transpose(axes or (0, *range(x.ndim - 1, 0, -1))),
        {"axes": Attribute("integers", "all axes, 0 (the batch) first; by default the others are reversed", None)},
        vjp=transpose_vjp, kernel="copy", copies=transpose_copies, flops=lambda x, axes=None: 0,
        samples=(
            Sample(((3, 4, 5),)), Sample(((2, 3, 4, 17),), {"axes": (0, 2, 3, 1)}), Sample(((5, 7),), {"axes": (1, 0)}),
            Sample(((2, 33, 18),), {"axes": (0, -1, 1)}),
        ),
        errors=(
            ErrorSample(((3, 4, 5),), {"axes": (0, 1)}, "permutation"),
            ErrorSample(((3, 4),), {"axes": (0, 2)}, "axis 2"),
            ErrorSample(((Batch(), 4),), {"axes": (1, 0)}, "batch"),
        ),
    )
)  # fmt: skip


def concat_infer(*types: TensorType, axis: int = -1) -> TensorType:
    if not types:
        raise ValueError("at least one input expected, none given")
    first = types[0]
    expect_rank(first, 1)
    position = normalize_axis(axis, first.rank)
    total = 0
    for type in types:
        if type.dtype != first.dtype:
            raise ValueError(f"inputs of one dtype expected, {first.dtype} and {type.dtype} given; convert with cast")
        if without(type.shape, position) != without(first.shape, position) or type.rank != first.rank:
            shapes = f"{format_shape(first.shape)} and {format_shape(type.shape)}"
            raise ValueError(f"shapes that agree but for axis {axis} expected, {shapes} given")
        expect_sizes(type.shape, (position,))
        size = type.shape[position]
        assert isinstance(size, int)
        total += size
    return TensorType((*first.shape[:position], total, *first.shape[position + 1 :]), first.dtype)


def without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def concat_starts(types: tuple[TensorType, ...], axis: int) -> list[tuple[int, ...]]:
    """Where each input begins in the result."""
    position, total = normalize_axis(axis, types[0].rank), 0
    starts: list[tuple[int, ...]] = []
    for type in types:
        starts.append(tuple(total if a == position else 0 for a in range(type.rank)))
        size = type.shape[position]
        assert isinstance(size, int)
        total += size
    return starts


def concat_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value, ...]:
    types = tuple(value.type for value in node.inputs)
    return tuple(
        b.add("crop", dy, starts=starts, shape=type.shape, steps=(1,) * type.rank)
        for starts, type in zip(concat_starts(types, node.attributes["axis"]), types, strict=True)
    )


def concat_copies(*types: TensorType, axis: int = -1) -> Movement:
    strides = strides_of(concat_infer(*types, axis=axis).shape)
    return Movement(
        tuple(
            Copy(k, type.shape, 0, strides_of(type.shape), offset_of(starts, strides), strides)
            for k, (type, starts) in enumerate(zip(types, concat_starts(types, axis), strict=True))
        )
    )


concat = register_op(
    Op(
        "concat", "the inputs one after the other along an axis", "shape", ("x...",), concat_infer,
        lambda *arrays, axis=-1: np.concatenate(arrays, axis),
        {"axis": Attribute("axis", "the axis, counted from the end if negative; not the batch's", -1)},
        vjp=concat_vjp, kernel="copy", copies=concat_copies, flops=lambda *types, axis=-1: 0,
        samples=(
            Sample(((3, 5), (3, 2))), Sample(((2, 4, 3), (2, 1, 3), (2, 17, 3)), {"axis": 1}), Sample(((3, 33),)),
            Sample(((3, 4), (3, 4)), {}, (9, 9)),
        ),
        errors=(
            ErrorSample(((3, 5), (4, 5)), {}, "agree but for axis"),
            ErrorSample(((3, 5), (3, 5)), {"axis": 2}, "axis 2"),
            ErrorSample(((Batch(), 5), (Batch(), 5)), {"axis": 0}, "batch"),
            ErrorSample(((3, 5), (3, 5)), {}, "one dtype", ("float32", "int32")),
        ),
    )
)  # fmt: skip

WINDOW = {
    "starts": Attribute("any", "where along each axis the window begins"),
    "shape": Attribute("any", "the whole shape of the result"),
    "steps": Attribute("any", "how far apart along each axis the window's elements are; negative goes backwards"),
}
WINDOWS = (
    ((3, 17), (0, 4), (3, 9), (1, 1)), ((3, 17), (0, 1), (3, 8), (1, 2)), ((2, 5, 4), (0, 4, 1), (2, 5, 2), (1, -1, 2)),
)  # fmt: skip


def check_window(whole: Shape, window: Shape, starts: tuple[int, ...], steps: tuple[int, ...]) -> None:
    """Refuse a window that does not lie within the whole."""
    if not len(whole) == len(window) == len(starts) == len(steps):
        raise ValueError(f"a start, size and step for each axis of {format_shape(whole)} expected")
    for axis, (outer, inner, start, step) in enumerate(zip(whole, window, starts, steps, strict=True)):
        if isinstance(outer, Batch) or isinstance(inner, Batch):
            valid = outer == inner and start == 0 and step == 1
        else:
            valid = step != 0 and 0 <= start < outer and 0 <= start + (inner - 1) * step < outer
        if not valid:
            raise ValueError(
                f"axis {axis}: {inner} elements from {start} in steps of {step} given, more than {outer} hold"
            )


def crop_infer(x: TensorType, starts: tuple[int, ...], shape: Shape, steps: tuple[int, ...]) -> TensorType:
    check_window(x.shape, shape, starts, steps)
    return TensorType(shape, x.dtype)


def selection(starts: tuple[int, ...], shape: tuple[int, ...], steps: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return np.ix_(*(start + step * np.arange(n) for start, n, step in zip(starts, shape, steps, strict=True)))


def crop_copies(x: TensorType, starts: tuple[int, ...], shape: Shape, steps: tuple[int, ...]) -> Movement:
    offset = offset_of(starts, strides_of(x.shape))
    return Movement((Copy(0, shape, offset, window_strides(x.shape, steps), 0, strides_of(shape)),))


def crop_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    window = {"starts": node.attributes["starts"], "steps": node.attributes["steps"]}
    return (b.add("place", dy, shape=node.inputs[0].type.shape, **window),)


crop = register_op(
    Op(
        "crop", "every step-th element of a window", "shape", ("x",), crop_infer,
        lambda x, starts, shape, steps: x[selection(starts, shape, steps)], WINDOW,
        vjp=crop_vjp, kernel="copy", copies=crop_copies, internal=True, flops=lambda x, **_: 0,
        samples=tuple(
            Sample((whole,), {"starts": starts, "shape": shape, "steps": steps})
            for whole, starts, shape, steps in WINDOWS
        ),
        errors=(
            ErrorSample(((3, 5),), {"starts": (0, 3), "shape": (3, 3), "steps": (1, 1)}, "axis 1"),
            ErrorSample(((3, 5),), {"starts": (0,), "shape": (3,), "steps": (1,)}, "each axis"),
        ),
    )
)  # fmt: skip


def place_infer(
    x: TensorType, starts: tuple[int, ...], shape: Shape, steps: tuple[int, ...], value: float = 0.0
) -> TensorType:
    del value
    check_window(shape, x.shape, starts, steps)
    return TensorType(shape, x.dtype)


def place_reference(
    x: np.ndarray, starts: tuple[int, ...], shape: tuple[int, ...], steps: tuple[int, ...], value: float = 0.0
) -> np.ndarray:
    result = np.full(shape, value, x.dtype)
    result[selection(starts, x.shape, steps)] = x
    return result


def place_copies(
    x: TensorType, starts: tuple[int, ...], shape: Shape, steps: tuple[int, ...], value: float = 0.0
) -> Movement:
    offset = offset_of(starts, strides_of(shape))
    return Movement((Copy(0, x.shape, 0, strides_of(x.shape), offset, window_strides(shape, steps)),), value)


def place_vjp(b: Builder, node: Node, dy: Value) -> tuple[Value]:
    window = {"starts": node.attributes["starts"], "steps": node.attributes["steps"]}
    return (b.add("crop", dy, shape=node.inputs[0].type.shape, **window),)


place = register_op(
    Op(
        "place", "x at every step-th place of a window, a number everywhere else", "shape", ("x",), place_infer,
        place_reference, {**WINDOW, "value": Attribute("float", "what stands outside of the window", 0.0)},
        vjp=place_vjp, kernel="copy", copies=place_copies, internal=True, flops=lambda x, **_: 0,
        samples=tuple(
            Sample((window,), {"starts": starts, "shape": whole, "steps": steps, "value": 1.5})
            for whole, starts, window, steps in WINDOWS
        ),
        errors=(ErrorSample(((3, 5),), {"starts": (0, 3), "shape": (3, 7), "steps": (1, 1)}, "axis 1"),),
    )
)  # fmt: skip


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
        "slice", "some of the elements along an axis, as Python slices", "shape", ("x",), slice_infer, slice_reference,
        {
            "start": Attribute("int", "the first element, counted from the end if negative", None),
            "stop": Attribute("int", "the element before which to stop, counted from the end if negative", None),
            "step": Attribute("int", "how far from one element to the next; negative goes backwards", 1),
            "axis": Attribute("axis", "the axis, counted from the end if negative; not the batch's", -1),
        },
        expand=slice_expand, flops=lambda x, **_: 0,
        samples=(
            Sample(((3, 17),), {"start": 2, "stop": -3}), Sample(((2, 9, 3),), {"start": 1, "step": 3, "axis": 1}),
            Sample(((3, 5),), {"step": -2}),
        ),
        errors=(
            ErrorSample(((3, 5),), {"start": 5}, "choose nothing"), ErrorSample(((3, 5),), {"step": 0}, "step 0"),
            ErrorSample(((Batch(), 5),), {"axis": 0, "start": 1}, "batch"),
        ),
    )
)  # fmt: skip

Widths = tuple[tuple[int, int], ...]


def padded_shape(shape: Shape, widths: Widths) -> Shape:
    if len(widths) != len(shape) - 1:
        raise ValueError(
            f"a pair (before, after) for each of the {len(shape) - 1} axes after the batch expected, {widths} given"
        )
    expect_sizes(shape, tuple(a for a, pair in enumerate(widths, 1) if any(pair)))
    grown = (dim if isinstance(dim, Batch) else dim + before + after for dim, (before, after) in zip(shape[1:], widths, strict=True))
    return (shape[0], *grown)


def pad_infer(x: TensorType, widths: Widths, value: float = 0.0) -> TensorType:
    del value
    expect_rank(x, 1)
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
        samples=(Sample(((3, 5),), {"widths": ((1, 2),)}), Sample(((2, 4, 3),), {"widths": ((0, 1), (2, 0)), "value": -1.5})),
        errors=(
            ErrorSample(((3, 5),), {"widths": ((1, 1), (1, 1))}, "each of the 1 axes"),
            ErrorSample(((3, 5),), {"widths": ((-1, 1),)}, "at least 0"),
        ),
    )
)  # fmt: skip
