"""Shapes in ONNX: the same elements under another shape, in other places, or repeated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nngraph.ir.exchange import Axes, Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node, Value
from nngraph.ir.types import BATCH, Batch, Dim, Shape, TensorType, size_of
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


def write_crop(w: Writer, node: Node) -> None:
    """Slice with a start, an end and a step for each axis that is not taken whole."""
    (x,), given = node.inputs, node.attributes
    tensor = w.plain(x)
    starts: list[int] = []
    ends: list[int] = []
    axes: list[int] = []
    steps: list[int] = []
    for axis, (whole, size, start, step) in enumerate(
        zip(x.type.shape, given["shape"], given["starts"], given["steps"], strict=True)
    ):
        if whole == size and start == 0 and step == 1:
            continue
        end = start + size * step
        starts.append(start)
        ends.append(end if end >= 0 else -(2**31))
        axes.append(axis)
        steps.append(step)
    if not axes:
        w.give(node.result, w.add("Identity", tensor))
        return
    bounds = [w.constant(np.array(part, np.int64)) for part in (starts, ends, axes, steps)]
    w.give(node.result, w.add("Slice", tensor, *bounds))


def write_slice(w: Writer, node: Node) -> None:
    (x,), given = node.inputs, node.attributes
    low, high = -(2**31), 2**31 - 1
    start = given["start"] if given["start"] is not None else (0 if given["step"] > 0 else high)
    stop = given["stop"] if given["stop"] is not None else (high if given["step"] > 0 else low)
    parts = (start, stop, normalize_axis(given["axis"], x.type.rank), given["step"])
    bounds = [w.constant(np.array([part], np.int64)) for part in parts]
    w.give(node.result, w.add("Slice", w.plain(x), *bounds))


def read_slice(r: Reader, n: OnnxNode) -> None:
    rank = len(r.shape(n.inputs[0]))
    if n.version < 10:
        starts, ends = list(n.attributes["starts"]), list(n.attributes["ends"])
        axes, steps = list(n.attributes.get("axes", range(len(starts)))), [1] * len(starts)
    else:
        starts, ends = (r.known(n.inputs[k], "where it begins and ends").tolist() for k in (1, 2))
        axes = r.known(n.inputs[3], "its axes").tolist() if n.input(3) else list(range(len(starts)))
        steps = r.known(n.inputs[4], "its steps").tolist() if n.input(4) else [1] * len(starts)
    x, where = r.axes(n.inputs[0])
    if None in where:
        x, where = r.plain(n.inputs[0]), tuple(range(rank))
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = where[normalize_axis(axis, rank)]
        assert place is not None
        x = sliced(r, x, start, end, step, place)
    r.give(n.outputs[0], x, where)


def sliced(r: Reader, x: Any, start: int, end: int, step: int, axis: int) -> Any:
    """As Python slices, in the words that say it shortest; an axis that is taken whole stays as it is."""
    type: TensorType = r.type(x)
    size = type.shape[axis]
    if isinstance(size, Batch):
        expect(start == 0 and step == 1 and end >= 2**31 - 1, "the batch taken whole expected")
        return x
    rows = range(size)[slice(start, None if step < 0 and end <= -size - 1 else end, step)]
    expect(len(rows) > 0, f"it chooses nothing of the {size} elements along an axis")
    if list(rows) == list(range(size)):
        return x
    given: dict[str, Any] = {} if rows[0] == (0 if step > 0 else size - 1) else {"start": rows[0]}
    last = rows[-1] + (1 if step > 0 else -1)
    if 0 <= last < size and rows[-1] + step in range(size):
        given["stop"] = last
    given |= {} if step == 1 else {"step": step}
    return r.make("slice", x, axis=-1 if axis == type.rank - 1 else axis, **given)


def write_pad(w: Writer, node: Node) -> None:
    (x,), widths = node.inputs, node.attributes["widths"]
    padded(w, node, x, ((0, 0), *widths), node.attributes["value"])


def padded(w: Writer, node: Node, x: Value, widths: tuple[tuple[int, int], ...], value: float) -> None:
    pads = np.array([before for before, _ in widths] + [after for _, after in widths], np.int64)
    fill = w.constant(np.array(value, x.type.dtype))
    w.give(node.result, w.add("Pad", w.plain(x), w.constant(pads), fill, mode="constant"))


def write_place(w: Writer, node: Node) -> None:
    (x,), given = node.inputs, node.attributes
    if set(given["steps"]) != {1}:
        raise ValueError("values spread out in steps have no operator in ONNX")
    widths: list[tuple[int, int]] = []
    for inner, whole, start in zip(x.type.shape, given["shape"], given["starts"], strict=True):
        widths.append((0, 0) if isinstance(whole, Batch) else (start, whole - start - inner))
    padded(w, node, x, tuple(widths), given["value"])


def read_pad(r: Reader, n: OnnxNode) -> None:
    mode = n.attributes.get("mode", "constant")
    expect(mode == "constant", f"mode 'constant' expected, '{mode}' given")
    rank = len(r.shape(n.inputs[0]))
    if n.version < 11:
        pads, value = list(n.attributes["pads"]), float(n.attributes.get("value", 0.0))
        axes = list(range(rank))
    else:
        pads = r.known(n.inputs[1], "its widths").tolist()
        value = float(r.known(n.inputs[2], "its value").reshape(-1)[0]) if n.input(2) else 0.0
        axes = r.known(n.inputs[3], "its axes").tolist() if n.input(3) else list(range(rank))
    widths = [(0, 0)] * rank
    for k, axis in enumerate(axes):
        widths[normalize_axis(axis, rank)] = (pads[k], pads[len(axes) + k])
    expect(min(pads, default=0) >= 0, "widths of at least 0 expected; a negative one takes elements away")
    x, where = r.axes(n.inputs[0])
    if None in where:
        x, where = r.plain(n.inputs[0]), tuple(range(rank))
    ours = [(0, 0)] * rank
    for theirs, place in enumerate(where):
        ours[place or 0] = widths[theirs]
    r.give(n.outputs[0], pad_of(r, x, ours, value), where)


def pad_of(r: Reader, x: Any, widths: list[tuple[int, int]], value: float) -> Any:
    given = {} if value == 0 else {"value": value}
    if not r.static:
        expect(widths[0] == (0, 0), "the batch as it is expected")
        return r.make("pad", x, widths=tuple(widths[1:]), **given)
    sizes = r.type(x).shape
    shape = tuple(before + d + after for d, (before, after) in zip(sizes, widths, strict=True))  # type: ignore[operator]
    return r.help("place", x, starts=tuple(b for b, _ in widths), shape=shape, steps=(1,) * len(shape), value=value)


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
    position = 1 if n.operator == "Upsample" or n.version < 11 else 2
    shape = r.shape(n.inputs[0])
    if n.input(position):
        scales = r.known(n.inputs[position], "its scales").tolist()
    else:
        target = r.known(n.input(3), "its sizes").tolist()
        scales = [1.0 if isinstance(d, Batch) else t / d for t, d in zip(target, shape, strict=True)]
    whole = len(scales) == 4 and scales[:2] == [1, 1] and all(s >= 1 and float(s).is_integer() for s in scales[2:])
    expect(whole, f"whole factors of the rows and columns of images expected, {scales} given")
    floor = given.get("coordinate_transformation_mode") == "asymmetric" and given.get("nearest_mode") == "floor"
    half = given.get("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    expect(floor or half or n.version < 11, "pixels repeated as they are expected")
    down, across = (int(s) for s in scales[2:])
    factor = down if down == across else (down, across)
    r.give_image(n.outputs[0], r.make("upsample_nearest", r.image(n.inputs[0]), factor=factor))


def read_split(r: Reader, n: OnnxNode) -> None:
    """A slice for each part."""
    shape = r.shape(n.inputs[0])
    axis = normalize_axis(n.attributes.get("axis", 0), len(shape))
    size = shape[axis]
    assert isinstance(size, int)
    given: Any = n.attributes.get("split")
    if given is None and n.input(1):
        given = r.known(n.inputs[1], "its parts").tolist()
    part = -(-size // len(n.outputs))
    parts = list(given) if given else [min(part, size - k * part) for k in range(len(n.outputs))]
    x, start = r.plain(n.inputs[0]), 0
    for name, length in zip(n.outputs, parts, strict=True):
        r.give(name, sliced(r, x, start, start + length, 1, axis))
        start += length


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
CONCAT = Onnx(write_concat, {"Concat": Reading(read_concat, 1, 13)})
CROP = Onnx(write_crop)
PLACE = Onnx(write_place)
SLICE = Onnx(write_slice, {"Slice": Reading(read_slice, 1, 13), "Split": Reading(read_split, 1, 18)})
PAD = Onnx(write_pad, {"Pad": Reading(read_pad, 1, 25)})
UPSAMPLE = Onnx(write_upsample, {"Resize": Reading(read_resize, 10, 19), "Upsample": Reading(read_resize, 7, 9)})
