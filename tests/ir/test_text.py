import numpy as np

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, State, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.text import format_attribute, to_text
from nngraph.ir.types import BATCH, TensorType

GOLDEN = """\
graph two-layer
  input %x: float32[batch, 5]
  state h.weight (parameter) %h.weight: float32[5, 3] -> %new
  state h.bias (parameter) %h.bias: float32[3]
  %h/matmul: float32[batch, 3] = matmul(%x, %h.weight) [transpose_a=False, transpose_b=False]
  %h/add: float32[batch, 3] = add(%h/matmul, %h.bias)
  %sum: float32[batch] = sum(%h/add) [axis=-1, keepdims=False]
  %constant: float32[] = constant() [dtype=float32, value=0.9]
  %new: float32[5, 3] = multiply(%h.weight, %constant)
  output score = %sum
"""

FUSED = """\
graph g
  input %x: float32[batch, 5]
  %f: float32[batch, 5] = fused(%x) [inner=1, kind=rows]:
      input %x: float32[batch, 5]
      %exp: float32[batch, 5] = exp(%x)
      output y = %exp
  output y = %f
"""

x = Value("x", TensorType((BATCH, 5)))


def test_golden():
    b = Builder()
    weight, bias = Value("h.weight", TensorType((5, 3))), Value("h.bias", TensorType((3,)))
    b.prefix = "h"
    h = b.add("linear", x, weight, bias, units=3)
    b.prefix = ""
    y = b.add("sum", h, axis=-1)
    new = b.add("multiply", weight, 0.9, id="new")
    states = (State("h.weight", "parameter", weight, new, 0.0), State("h.bias", "parameter", bias, bias, 0.0))
    assert to_text(Graph("two-layer", (x,), tuple(b.nodes), (("score", y),), states)) == GOLDEN


def test_the_inner_graph_of_a_fused_node_is_shown():
    b = Builder()
    inner = Graph("inner", (x,), (), (("y", b.add("exp", x)),))
    inner = Graph("inner", (x,), tuple(b.nodes), inner.outputs)
    result = Value("f", x.type)
    node = Node("f", REGISTRY["fused"], (x,), (result,), {"graph": inner, "kind": "rows", "inner": 1})
    assert to_text(Graph("g", (x,), (node,), (("y", result),))) == FUSED


def test_attributes():
    assert format_attribute(1e-05) == "1e-05"
    assert format_attribute(1 / 3) == repr(1 / 3)
    assert format_attribute((BATCH, 3)) == "(batch, 3)"
    assert format_attribute(np.arange(3)) == "[0, 1, 2]"
    assert format_attribute(np.zeros((3, 4))) == "array[3, 4]"
