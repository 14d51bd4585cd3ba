"""Networks that are awkward for a compiler, each a function that declares one."""

import numpy as np

import nngraph as ng
from tests.compiler import image_networks


def input_is_output(g):
    g.output(g.input("x", shape=(5,)))


def constants_are_outputs(g):
    x = g.input("x", shape=(3,))
    g.output(g.constant(2.5, name="number"))
    g.output(g.constant([[1.0, 2.0], [3.0, 4.0]], name="table"))
    g.output(g.add(x, g.constant([1.0, 2.0, 3.0]), name="sum"))


def views_are_outputs(g):
    x = g.input("x", shape=(2, 6))
    g.output(g.flatten(x, name="flat"))
    h = g.relu(x, name="h")
    g.output(h)
    g.output(g.reshape(h, (3, 4), name="folded"))
    g.output(g.reshape(g.reshape(h, (12,)), (6, 2), name="twice"))
    g.output(g.identity(x, name="same"))


def one_value_under_two_names(g):
    h = g.tanh(g.input("x", shape=(3,)))
    g.output(h, name="a")
    g.output(h, name="b")


def inputs_and_nodes_that_nothing_reads(g):
    x = g.input("x", shape=(3,))
    g.input("unused", shape=(1000,))
    g.linear(x, 50, name="dead")
    g.output(g.exp(x, name="y"))


def reductions_over_all_kinds_of_axes(g):
    x = g.input("x", shape=(3, 4, 5))
    for k, axis in enumerate([None, 0, 1, 2, 3, (0, 1), (0, 2), (1, 3), (0, 3), (1, 2), (0, 1, 2), (2, 3), (1, 2, 3)]):
        for op in ("sum", "mean", "max"):
            g.output(g.apply(op, [x], axis=axis, keepdims=k % 2 == 0, name=f"{op}{k}"))


def reductions_of_single_elements(g):
    x = g.input("x", shape=(1, 5, 1))
    for axis in (1, 2, 3, (1, 3), (0, 1), None):
        name = "sum" + "".join(map(str, np.atleast_1d(axis if axis is not None else [9])))
        g.output(g.sum(g.square(x), axis=axis, name=name))


def work_before_and_after_reductions(g):
    x = g.input("x", shape=(7, 19))
    m = g.mean(g.square(x), axis=-1, keepdims=True)
    g.output(g.divide(x, g.sqrt(m + 1e-3), name="scaled"))
    c = g.sum(g.exp(x), axis=1, keepdims=True)
    g.output(g.divide(g.exp(x), c, name="shares"))
    g.output(g.log(g.max(g.abs(x), axis=(1, 2)) + 1.0, name="extreme"))
    g.output(g.subtract(g.sum(x, axis=0), g.mean(x), name="across"))


def products(g):
    a = g.input("a", shape=(2, 3, 5))
    b = g.input("b", shape=(1, 5, 4))
    w = g.constant(np.linspace(-1, 1, 30).reshape(2, 3, 5).tolist())
    g.output(g.matmul(a, b, name="broadcast"))
    g.output(g.relu(g.matmul(a, w, transpose_b=True), name="constant"))
    g.output(g.matmul(a, a, transpose_b=True, name="gram"))
    g.output(g.matmul(g.transpose(a, axes=(0, 2, 1, 3)), b, name="turned"))
    flat = g.input("flat", shape=(7,))
    g.output(g.matmul(flat, g.constant(np.eye(7, 3).tolist()), name="flat_product"))


def products_of_rows_of_several_axes(g):
    """Layers on images: what is read beside the product may be missing any of the axes."""
    x = g.input("x", shape=(2, 3, 7))
    h = g.relu(g.linear(x, 7, name="layer"))
    h = g.add(g.linear(h, 7, name="second"), x, name="residual")
    g.output(h)
    shapes = ((2, 3, 1), (2, 1, 7), (1, 3, 7), (1, 1, 7), (2, 1, 1), (1, 3, 1), (3, 7), (7,), (3, 1))
    for k, shape in enumerate(shapes):
        if len(shape) == 3:
            other = g.input(f"x{k}", shape=shape)
        else:
            other = g.constant(np.linspace(-1, 1, np.prod(shape)).reshape(shape).tolist())
        g.output(g.multiply(g.linear(h, 7, shared_with="layer"), other), name=f"scaled{k}")
    g.output(g.linear(g.relu(g.linear(h, 1)), 3, name="narrow"))
    g.output(g.mean(g.linear(h, 3), axis=(1, 2), name="scores"))


