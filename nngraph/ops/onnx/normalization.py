"""Normalizations, softmax and dropout in ONNX."""

from __future__ import annotations

import numpy as np

from nngraph.ir.exchange import Onnx, OnnxNode, Pattern, Reader, Reading, Writer
from nngraph.ir.graph import Node, Value
from nngraph.ir.types import Batch, size_of
from nngraph.ops.onnx.direct import CODES, expect, recognized
from nngraph.ops.onnx.reduction import axis_inputs
from nngraph.ops.records import normalize_axes, normalize_axis

Parameters = dict[str, tuple[str, tuple[int, ...] | None]]


def write_batch_norm(w: Writer, node: Node) -> None:
    x, *parameters = node.inputs
    given = {"epsilon": node.attributes["epsilon"], "momentum": node.attributes["momentum"]}
    names = list(map(w.parameter, parameters))
    if x.type.rank == 2:
        w.give(node.result, w.add("BatchNormalization", w.plain(x), *names, **given))
    else:
        w.give_image(node.result, w.add("BatchNormalization", w.image(x), *names, **given))


def read_batch_norm(r: Reader, n: OnnxNode) -> None:
    epsilon, momentum = n.attributes.get("epsilon", 1e-5), n.attributes.get("momentum", 0.9)
    expect(n.attributes.get("spatial", 1) == 1, "spatial 1 expected: statistics over all places of a channel")
    expect(n.version >= 7 or n.attributes.get("is_test") == 1, "is_test 1 expected: running statistics")
    if n.attributes.get("training_mode", 0):
        read_training(r, n, epsilon, momentum)
        return
    expect(not any(n.wants(k) for k in range(1, len(n.outputs))), "only the result expected, not its statistics")
    names = ("scale", "offset", "running_mean", "running_variance")
    parameters: Parameters = {name: (n.inputs[k], None) for k, name in enumerate(names, 1)}
    x = r.image(n.inputs[0])
    r.give_image(
        n.outputs[0], r.with_parameters("batch_norm", [x], parameters, epsilon=epsilon, momentum=momentum)
    )  # fmt: skip


def read_training(r: Reader, n: OnnxNode, epsilon: float, momentum: float) -> None:
    """By the statistics of the batch, which the running ones follow."""
    expect(r.static, "training_mode 0 expected: nngraph's training is its own")
    x = r.image(n.inputs[0])
    scale, offset, *running = (r.plain(name) for name in n.inputs[1:])
    found = r.results("batch_moments", x)
    deviation = r.help("sqrt", r.help("add", found[1], epsilon))
    r.give_image(n.outputs[0], r.help("scale_shift", x, found[0], r.help("divide", scale, deviation), offset))
    for k, (old, new) in enumerate(zip(running, found, strict=True), 1):
        if n.wants(k):
            kept, fresh = r.help("multiply", old, momentum), r.help("multiply", new, 1 - momentum)
            r.give(n.outputs[k], r.help("add", kept, fresh))


def write_softmax(w: Writer, node: Node) -> None:
    operator = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[node.op.name]
    axis = normalize_axis(node.attributes["axis"], node.result.type.rank)
    last = axis == node.result.type.rank - 1
    w.give(node.result, w.add(operator, w.plain(node.inputs[0]), axis=-1 if last else axis))


def read_softmax(r: Reader, n: OnnxNode) -> None:
    """Before opset 13 it was over all axes from `axis` on."""
    rank = len(r.shape(n.inputs[0]))
    if n.version >= 13:
        x, axes = r.axes(n.inputs[0])
        place = axes[normalize_axis(n.attributes.get("axis", -1), rank)]
        if place is None:
            x, axes, place = r.plain(n.inputs[0]), tuple(range(rank)), n.attributes.get("axis", -1) % rank
        last = place == r.type(x).rank - 1
        r.give(n.outputs[0], r.make(r.op, x, axis=-1 if last else place), axes)
        return
    x, axis = r.plain(n.inputs[0]), normalize_axis(n.attributes.get("axis", 1), rank)
    shape = r.type(x).shape
    if axis == rank - 1:
        r.give(n.outputs[0], r.make(r.op, x, axis=-1))
        return
    flat = r.reshape(x, (*shape[:axis], size_of(shape[axis:])))
    r.give(n.outputs[0], r.reshape(r.make(r.op, flat, axis=-1), shape))


def write_normalize(w: Writer, node: Node) -> None:
    """(x − mean) / √(variance + ε), its parts one by one."""
    (x,), given = node.inputs, node.attributes
    axes = normalize_axes(given["axis"], x.type.rank)
    tensor = w.plain(x)
    rest = w.add("Sub", tensor, reduced(w, "ReduceMean", tensor, axes, True))
    variance = reduced(w, "ReduceMean", w.add("Mul", rest, rest), axes, True)
    deviation = w.add("Sqrt", w.add("Add", variance, w.constant(np.array(given["epsilon"], x.type.dtype))))
    w.give(node.result, w.add("Div", rest, deviation))


