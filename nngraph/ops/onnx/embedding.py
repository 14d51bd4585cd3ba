"""Rows of a table in ONNX."""

from __future__ import annotations

from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading, Writer
from nngraph.ir.graph import Node
from nngraph.ops.onnx.direct import expect
from nngraph.ops.records import normalize_axis


def write_gather(w: Writer, node: Node) -> None:
    table, index = node.inputs
    w.give(node.result, w.add("Gather", w.plain(table), w.plain(index), axis=0))


def read_gather(r: Reader, n: OnnxNode) -> None:
    """Of a constant table by integers that are given: an embedding. One element of an axis: a slice."""
    shape = r.shape(n.inputs[0])
    axis = normalize_axis(n.attributes.get("axis", 0), len(shape))
    table, index = r.array(n.inputs[0]), r.array(n.inputs[1])
    if table is not None and table.ndim == 2 and axis == 0 and not r.static:
        given = {"vocabulary": table.shape[0], "units": table.shape[1]}
        y = r.with_parameters("embedding", [r.plain(n.inputs[1])], {"weight": (n.inputs[0], None)}, **given)
        r.give(n.outputs[0], y)
        return
    if index is not None and index.size == 1 and isinstance(shape[axis], int):
        start = int(index.reshape(-1)[0]) % int(shape[axis])  # type: ignore[arg-type]
        part = r.help("slice", r.plain(n.inputs[0]), start=start, stop=start + 1, axis=axis)
        r.give(n.outputs[0], r.reshape(part, (*shape[:axis], *index.shape, *shape[axis + 1 :])))
        return
    expect(r.static and axis == 0, "rows of a constant table, or one element along an axis, expected")
    r.give(n.outputs[0], r.make("gather", r.plain(n.inputs[0]), r.plain(n.inputs[1])))


EMBEDDING = Onnx(read={"Gather": Reading(read_gather, 1, 13)})
GATHER = Onnx(write_gather)