def attention(g):
    x = g.input("x", shape=(6, 8))
    q, k, v = (g.linear(x, 8, bias=False, name=n) for n in "qkv")
    scores = g.matmul(q, k, transpose_b=True) * 8**-0.5
    h = g.layer_norm(g.add(x, g.matmul(g.softmax(scores), v)), name="norm")
    g.output(g.mean(g.linear(g.gelu(h), 3), axis=1, name="scores"))


def integers(g):
    i = g.input("i", shape=(5,), dtype="int32")
    j = g.input("j", shape=(1,), dtype="int32")
    g.output(g.add(g.multiply(i, i), g.subtract(j, 3), name="arithmetic"))
    g.output(g.sum(g.negate(g.square(i)), name="total"))
    g.output(g.max(i, axis=-1, keepdims=True, name="largest"))
    g.output(g.min(i, axis=0, name="smallest"))
    g.output(g.where(g.less(i, j), i, j, name="lesser"))
    g.output(g.concat([g.pad(i, ((1, 2),), value=7), g.slice(i, step=-1)], name="joined"))
    g.output(g.cast(g.maximum(i, 2), dtype="float", name="as_float"))
    g.output(g.argmax(g.cast(g.reshape(i, (5, 1)), dtype="float"), axis=1, name="first"))


def masks(g):
    x = g.input("x", shape=(4, 3))
    m = g.input("m", shape=(4, 1), dtype="bool")
    positive = g.greater(x, 0.0, name="positive")
    g.output(positive)
    g.output(g.logical_and(positive, m, name="both"))
    g.output(g.logical_not(m, name="not"))
    g.output(g.transpose(positive, name="turned"))
    g.output(g.concat([positive, g.logical_not(positive)], axis=1, name="joined"))
    g.output(g.where(m, x, g.negate(x), name="chosen"))
    g.output(g.cast(g.logical_xor(positive, m), dtype="int32", name="as_integer"))
    g.output(g.where(g.constant(True, dtype="bool"), x, 0.0, name="always"))


def both_floats(g):
    x = g.input("x", shape=(9,))
    wide = g.input("wide", shape=(9,), dtype="float64")
    y = g.multiply(g.exp(g.cast(x, dtype="float64")), wide)
    g.output(g.add(g.cast(y, dtype="float32"), g.cast(x, dtype="float32"), name="narrow"))
    g.output(g.sum(y, axis=-1, name="total"))
    g.output(g.cast(g.mean(g.cast(x, dtype="float32"), axis=-1, keepdims=True), dtype="float64", name="mean"))


def movement(g):
    x = g.input("x", shape=(3, 4, 5))
    g.output(g.transpose(x, axes=(0, 3, 1, 2), name="turned"))
    g.output(g.slice(g.slice(x, step=-2, axis=1), start=1, stop=-1, axis=2, name="window"))
    g.output(g.pad(g.slice(x, start=2, step=-1, axis=1), ((0, 0), (2, 1), (1, 0)), name="padded"))
    g.output(g.concat([x, g.relu(x), g.slice(x, stop=1, axis=2)], axis=2, name="joined"))
    g.output(g.broadcast(g.sum(x, axis=2, keepdims=True), (3, 4, 5), name="spread"))
    g.output(g.slice(g.reshape(x, (60,)), start=59, name="one"))


def single_elements(g):
    x = g.input("x", shape=(1,))
    s = g.input("s", shape=())
    g.output(g.add(x, g.mean(s), name="sum"))
    g.output(g.tanh(s, name="tanh"))
    g.output(g.linear(g.reshape(s, (1,)), 1, name="line"))
    g.output(g.softmax(x, name="one"))
    g.output(g.concat([x, x], name="pair"))


def single_weights(g):
    """Products whose results are one number an example, with weights that are one number."""
    h = g.tanh(g.linear(g.input("x", shape=(3,)), 1, name="first"))
    h = g.linear(h, 1, name="second", regularizer={"type": "elastic_net", "strength": 0.1})
    g.output(g.concat([h, g.multiply(h, -1.0)], name="scores"))


