"""Slices and padding in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node, Value
from nngraph.ir.types import Batch, TensorType
from nngraph.ops.onnx.direct import expect
from nngraph.ops.records import normalize_axis


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
    r.give(n.outputs[0], pad_of(r, x, ours, value) if mode == "constant" else mirrored(r, x, ours, mode), where)


def pad_of(r: Reader, x: Any, widths: list[tuple[int, int]], value: float) -> Any:
    given = {} if value == 0 else {"value": value}
    if not r.static:
        expect(widths[0] == (0, 0), "the batch as it is expected")
        return r.make("pad", x, widths=tuple(widths[1:]), **given)
    sizes = r.type(x).shape
    shape = tuple(before + d + after for d, (before, after) in zip(sizes, widths, strict=True))  # type: ignore[operator]
    return r.help("place", x, starts=tuple(b for b, _ in widths), shape=shape, steps=(1,) * len(shape), value=value)


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


MODES = ("constant", "edge", "reflect", "wrap")


def mirrored(r: Reader, x: Any, widths: list[tuple[int, int]], mode: str) -> Any:
    """x with what it holds near its ends around it: 'edge' repeats the last element, 'reflect' goes back from it."""
    expect(mode in MODES, f"one of the modes {', '.join(MODES)} expected, '{mode}' given")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            size = r.type(x).shape[axis]
            expect(not isinstance(size, Batch), "the batch as it is expected")
            assert isinstance(size, int)
            expect(before + after <= 4096, f"at most 4096 elements around an axis expected, {before + after} given")
            places: Any = np.pad(np.arange(size), (before, after), mode)  # type: ignore[call-overload]
            around: list[int] = [*places[:before].tolist(), *places[before + size :].tolist()]
            parts = [element(r, x, place, axis) for place in around]
            x = r.make("concat", *parts[:before], x, *parts[before:], axis=axis)
    return x


def element(r: Reader, x: Any, place: int, axis: int) -> Any:
    """One element along an axis, which stays."""
    return r.help("slice", x, start=place, stop=place + 1, axis=axis)


CROP = Onnx(write_crop)
PLACE = Onnx(write_place)
SLICE = Onnx(write_slice, {"Slice": Reading(read_slice, 1, 13), "Split": Reading(read_split, 1, 18)})
PAD = Onnx(write_pad, {"Pad": Reading(read_pad, 2, 25)})
