"""Shapes in ONNX: the same elements under another shape, in other places, or repeated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nngraph.ir.exchange import Axes, Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ir.types import BATCH, Batch, Dim, Shape, size_of
from nngraph.ops.onnx.direct import expect
from nngraph.ops.records import normalize_axis


def sizes_of(shape: Shape) -> np.ndarray:
    """What Reshape takes: the batch, whatever its factor, is found."""
    return np.array([-1 if isinstance(dim, Batch) else dim for dim in shape], np.int64)


def write_view(w: Writer, node: Node) -> None:
    w.give(node.result, w.add("Reshape", w.plain(node.inputs[0]), w.constant(sizes_of(node.result.type.shape))))


def write_flatten(w: Writer, node: Node) -> None:
    w.give(node.result, w.add("Flatten", w.plain(node.inputs[0]), axis=1))


def read_reshape(r: Reader, n: OnnxNode) -> None:
    given: Any = n.attributes.get("shape")
    target = r.known(n.inputs[1], "its shape").reshape(-1).tolist() if given is None else list(given)
    shape = r.shape(n.inputs[0])
    if not n.attributes.get("allowzero"):
        target = [shape[k] if dim == 0 and k < len(shape) else dim for k, dim in enumerate(target)]
    reshaped(r, n, found(r, shape, target))


def found(r: Reader, shape: Shape, target: list[Any]) -> Shape:
    """`target` with the size that is -1 found; a file of one batch size means any other with it."""
    if shape and isinstance(shape[0], Batch) and target and not isinstance(target[0], Batch):
        if target[0] == r.file_batch and size_of(shape[1:]) == math.prod(d for d in target[1:] if d != -1):
            target = [BATCH, *(1 if dim == -1 else dim for dim in target[1:])]
        elif -1 not in target and target[0] == r.file_batch:
            target = [BATCH, *target[1:]]
    if -1 not in target:
        return tuple(target)
    whole, known = size_of(shape), size_of(tuple(dim for dim in target if dim != -1))
    rest: Dim
    if isinstance(known, Batch):
        expect(isinstance(whole, Batch) and whole.factor % known.factor == 0, "a shape of as many elements expected")
        rest = whole.factor // known.factor if isinstance(whole, Batch) else 1
    elif isinstance(whole, Batch):
        rest = Batch(whole.factor // known)
    else:
        rest = whole // known if known else 0
    return tuple(rest if dim == -1 else dim for dim in target)


def reshaped(r: Reader, n: OnnxNode, shape: Shape) -> None:
    """Give the input under another shape; axes of size 1 that ours never had come off for nothing."""
    x, axes = r.axes(n.inputs[0])
    real = [axis for axis in axes if axis is not None]
    held: Shape = r.type(x).shape
    if len(real) < len(axes) and real == sorted(real) and without_ones(held) == without_ones(shape):
        if held == shape:
            r.give(n.outputs[0], x)
            return
        if tuple(held) == shape[: len(held)]:
            r.give(n.outputs[0], x, (*range(len(held)), *(None,) * (len(shape) - len(held))))
            return
    r.give(n.outputs[0], r.reshape(r.plain(n.inputs[0]), shape))


def without_ones(shape: Shape) -> list[Dim]:
    return [dim for dim in shape if dim != 1]


def read_flatten(r: Reader, n: OnnxNode) -> None:
    shape = r.shape(n.inputs[0])
    axis = n.attributes.get("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    _, axes = r.axes(n.inputs[0])
    if axis == 1 and None not in axes and shape and isinstance(shape[0], Batch) and not r.static:
        r.give(n.outputs[0], r.make("flatten", r.plain(n.inputs[0])))
        return
    reshaped(r, n, (size_of(shape[:axis]), size_of(shape[axis:])))


def chosen(r: Reader, n: OnnxNode) -> list[int]:
    """The axes of Squeeze and Unsqueeze: an attribute before opset 13."""
    given: Any = n.attributes.get("axes")
    return list(given if given is not None else r.known(n.inputs[1], "its axes").reshape(-1).tolist())


def read_squeeze(r: Reader, n: OnnxNode) -> None:
    shape = r.shape(n.inputs[0])
    if "axes" in n.attributes or n.input(1):
        gone = {normalize_axis(axis, len(shape)) for axis in chosen(r, n)}
    else:
        gone = {k for k, dim in enumerate(shape) if dim == 1}
    expect(all(shape[k] == 1 for k in gone), "axes of size 1 expected")
    x, axes = r.axes(n.inputs[0])
    if all(axes[k] is None for k in gone):
        r.give(n.outputs[0], x, tuple(axis for k, axis in enumerate(axes) if k not in gone))
        return
    r.give(n.outputs[0], r.reshape(r.plain(n.inputs[0]), tuple(d for k, d in enumerate(shape) if k not in gone)))


def read_unsqueeze(r: Reader, n: OnnxNode) -> None:
    """Axes of size 1 that ours does without until something needs them."""
    x, axes = r.axes(n.inputs[0])
    rank = len(axes) + len(chosen(r, n))
    new = {normalize_axis(axis, rank) for axis in chosen(r, n)}
    rest = iter(axes)
    r.give(n.outputs[0], x, tuple(None if k in new else next(rest) for k in range(rank)))


def write_transpose(w: Writer, node: Node) -> None:
    (x,), rank = node.inputs, node.result.type.rank
    axes = node.attributes["axes"] or (0, *range(rank - 1, 0, -1))[:rank]
    w.give(node.result, w.add("Transpose", w.plain(x), perm=[normalize_axis(axis, rank) for axis in axes]))


def read_transpose(r: Reader, n: OnnxNode) -> None:
    """It moves nothing: what follows is told where the axes are."""
    x, axes = r.axes(n.inputs[0])
    order = n.attributes.get("perm", list(range(len(axes)))[::-1])
    r.give(n.outputs[0], x, tuple(axes[k] for k in order))


def write_concat(w: Writer, node: Node) -> None:
    rank = node.result.type.rank
    axis = normalize_axis(node.attributes["axis"], rank)
    if rank == 4 and axis == 3:
        w.give_image(node.result, w.add("Concat", *map(w.image, node.inputs), axis=1))
        return
    w.give(node.result, w.add("Concat", *map(w.plain, node.inputs), axis=axis))


def read_concat(r: Reader, n: OnnxNode) -> None:
    rank = len(r.shape(n.inputs[0]))
    axis = normalize_axis(n.attributes.get("axis", 1), rank)
    layouts = [r.axes(name)[1] for name in n.inputs if r.array(name) is None]
    axes: Axes = layouts[0] if layouts and None not in layouts[0] else tuple(range(rank))
    values = [r.arranged(name, axes) for name in n.inputs]
    place = axes[axis]
    assert place is not None
    r.give(n.outputs[0], r.make("concat", *values, axis=-1 if place == rank - 1 else place), axes)


def read_tile(r: Reader, n: OnnxNode) -> None:
    """Copies one after the other along each axis."""
    x = r.plain(n.inputs[0])
    for axis, count in enumerate(r.known(n.inputs[1], "how often").tolist()):
        expect(1 <= count <= 4096, f"1 to 4096 copies along an axis expected, {count} given")
        x = r.make("concat", *[x] * count, axis=axis) if count > 1 else x
    r.give(n.outputs[0], x)


def write_broadcast(w: Writer, node: Node) -> None:
    """Expand takes 1 for what stays as it is: the batch, where x has it."""
    (x,), shape = node.inputs, node.result.type.shape
    target = [1 if isinstance(dim, Batch) else dim for dim in shape]
    if node.op.name == "broadcast":
        ones = (1,) * (len(shape) - x.type.rank)
        tensor = w.plain(x)
        if ones:
            aligned = sizes_of((x.type.shape[0], *ones, *x.type.shape[1:]))
            tensor = w.add("Reshape", tensor, w.constant(aligned))
        w.give(node.result, w.add("Expand", tensor, w.constant(np.array(target, np.int64))))
        return
    if any(isinstance(d, Batch) for d in shape) and not any(isinstance(d, Batch) for d in x.type.shape):
        raise ValueError("a batch of copies depends on the number of examples")
    w.give(node.result, w.add("Expand", w.plain(x), w.constant(np.array(target, np.int64))))


def read_expand(r: Reader, n: OnnxNode) -> None:
    shape = r.shape(n.inputs[0])
    target = r.known(n.inputs[1], "its shape").tolist()
    rank = max(len(shape), len(target))
    own, wanted = (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(target)) + tuple(target)
    result = tuple(a if b == 1 else b for a, b in zip(own, wanted, strict=True))
    x = r.reshape(r.plain(n.inputs[0]), own) if len(shape) < rank else r.plain(n.inputs[0])
    if result == own:
        r.give(n.outputs[0], x)
    elif r.static:
        r.give(n.outputs[0], r.make("broadcast_to", x, shape=result))
    else:
        expect(bool(own) and own[0] == result[0], "the batch as it is expected")
        r.give(n.outputs[0], r.make("broadcast", x, shape=result[1:]))


def write_upsample(w: Writer, node: Node) -> None:
    factor = node.attributes["factor"]
    down, across = (factor, factor) if isinstance(factor, int) else factor
    scales = w.constant(np.array([1, 1, down, across], np.float32))
    given = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    w.give_image(node.result, w.add("Resize", w.image(node.inputs[0]), "", scales, **given))


def read_resize(r: Reader, n: OnnxNode) -> None:
    """Whole factors of rows and columns, each pixel repeated."""
    given = n.attributes
    expect(given.get("mode", "nearest") == "nearest", "mode 'nearest' expected")
    expect("axes" not in given, "a factor or a size for every axis expected")
    position = 1 if n.operator == "Upsample" or n.version < 11 else 2
    shape = r.shape(n.inputs[0])
    if "scales" in given:  # as an attribute before opset 9
        scales = list(given["scales"])
    elif n.input(position):
        scales = r.known(n.inputs[position], "its scales").tolist()
    else:
        target = r.known(n.input(3), "its sizes").tolist()
        scales = [1.0 if isinstance(d, Batch) else t / d for t, d in zip(target, shape, strict=True)]
    whole = len(scales) == 4 and scales[:2] == [1, 1] and all(s >= 1 and float(s).is_integer() for s in scales[2:])
    expect(whole, f"whole factors of the rows and columns of images expected, {scales} given")
    way = given.get("coordinate_transformation_mode", "half_pixel"), given.get("nearest_mode", "round_prefer_floor")
    repeats = way in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
    expect(repeats or n.version < 11, f"pixels repeated as they are expected, {' and '.join(way)} given")
    down, across = (int(s) for s in scales[2:])
    factor = down if down == across else (down, across)
    r.give_image(n.outputs[0], r.make("upsample_nearest", r.image(n.inputs[0]), factor=factor))


def read_shape(r: Reader, n: OnnxNode) -> None:
    """A constant, but for the batch in it."""
    shape = r.shape(n.inputs[0])
    rank = len(shape)
    start, end = n.attributes.get("start", 0), n.attributes.get("end", rank)
    array = np.empty(len(shape[start:end]), object)
    array[:] = shape[start:end]
    r.give_array(n.outputs[0], array if any(isinstance(d, Batch) for d in shape[start:end]) else array.astype(np.int64))


VIEW = Onnx(write_view)
RESHAPE = Onnx(
    write_view,
    {
        "Reshape": Reading(read_reshape, 1, 25),
        "Squeeze": Reading(read_squeeze, 1, 25),
        "Unsqueeze": Reading(read_unsqueeze, 1, 25),
        "Shape": Reading(read_shape, 1, 25),
    },
)
FLATTEN = Onnx(write_flatten, {"Flatten": Reading(read_flatten, 1, 25)})
BROADCAST_TO = Onnx(write_broadcast)
BROADCAST = Onnx(write_broadcast, {"Expand": Reading(read_expand, 8, 13)})
TRANSPOSE = Onnx(write_transpose, {"Transpose": Reading(read_transpose, 1, 25)})
CONCAT = Onnx(write_concat, {"Concat": Reading(read_concat, 1, 13), "Tile": Reading(read_tile, 6, 13)})
UPSAMPLE = Onnx(write_upsample, {"Resize": Reading(read_resize, 10, 19), "Upsample": Reading(read_resize, 7, 9)})
