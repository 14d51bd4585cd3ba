"""Elements moved to other places: each op says which strided copies it amounts to."""

from __future__ import annotations

import numpy as np

from nngraph.ir.builder import Builder
from nngraph.ir.graph import Node, Value
from nngraph.ir.op import Attribute, ErrorSample, Op, Sample, register_op
from nngraph.ir.types import Batch, Dim, Shape, TensorType, format_shape, multiply, strides_of
from nngraph.ops.onnx import shape as onnx_shape
from nngraph.ops.onnx import slicing as onnx_slicing
from nngraph.ops.records import expect_rank, expect_sizes, normalize_axis
from nngraph_kernels.record import record


@record
class Copy:
    """Element i of `shape` goes from source_offset + i · source_strides to the same place of the target.

    Offsets and strides count elements; strides may be negative or multiples of the batch.
    """

    operand: int
    shape: Shape
    source_offset: Dim
    source_strides: Shape
    target_offset: Dim
    target_strides: Shape


@record
class Movement:
    """Copies into one result; with `fill`, all of the result holds that number before."""

    copies: tuple[Copy, ...]
    fill: float | None = None


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
        lambda x, axes=None: x.transpose(axes or (0, *range(x.ndim - 1, 0, -1))[: x.ndim]),
        {"axes": Attribute("integers", "all axes, 0 (the batch) first; by default the others are reversed",
        None)},
        vjp=transpose_vjp, kernel="copy", copies=transpose_copies, flops=lambda x, axes=None: 0,
        samples=(
            Sample(((3, 4, 5),)), Sample(((2, 3, 4, 17),), {"axes": (0, 2, 3, 1)}),
            Sample(((5, 7),), {"axes": (1, 0)}),
            Sample(((2, 33, 18),), {"axes": (0, -1, 1)}), Sample(((),)),
        ),
        errors=(
            ErrorSample(((3, 4, 5),), {"axes": (0, 1)}, "permutation"),
            ErrorSample(((3, 4),), {"axes": (0, 2)}, "axis 2"),
            ErrorSample(((Batch(), 4),), {"axes": (1, 0)}, "batch"),
        ),
        onnx=onnx_shape.TRANSPOSE,
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
            Sample(((3, 5), (3, 2))), Sample(((2, 4, 3), (2, 1, 3), (2, 17, 3)), {"axis": 1}),
            Sample(((3, 33),)),
            Sample(((3, 4), (3, 4)), {}, (9, 9)),
        ),
        errors=(
            ErrorSample(((3, 5), (4, 5)), {}, "agree but for axis"),
            ErrorSample(((3, 5), (3, 5)), {"axis": 2}, "axis 2"),
            ErrorSample(((Batch(), 5), (Batch(), 5)), {"axis": 0}, "batch"),
            ErrorSample(((3, 5), (3, 5)), {}, "one dtype", ("float32", "int32")),
        ),
        onnx=onnx_shape.CONCAT,
    )
)  # fmt: skip

WINDOW = {
    "starts": Attribute("any", "where along each axis the window begins"),
    "shape": Attribute("any", "the whole shape of the result"),
    "steps": Attribute("any", "how far apart along each axis the window's elements are; negative goes backwards"),
}
WINDOWS = (
    ((3, 17), (0, 4), (3, 9), (1, 1)), ((3, 17), (0, 1), (3, 8), (1, 2)),
    ((2, 5, 4), (0, 4, 1), (2, 5, 2), (1, -1, 2)),
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
        onnx=onnx_slicing.CROP,
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
        "place", "x at every step-th place of a window, a number everywhere else", "shape", ("x",),
        place_infer,
        place_reference, {**WINDOW, "value": Attribute("float", "what stands outside of the window", 0.0)},
        vjp=place_vjp, kernel="copy", copies=place_copies, internal=True, flops=lambda x, **_: 0,
        samples=tuple(
            Sample((window,), {"starts": starts, "shape": whole, "steps": steps, "value": 1.5})
            for whole, starts, window, steps in WINDOWS
        ),
        errors=(ErrorSample(((3, 5),), {"starts": (0, 3), "shape": (3, 7), "steps": (1, 1)}, "axis 1"),),
        onnx=onnx_slicing.PLACE,
    )
)  # fmt: skip