def embeddings(g):
    words = g.input("words", shape=(6,), dtype="int32")
    e = g.embedding(words, vocabulary=7, units=5, name="e")
    again = g.embedding(words, vocabulary=7, units=5, shared_with="e")
    g.output(g.mean(g.multiply(e, g.tanh(again)), axis=1, name="scores"))


def shared_layers(g):
    x = g.input("x", shape=(6,))
    h = g.relu(g.linear(x, 6, name="layer"))
    for _ in range(3):
        h = g.add(h, g.tanh(g.linear(h, 6, shared_with="layer")))
    g.output(g.linear(h, 6, shared_with="layer", name="scores"))


def deep(g):
    h = g.input("x", shape=(5,))
    for _ in range(70):
        h = g.sigmoid(g.add(g.multiply(h, 1.5), 0.1))
    g.output(g.linear(h, 3, name="scores"))


def wide(g):
    x = g.input("x", shape=(4,))
    parts = [g.tanh(g.multiply(x, 0.1 * k)) for k in range(40)]
    total = parts[0]
    for part in parts[1:]:
        total = g.add(total, part)
    g.output(g.concat(parts, name="all"))
    g.output(g.linear(total, 3, name="scores"))


def several_readers(g):
    x = g.input("x", shape=(20,))
    h = g.linear(x, 20, name="h")
    a, b = g.relu(h), g.exp(g.multiply(h, 0.1))
    m = g.max(h, axis=-1, keepdims=True)
    g.output(g.add(g.subtract(a, m), g.multiply(b, g.mean(a, axis=0)), name="scores"))
    g.output(h)


def rows_in_registers(g):
    """Rows of exactly one vector, and of a little less: what is stored early must not be over what is read late."""
    for k, width in enumerate((16, 15, 8)):
        x, z = g.input(f"registers{k}", shape=(width,)), g.input(f"late{k}", shape=(width,))
        e = g.exp(x, name=f"early{k}")
        share = g.divide(e, g.sum(e, axis=-1, keepdims=True))
        g.output(e)
        g.output(g.multiply(g.tanh(share), z, name=f"shares{k}"))


def rows_of_several_axes(g):
    """Work on rows of two axes, and on the last axis alone, side by side."""
    x = g.input("planes", shape=(3, 5))
    bias = g.constant([1.0, 2.0, 3.0, 4.0, 5.0])
    g.output(g.add(g.layer_norm(x, axis=(1, 2)), bias, name="normalized"))
    product = g.matmul(x, x, transpose_b=True)
    other = g.matmul(x, g.multiply(x, 0.5), transpose_b=True)
    g.output(g.sum(g.multiply(product, 2.0), axis=(1, 2)), name="sums")
    g.output(g.max(g.add(other, g.constant([3.0, 1.0, 2.0])), axis=2), name="largest")


def thresholds(g):
    """Masks that depend on a computed number, on labels, on random numbers of one example."""
    x, labels = g.input("signal", shape=(6,)), g.input("marks", shape=(7,), dtype="int32")
    t = g.exp(x)
    h = g.linear(t, 7)
    g.output(g.where(g.greater(x, g.mean(h)), t, 0.0, name="above"))
    g.output(g.where(g.equal(labels, 3), h, 0.0, name="marked"))
    g.output(g.argmax(g.linear(x, 1)), name="only")


def dropouts(g):
    h = g.dropout(g.input("x", shape=(33,)), rate=0.5, name="first")
    h = g.relu(g.linear(h, 20))
    g.output(g.linear(g.dropout(h, rate=0.3, mode="vanilla", name="second"), 4, name="scores"))


NETWORKS = (
    input_is_output, constants_are_outputs, views_are_outputs, one_value_under_two_names,
    inputs_and_nodes_that_nothing_reads, reductions_over_all_kinds_of_axes, reductions_of_single_elements,
    work_before_and_after_reductions, products,
    products_of_rows_of_several_axes, attention, integers, masks, both_floats, movement, single_elements,
    single_weights, embeddings, shared_layers, deep, wide, several_readers, dropouts, rows_in_registers,
    rows_of_several_axes, thresholds, *image_networks.NETWORKS,
)  # fmt: skip
TRAINED = (
    attention, products_of_rows_of_several_axes, single_weights, embeddings, shared_layers, deep, wide, several_readers,
    dropouts, *image_networks.TRAINED,
)  # fmt: skip


def declared(network) -> ng.Graph:
    g = ng.Graph(network.__name__)
    network(g)
    return g
