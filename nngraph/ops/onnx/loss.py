"""Losses in ONNX: the mean, the sum or each one's negative log-likelihood, with weights and an ignored class."""

from __future__ import annotations

from typing import Any

from nngraph.ir.exchange import Onnx, OnnxNode, Reader, Reading
from nngraph.ops.onnx.direct import expect
from nngraph.ops.records import normalize_axis


def last(rank: int) -> tuple[int, ...]:
    """The order that takes axis 1, the classes, to the end."""
    return (0, *range(2, rank), 1)


def read_cross_entropy(r: Reader, n: OnnxNode) -> None:
    """Of scores, whose log-softmax is the second result."""
    scores = r.image(n.inputs[0])
    likelihood = r.help("log_softmax", scores)
    r.give(n.outputs[0], loss_of(r, n, likelihood))
    if n.wants(1):
        r.give_image(n.outputs[1], likelihood)


def read_likelihood(r: Reader, n: OnnxNode) -> None:
    r.give(n.outputs[0], loss_of(r, n, r.image(n.inputs[0])))


def loss_of(r: Reader, n: OnnxNode, likelihood: Any) -> Any:
    """−w_y log p_y; the mean is over the sum of the weights that count."""
    expect(r.static, "a loss inside a model is read only with fixed sizes; say the loss in training instead")
    type = r.type(likelihood)
    classes = type.shape[-1]
    labels = r.plain(n.inputs[1])
    hot = r.help("one_hot_last", r.reshape(labels, (*r.type(labels).shape, 1)), classes=classes, dtype=type.dtype)
    own = total(r, r.help("multiply", hot, likelihood))
    weights = total(r, r.help("multiply", hot, r.plain(n.inputs[2]))) if n.input(2) else total(r, hot)
    ignored = n.attributes.get("ignore_index")
    if ignored is not None:
        counts = r.help("cast", r.help("not_equal", labels, int(ignored)), dtype=type.dtype)
        weights = r.help("multiply", weights, counts)
    loss = r.help("negate", r.help("multiply", own, weights))
    reduction = n.attributes.get("reduction", "mean")
    if reduction == "none":
        return loss
    whole = r.help("sum", loss)
    return whole if reduction == "sum" else r.help("divide", whole, r.help("sum", weights))


def total(r: Reader, x: Any) -> Any:
    return r.help("sum", x, axis=-1)


def read_one_hot(r: Reader, n: OnnxNode) -> None:
    """One value at the label and another elsewhere, in a new axis; a label below 0 counts from the end."""
    depth = int(r.known(n.inputs[1], "its depth").reshape(-1)[0])
    values = r.known(n.inputs[2], "its values")
    off, on = values.tolist()
    labels, rank = r.plain(n.inputs[0]), len(r.shape(n.inputs[0]))
    labels = labels if r.type(labels).dtype == "int32" else r.help("cast", labels, dtype="int32")
    if r.static:
        labels = r.help("where", r.help("less", labels, 0), r.help("add", labels, depth), labels)
    dtype = "int32" if values.dtype.kind in "iu" else str(values.dtype) if r.static else "float"
    y = r.make("one_hot", labels, classes=depth, dtype=dtype)
    y = y if on - off == 1 else r.help("multiply", y, on - off)
    y = y if off == 0 else r.help("add", y, off)
    axis = normalize_axis(n.attributes.get("axis", -1), rank + 1)
    r.give(n.outputs[0], y, (*range(axis), rank, *range(axis, rank)))


CROSS_ENTROPY = Onnx(
    read={
        "SoftmaxCrossEntropyLoss": Reading(read_cross_entropy, 12, 13),
        "NegativeLogLikelihoodLoss": Reading(read_likelihood, 12, 22),
    }
)
ONE_HOT = Onnx(read={"OneHot": Reading(read_one_hot, 9, 28)})
