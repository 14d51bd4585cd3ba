"""Values that cost less to compute again in every kernel that reads them than to keep."""

from __future__ import annotations

from nngraph.ir.elementwise import elementwise_of
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.program import REDUCTIONS


def is_cheap(node: Node, kept: set[Value]) -> bool:
    """Whether it costs less to compute `node` again than to keep it; `kept` are values that are in memory anyway."""
    if not node.op.expr or node.op.random or node.result.type.shape == ():
        return False
    found = elementwise_of(node)
    if found.transcendental:
        return False
    return (is_mask(node) or found.positional) if has_one_tensor(node) else is_rescaled(node, kept)


def has_one_tensor(node: Node) -> bool:
    """Whether all inputs but the first are numbers."""
    tensors = [value for value in node.inputs if value.type.shape != ()]
    return len(tensors) == 1 and node.inputs[0] is tensors[0]


def is_mask(node: Node) -> bool:
    """Labels spread out, or which elements of one tensor are positive."""
    return node.result.type.dtype == "bool"


def is_rescaled(node: Node, kept: set[Value]) -> bool:
    """A tensor that is in memory anyway, with a factor or the like for each place along its last axis."""
    shape = node.result.type.shape
    whole = [value for value in node.inputs if value.type.shape == shape]
    others = {value.type.shape for value in node.inputs} - {shape}
    return len(whole) == 1 and whole[0] in kept and len(shape) > 1 and others <= {shape[-1:], ()}


def kept_anyway(graph: Graph) -> set[Value]:
    """What is in memory whatever is fused: read by kernels that take no work on their way in."""
    readers = (node for node in graph.nodes if not (node.op.expr or node.op.view or node.op.name in REDUCTIONS))
    return {value for node in readers for value in node.inputs}