def reduced(w: Writer, operator: str, tensor: str, axes: tuple[int, ...], keepdims: bool) -> str:
    positional, named = axis_inputs(w, operator, axes)
    return w.add(operator, tensor, *positional, keepdims=int(keepdims), **named)


def write_layer_norm(w: Writer, node: Node) -> None:
    """LayerNormalization where the axes are the last ones; else the parts, the parameters aligned with the axes."""
    x, scale, offset = node.inputs
    rank = x.type.rank
    axes = normalize_axes(node.attributes["axis"], rank)
    if axes == tuple(range(axes[0], rank)):
        given = {"axis": axes[0] - rank, "epsilon": node.attributes["epsilon"]}
        tensors = w.plain(x), w.parameter(scale), w.parameter(offset)
        w.give(node.result, w.add("LayerNormalization", *tensors, **given))
        return
    tensor = w.plain(x)
    rest = w.add("Sub", tensor, reduced(w, "ReduceMean", tensor, axes, True))
    variance = reduced(w, "ReduceMean", w.add("Mul", rest, rest), axes, True)
    epsilon = w.constant(np.array(node.attributes["epsilon"], x.type.dtype))
    normal = w.add("Div", rest, w.add("Sqrt", w.add("Add", variance, epsilon)))
    shape = w.constant(np.array([x.type.shape[a] if a in axes else 1 for a in range(axes[0], rank)], np.int64))
    scaled = w.add("Mul", normal, w.add("Reshape", w.parameter(scale), shape))
    w.give(node.result, w.add("Add", scaled, w.add("Reshape", w.parameter(offset), shape)))


def read_layer_norm(r: Reader, n: OnnxNode) -> None:
    rank = len(r.shape(n.inputs[0]))
    axis = normalize_axis(n.attributes.get("axis", -1), rank)
    axes = -1 if axis == rank - 1 else tuple(range(axis, rank))
    epsilon, x = n.attributes.get("epsilon", 1e-5), r.plain(n.inputs[0])
    statistics = n.wants(1) or n.wants(2)
    if n.input(2) and not statistics and all(len(r.shape(name)) == rank - axis for name in n.inputs[1:3]):
        parameters: Parameters = {"scale": (n.inputs[1], None), "offset": (n.inputs[2], None)}
        y = r.with_parameters("layer_norm", [x], parameters, axis=axes, epsilon=epsilon)
        r.give(n.outputs[0], y)
        return
    mean = r.help("mean", x, axis=tuple(range(axis, rank)), keepdims=True)
    rest = r.help("subtract", x, mean)
    variance = r.help("mean", r.help("square", rest), axis=tuple(range(axis, rank)), keepdims=True)
    deviation = r.help("sqrt", r.help("add", variance, epsilon))
    y = r.help("multiply", r.help("divide", rest, deviation), r.plain(n.inputs[1]))
    r.give(n.outputs[0], r.help("add", y, r.plain(n.inputs[2])) if n.input(2) else y)
    if n.wants(1):
        r.give(n.outputs[1], mean)
    if n.wants(2):
        r.give(n.outputs[2], r.help("divide", 1.0, deviation))


def write_dropout(w: Writer, node: Node) -> None:
    """Without effect as the file is run, but its rate stays known; vanilla dropout multiplies what it keeps."""
    x, rate = node.inputs[0], node.attributes["rate"]
    tensors, give = w.alike([x], node.result)
    ratio = w.constant(np.array(rate, np.float32), f"{node.id}.rate")
    y = w.add("Dropout", *tensors, ratio)
    if node.attributes["mode"] == "vanilla":
        y = w.add("Mul", y, w.constant(np.array(1 - rate, x.type.dtype), f"{node.id}.kept"))
    give(y)


