"""Reductions in ONNX, whose axes became an input with opset 13 (sums) and 18 (the others)."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ops.onnx.direct import expect
from nngraph.ops.records import normalize_axes, normalize_axis

REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin"}
INT32 = 6


def axis_inputs(w: Writer, operator: str, axes: tuple[int, ...]) -> tuple[list[str], dict[str, Any]]:
    """The axes as an input or as an attribute."""
    if operator == "ReduceSum" or w.opset >= 18:
        return [w.constant(np.array(axes, np.int64))], {}
    return [], {"axes": list(axes)}


def write_reduction(w: Writer, node: Node) -> None:
    (x,), operator = node.inputs, REDUCTIONS[node.op.name]
    positional, named = axis_inputs(w, operator, normalize_axes(node.attributes["axis"], x.type.rank))
    keep = int(node.attributes["keepdims"])
    w.give(node.result, w.add(operator, w.plain(x), *positional, keepdims=keep, **named))


def read_reduction(r: Reader, n: OnnxNode) -> None:
    rank = len(r.shape(n.inputs[0]))
    axes = reduced_axes(r, n, rank)
    if axes is None:
        r.give(n.outputs[0], r.make("identity", r.plain(n.inputs[0])))
        return
    keep = bool(n.attributes.get("keepdims", 1))
    if r.op == "mean" and axes == tuple(range(2, rank)) and rank == 4 and not r.static:
        y = r.make("global_average_pool", r.image(n.inputs[0]))
        r.give(n.outputs[0], y, (0, 1, None, None) if keep else (0, 1))
        return
    x = prepared(r, n, r.plain(n.inputs[0]))
    y = r.make(r.op, x, axis=axes[0] if len(axes) == 1 else axes, **({"keepdims": True} if keep else {}))
    r.give(n.outputs[0], finished(r, n, y))


def prepared(r: Reader, n: OnnxNode, x: Any) -> Any:
    """What is summed of x: some reductions are sums of something else."""
    if n.operator in ("ReduceSumSquare", "ReduceL2"):
        return r.help("square", x)
    if n.operator == "ReduceL1":
        return r.help("abs", x)
    return r.help("exp", x) if n.operator == "ReduceLogSumExp" else x


def finished(r: Reader, n: OnnxNode, y: Any) -> Any:
    if n.operator == "ReduceL2":
        return r.help("sqrt", y)
    return r.help("log", y) if n.operator in ("ReduceLogSum", "ReduceLogSumExp") else y


def reduced_axes(r: Reader, n: OnnxNode, rank: int) -> tuple[int, ...] | None:
    """The axes in order; None where nothing is reduced."""
    given: Any = n.attributes.get("axes")
    if given is None and n.input(1):
        given = r.known(n.inputs[1], "its axes").tolist()
    if not given:
        return None if n.attributes.get("noop_with_empty_axes") else tuple(range(rank))
    return normalize_axes(tuple(given), rank)


def write_argmax(w: Writer, node: Node) -> None:
    (x,), given = node.inputs, node.attributes
    axis = normalize_axis(given["axis"], x.type.rank)
    y = w.add("ArgMax", w.plain(x), axis=axis, keepdims=int(given["keepdims"]))
    w.give(node.result, w.add("Cast", y, to=INT32))


def read_argmax(r: Reader, n: OnnxNode) -> None:
    expect(not n.attributes.get("select_last_index"), "the first of several expected, not the last")
    rank = len(r.shape(n.inputs[0]))
    axis, keep = normalize_axis(n.attributes.get("axis", 0), rank), bool(n.attributes.get("keepdims", 1))
    given = {"axis": -1 if axis == rank - 1 else axis, **({"keepdims": True} if keep else {})}
    r.give(n.outputs[0], r.make("argmax", r.plain(n.inputs[0]), **given))


def reading(*operators: str) -> dict[str, Reading]:
    """How these are read; nothing but where they name their axes has changed from form to form."""
    return {operator: Reading(read_reduction, 1, 20) for operator in operators}


SUM = Onnx(write_reduction, reading("ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum"))
MAX = Onnx(write_reduction, reading("ReduceMax"))
MIN = Onnx(write_reduction, reading("ReduceMin"))
MEAN = Onnx(write_reduction, reading("ReduceMean"))
ARGMAX = Onnx(write_argmax, {"ArgMax": Reading(read_argmax, 1, 13)})
