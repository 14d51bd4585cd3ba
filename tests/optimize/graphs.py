"""For each pass a small graph on which it has something to do."""

from collections.abc import Callable

import nngraph as ng
from nngraph.differentiate import differentiate, objective_from
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.types import BATCH, TensorType
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from nngraph.optimize import PASSES
from tests import compiled

DTYPE = "float64"


def built(body: Callable[[Builder, Value], dict[str, Value]]) -> Graph:
    """The graph of what `body` makes of x (batch, 3, 4)."""
    b = Builder(dtype=DTYPE)
    x = Value("x", TensorType((BATCH, 3, 4), DTYPE))
    outputs = body(b, x)
    return Graph("g", (x,), tuple(b.nodes), tuple(outputs.items()), tuple(b.states.values()))


def decompose(b: Builder, x: Value) -> dict[str, Value]:
    return {"y": b.add("softmax", x, id="softmax"), "m": b.add("mean", x, axis=(1, 2), id="mean")}


def canonicalize(b: Builder, x: Value) -> dict[str, Value]:
    """Neutral numbers, views of views, broadcasts that elementwise work does by itself, axes with gaps."""
    y = b.add("add", b.add("multiply", x, 1.0), 0.0)
    twice = b.add("view", b.add("view", y, shape=(BATCH, 12)), shape=(BATCH, 4, 3))
    spread = b.add("broadcast_to", b.add("sum", x, axis=1, keepdims=True), shape=x.type.shape)
    weights = b.add("constant", value=[0.5, 1.0], dtype=DTYPE)
    return {
        "once": b.add("exp", b.add("scaled_sum", weights, x, places=(1,))),
        "viewed": b.add("exp", twice),
        "centered": b.add("subtract", x, spread),
        "both": b.add("sum", x, axis=(0, 2)),
        "same": b.add("cast", b.add("identity", x), dtype=DTYPE),
    }


def fold_constants(b: Builder, x: Value) -> dict[str, Value]:
    number = b.add("sqrt", b.add("add", b.constant(2.0), b.constant(7.0)))
    of_batch = b.add("divide_by_size", b.constant(6.0), size=BATCH)
    return {"y": b.add("multiply", x, number), "z": b.add("multiply", x, of_batch)}


def share_subexpressions(b: Builder, x: Value) -> dict[str, Value]:
    """Equal nodes become one; random ones never do."""
    one, other = (b.add("exp", b.add("negate", x)) for _ in range(2))
    random = [b.add("random_uniform", b.step(), shape=(BATCH, 4), key=(1, 2)) for _ in range(2)]
    return {"y": b.add("add", one, other), "z": b.add("subtract", *random)}


def drop_dead_code(b: Builder, x: Value) -> dict[str, Value]:
    b.add("log", b.add("exp", x))
    return {"y": b.add("tanh", x)}


def layer(dtype: str = DTYPE) -> Graph:
    g = ng.Graph("layer")
    x = g.input("x", shape=(6,))
    h = g.dropout(g.relu(g.linear(x, 5, name="hidden")), rate=0.5, name="dropout")
    g.output(g.linear(h, 3, name="scores"))
    forward = lower(g.wiring, training=True, dtype=dtype, seed=1)
    objective = objective_from("cross_entropy", ["scores"], regularizer={"type": "l2", "strength": 0.1})
    return differentiate(forward, objective, optimizer_from({"type": "sgd", "learning_rate": 0.5}))


def merge_scaled_sums(b: Builder, x: Value) -> dict[str, Value]:
    """Two sums of three and of two are one each, beside what is no scaled sum; one that is read twice stays."""
    weights = b.add("constant", value=[0.5, 2.0, 3.0], dtype=DTYPE)
    one, two, three = (b.add("scaled_sum", weights, x, places=(k,)) for k in range(3))
    kept = b.add("scaled_sum", weights, b.add("exp", x), places=(1,))
    both = b.add("add", b.add("add", one, kept), b.add("add", two, three))
    return {"both": both, "kept": kept, "alone": b.add("add", x, b.add("scaled_sum", weights, x, places=(0,)))}