def match_vanilla(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """What is kept divided by its share in training, and multiplied by it always."""
    for left, right in (n.inputs, n.inputs[::-1]):
        inner, kept = p.producer(left, "Dropout"), p.array(right)
        if inner is None or kept is None or kept.size != 1 or len(inner.outputs) != 1:
            continue
        rate = ratio_of(inner, p.array(inner.input(1)) if inner.input(1) else None)
        if rate and np.isclose(float(kept.reshape(-1)[0]), 1 - rate, rtol=1e-6):
            given = {"rate": rate, "mode": "vanilla"}
            return OnnxNode(n.name, "nngraph:dropout", 0, inner.inputs[:1], n.outputs, given)
    return None


def ratio_of(n: OnnxNode, given: np.ndarray | None) -> float:
    """The probability, as people would write what float32 holds of it."""
    return n.attributes.get("ratio", 0.5) if given is None else float(str(given.reshape(-1)[0]))


def read_recognized_dropout(r: Reader, n: OnnxNode) -> None:
    x, axes = r.axes(n.inputs[0])
    r.give(n.outputs[0], r.make("dropout", x, **n.attributes), axes)


def read_dropout(r: Reader, n: OnnxNode) -> None:
    """Of nodes that drop nothing as they are run the mask is all true."""
    given = r.known(n.inputs[1], "its ratio") if n.input(1) else None
    training = bool(r.known(n.inputs[2], "training_mode").item()) if n.input(2) else False
    rate = ratio_of(n, given)
    expect(not training or not r.static or rate == 0, "training_mode draws numbers at random, which differ from ours")
    x, axes = r.axes(n.inputs[0])
    y = r.make("identity", x) if r.static else r.make("dropout", x, rate=rate)
    r.give(n.outputs[0], y, axes)
    if n.wants(1):
        expect(r.static, "only the result expected, not the mask")
        sizes = tuple(dim for dim in r.type(x).shape if not isinstance(dim, Batch))
        r.give(n.outputs[1], r.constant(np.ones(sizes, bool)), axes)


def write_group_norm(w: Writer, node: Node) -> None:
    """GroupNormalization has a scale for each channel since opset 21; before, it is written by its parts."""
    x, scale, offset = node.inputs
    groups, epsilon = node.attributes["groups"], node.attributes["epsilon"]
    if w.opset >= 21:
        tensor = w.plain(x) if x.type.rank == 2 else w.image(x)
        names = w.parameter(scale), w.parameter(offset)
        given = {"num_groups": groups, "epsilon": epsilon, "stash_type": CODES[x.type.dtype]}
        y = w.add("GroupNormalization", tensor, *names, **given)
        (w.give if x.type.rank == 2 else w.give_image)(node.result, y)
        return
    shape = x.type.shape
    channels = shape[-1]
    assert isinstance(channels, int)
    grouped = w.add("Reshape", w.plain(x), w.constant(np.array([-1, places(x), groups, channels // groups])))
    rest = w.add("Sub", grouped, reduced(w, "ReduceMean", grouped, (1, 3), True))
    variance = reduced(w, "ReduceMean", w.add("Mul", rest, rest), (1, 3), True)
    deviation = w.add("Sqrt", w.add("Add", variance, w.constant(np.array(epsilon, x.type.dtype))))
    whole = w.constant(np.array([-1, *shape[1:]]))
    normal = w.add("Reshape", w.add("Div", rest, deviation), whole)
    w.give(node.result, w.add("Add", w.add("Mul", normal, w.parameter(scale)), w.parameter(offset)))


def places(x: Value) -> int:
    """Places of an example."""
    size = size_of(x.type.shape[1:-1])
    assert isinstance(size, int)
    return size


def read_instance_norm(r: Reader, n: OnnxNode) -> None:
    """A group for each channel."""
    parameters: Parameters = {"scale": (n.inputs[1], None), "offset": (n.inputs[2], None)}
    x = r.image(n.inputs[0])
    given = {"groups": r.type(x).shape[-1], "epsilon": n.attributes.get("epsilon", 1e-5)}
    r.give_image(n.outputs[0], r.with_parameters("group_norm", [x], parameters, **given))


def read_group_norm(r: Reader, n: OnnxNode) -> None:
    expect(n.version >= 21, "a scale for each channel expected, as since opset 21")
    parameters: Parameters = {"scale": (n.inputs[1], None), "offset": (n.inputs[2], None)}
    given = {"groups": n.attributes["num_groups"], "epsilon": n.attributes.get("epsilon", 1e-5)}
    r.give_image(n.outputs[0], r.with_parameters("group_norm", [r.image(n.inputs[0])], parameters, **given))


BATCH_NORM = Onnx(write_batch_norm, {"BatchNormalization": Reading(read_batch_norm, 1, 15)})
GROUP_NORM = Onnx(
    write_group_norm,
    {
        "GroupNormalization": Reading(read_group_norm, 18, 21),
        "InstanceNormalization": Reading(read_instance_norm, 6, 22),
    },
)
SOFTMAX = Onnx(write_softmax, {"Softmax": Reading(read_softmax, 1, 13)})
LOG_SOFTMAX = Onnx(write_softmax, {"LogSoftmax": Reading(read_softmax, 1, 13)})
NORMALIZE = Onnx(write_normalize)
LAYER_NORM = Onnx(write_layer_norm, {"LayerNormalization": Reading(read_layer_norm, 17, 17)})
DROPOUT = Onnx(
    write_dropout,
    {"Dropout": Reading(read_dropout, 1, 22), **recognized(read_recognized_dropout, "dropout")},
    {"Mul": match_vanilla},
)
