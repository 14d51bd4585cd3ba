"""Matrix products in ONNX."""

from __future__ import annotations

from typing import Any

from nngraph.ir.exchange import Onnx, OnnxNode, Pattern, Reader, Reading, Writer
from nngraph.ir.graph import Node, Value
from nngraph.ops.onnx.direct import recognized


def turned(w: Writer, value: Value, turn: bool) -> str:
    """The tensor with its last two axes exchanged."""
    tensor, rank = w.plain(value), value.type.rank
    return w.add("Transpose", tensor, perm=[*range(rank - 2), rank - 1, rank - 2]) if turn else tensor


def write_matmul(w: Writer, node: Node) -> None:
    a, b = node.inputs
    left, right = turned(w, a, node.attributes["transpose_a"]), turned(w, b, node.attributes["transpose_b"])
    w.give(node.result, w.add("MatMul", left, right))


def write_linear(w: Writer, node: Node) -> None:
    """Gemm for rows, the weight as it is; for more axes, or a single one, a product with the weight transposed."""
    x, weight, *bias = node.inputs
    if x.type.rank == 2:
        w.give(node.result, w.add("Gemm", w.plain(x), *map(w.parameter, (weight, *bias)), transB=1))
        return
    y = w.add("MatMul", w.plain(x), w.parameter(weight, (1, 0)))
    w.give(node.result, w.add("Add", y, w.parameter(bias[0])) if bias else y)


def read_matmul(r: Reader, n: OnnxNode) -> None:
    """A product with a constant matrix is a layer, which can be trained."""
    left, right = n.inputs
    weight = r.array(right)
    if weight is not None and weight.ndim == 2 and not r.static:
        r.give(n.outputs[0], r.with_parameters(
            "linear", [r.plain(left)], {"weight": (right, (1, 0))}, units=weight.shape[1], bias=False
        ))  # fmt: skip
        return
    r.give(n.outputs[0], product(r, r.plain(left), r.plain(right)))


def product(r: Reader, a: Any, b: Any) -> Any:
    """NumPy's matmul: a single axis is a row on the left and a column on the right, and disappears again."""
    row, column = r.type(a).rank == 1, r.type(b).rank == 1
    a = r.reshape(a, (1, *r.type(a).shape)) if row else a
    b = r.reshape(b, (*r.type(b).shape, 1)) if column else b
    y = r.make("matmul", a, b)
    shape = r.type(y).shape
    kept = (*shape[:-2], *(() if row else shape[-2:-1]), *(() if column else shape[-1:]))
    return r.reshape(y, kept) if row or column else y


def match_linear(p: Pattern, n: OnnxNode) -> OnnxNode | None:
    """A product with a constant matrix, and a constant vector added to it."""
    for left, right in (n.inputs, n.inputs[::-1]):
        product, bias = p.producer(left, "MatMul"), p.array(right)
        weight = None if product is None else p.array(product.inputs[1])
        if product is None or weight is None or bias is None or weight.ndim != 2:
            continue
        if bias.shape == weight.shape[1:]:
            inputs = (*product.inputs, right)
            return OnnxNode(n.name, "nngraph:linear", 0, inputs, n.outputs)
    return None


def read_recognized_linear(r: Reader, n: OnnxNode) -> None:
    x, weight, bias = n.inputs
    parameters = {"weight": (weight, (1, 0)), "bias": (bias, None)}
    units = r.shape(weight)[1]
    r.give(n.outputs[0], r.with_parameters("linear", [r.plain(x)], parameters, units=units))


def read_gemm(r: Reader, n: OnnxNode) -> None:
    """A layer where the matrix and the vector are constants that need no factor; else a product and a sum."""
    given = n.attributes
    alpha, beta = given.get("alpha", 1.0), given.get("beta", 1.0)
    has_bias = bool(n.input(2))
    bias = r.array(n.inputs[2]) if has_bias else None
    weight = r.array(n.inputs[1])
    units = None if weight is None else weight.shape[0 if given.get("transB") else 1]
    layer = units is not None and not r.static and not given.get("transA")
    if layer and alpha == 1.0 and (not has_bias or (beta == 1.0 and bias is not None and bias.shape == (units,))):
        read_layer(r, n, units)
        return
    y = r.help("matmul", r.plain(n.inputs[0]), r.plain(n.inputs[1]), transpose_a=bool(given.get("transA", 0)),
               transpose_b=bool(given.get("transB", 0)))  # fmt: skip
    y = y if alpha == 1.0 else r.help("multiply", y, float(alpha))
    if not has_bias:
        r.give(n.outputs[0], r.make("identity", y))
        return
    name = f"{n.outputs[0]}/product"
    r.give(name, y)
    (product, offset), axes = r.common([name, n.inputs[2]])
    offset = offset if beta == 1.0 else scaled(r, offset, float(beta))
    r.give(n.outputs[0], r.make("add", product, offset), axes)


def scaled(r: Reader, x: Any, factor: float) -> Any:
    """A number or a value times a number."""
    return x * factor if isinstance(x, int | float) else r.help("multiply", x, factor)


def read_layer(r: Reader, n: OnnxNode, units: Any) -> None:
    order = None if n.attributes.get("transB") else (1, 0)
    parameters: dict[str, tuple[str, tuple[int, ...] | None]] = {"weight": (n.inputs[1], order)}
    if n.input(2):
        parameters["bias"] = (n.inputs[2], None)
    x = r.plain(n.inputs[0])
    r.give(n.outputs[0], r.with_parameters("linear", [x], parameters, units=units, bias=bool(n.input(2))))


MATMUL = Onnx(write_matmul, {"MatMul": Reading(read_matmul, 1, 13)})
LINEAR = Onnx(
    write_linear,
    {"Gemm": Reading(read_gemm, 1, 13), **recognized(read_recognized_linear, "linear")},
    {"Add": match_linear},
)