def wiring() -> Graph:
    """Normalized values that are mixed, rectified and convolved, one of them read twice; a training step."""
    g = ng.Graph("wiring")
    x = g.input("x", shape=(4, 3, 2))
    stem = g.batch_norm(g.linear(x, 2, name="stem"))
    nodes = [wiring_node(g, 1, stem)]
    nodes.append(wiring_node(g, 2, g.weighted_sum(nodes[:1])))
    nodes.append(wiring_node(g, 3, g.weighted_sum(nodes)))
    g.output(g.linear(g.flatten(g.average(nodes[1:])), 3, name="scores"))
    forward = lower(g.wiring, training=True, dtype=DTYPE, seed=1)
    optimizer = optimizer_from({"type": "sgd", "learning_rate": 0.5})
    return differentiate(forward, objective_from("cross_entropy", ["scores"]), optimizer)


def wiring_node(g: ng.Graph, k: int, x: ng.Value) -> ng.Value:
    h = g.depthwise_conv2d(g.relu(x), 3, bias=False, name=f"depthwise{k}")
    return g.batch_norm(g.linear(h, 2, bias=False, name=f"pointwise{k}"), name=f"norm{k}")


def fold_scales(b: Builder, x: Value) -> dict[str, Value]:
    """A normalized product with a bias; one whose weight another one reads too; one that is read before its factor."""
    weight, other = (state(b, name, (4, 5)) for name in ("weight", "other"))
    row, mean, factor, offset = (state(b, name, (5,)) for name in ("row", "mean", "factor", "offset"))
    biased = b.add("add", b.add("matmul", x, weight), row, id="biased")
    read = b.add("matmul", b.add("exp", x), other, id="read")
    return {
        "normal": b.add("scale_shift", biased, mean, b.add("exp", factor), offset, id="normal"),
        "shared": b.add("matmul", b.add("negate", x), weight, id="shared"),
        "scaled": b.add("multiply", 0.5, b.add("matmul", b.add("tanh", x), other), id="scaled"),
        "read": read,
        "kept": b.add("multiply", read, row, id="kept"),
    }


def prepare(b: Builder, x: Value) -> dict[str, Value]:
    """What depends on states alone, a view of it, an output that does, and what depends on the batch as well."""
    weight, row = state(b, "weight", (2, 2)), state(b, "row", (4,))
    spread = b.add("view", b.add("exp", weight, id="spread"), shape=(4,))
    return {
        "y": b.add("add", b.add("multiply", x, b.add("tanh", row, id="root")), spread, id="sum"),
        "own": b.add("negate", row, id="own"),
        "of_batch": b.add("divide_by_size", b.add("sum", row, id="total"), size=BATCH),
    }


def state(b: Builder, name: str, shape: tuple[int, ...]) -> Value:
    value = Value(name, TensorType(shape, DTYPE))
    return b.state(State(name, "parameter", value, value, 0.0))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "merge_scaled_sums": lambda: built(merge_scaled_sums),
    "mix_into_depthwise": wiring,
    "reuse_channel_sums": lambda: compiled.optimized(wiring(), PASSES[:2]),
    "mix_cotangents": lambda: compiled.optimized(wiring(), PASSES[:3]),
    "decompose": lambda: built(decompose),
    "canonicalize": lambda: built(canonicalize),
    "fold_constants": lambda: built(fold_constants),
    "share_subexpressions": lambda: built(share_subexpressions),
    "drop_dead_code": lambda: built(drop_dead_code),
    "fold_scales": lambda: built(fold_scales),
    "prepare": lambda: built(prepare),
    "fuse": layer,
    "narrow_to_bfloat16": lambda: compiled.optimized(layer("float32")),
    "narrow_to_float16": lambda: compiled.optimized(layer("float32")),
}
