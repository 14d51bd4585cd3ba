"""Goes over the graph once and turns every node into calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nngraph.errors import DeclarationError
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.program import PRODUCTS, REDUCTIONS, Kernel, KernelCall, Operand, Schedule
from nngraph.ir.types import Shape
from nngraph.schedule import depthwise, pooling
from nngraph.schedule.channel_sums import schedule_channel_sums, schedule_channel_totals
from nngraph.schedule.columns import schedule_columns
from nngraph.schedule.convolution import schedule_convolution, schedule_convolution_weight
from nngraph.schedule.matmul import schedule_matmul
from nngraph.schedule.mixed_sums import schedule_sums, schedule_weights_gradient
from nngraph.schedule.mixing import schedule_inner_products, schedule_mix, schedule_mixed_cotangent
from nngraph.schedule.movement import schedule_copy, schedule_gather, schedule_scatter_add
from nngraph.schedule.patterns import Patterns, recalled
from nngraph.schedule.region import Region
from nngraph.schedule.rows import schedule_rows

BY_KERNEL: dict[str, Callable[[Node], list[KernelCall]]] = {
    "channel_sums": schedule_channel_sums,
    "channel_totals": schedule_channel_totals,
    "copy": schedule_copy,
    "gather": schedule_gather,
    "scatter_add": schedule_scatter_add,
    "convolution_weight": schedule_convolution_weight,
    "depthwise": depthwise.schedule_forward,
    "depthwise_data": depthwise.schedule_data,
    "depthwise_weight": depthwise.schedule_weight,
    "mixed_depthwise": depthwise.schedule_mixed,
    "mixed_depthwise_backward": depthwise.schedule_mixed_backward,
    "mixed_weights_gradient": schedule_weights_gradient,
    "mixed_sums": schedule_sums,
    "mixed_cotangent": schedule_mixed_cotangent,
    "mix": schedule_mix,
    "inner_products": schedule_inner_products,
    **pooling.CALLS,
}
BY_KIND: dict[str, Callable[[Region], list[KernelCall]]] = {
    "rows": lambda region: [schedule_rows(region)],
    "columns": lambda region: [schedule_columns(region)],
    "matmul": schedule_matmul,
    "convolution": schedule_convolution,
}
KERNELS = frozenset([*BY_KERNEL, *BY_KIND, "reduce", "fused"])


def schedule(graph: Graph) -> Schedule:
    """The calls that compute `graph`, in the order of its nodes; views and constants need none.

    Of the graph only inputs, outputs and states are kept: the calls stand for its nodes.
    """
    calls: list[KernelCall] = []
    aliases: dict[Value, Value] = {}
    constants: dict[Value, np.ndarray] = {}
    patterns: Patterns = {}
    for node in graph.nodes:
        if node.op.view:
            source = node.inputs[0]
            aliases[node.result] = aliases.get(source, source)
        elif node.op.name == "constant":
            constants[node.result] = np.asarray(node.attributes["value"], node.result.type.dtype)
        else:
            calls += [as_stored(on_memory(call, aliases)) for call in calls_of(node, patterns)]
    before = schedule(graph.preparation) if graph.preparation else None
    return Schedule(replace(graph, nodes=(), preparation=None), tuple(calls), aliases, constants, before)


def calls_of(node: Node, patterns: Patterns) -> list[KernelCall]:
    """The calls of one node.

    Raises
    ------
    DeclarationError
        If its op wants kernels that there are none of.
    """
    kernel = node.op.kernel
    if kernel is not None and kernel not in KERNELS:
        raise DeclarationError(
            f"node '{node.id}' (op '{node.op.name}'): kernel '{kernel}' given, one of {', '.join(sorted(KERNELS))} "
            "expected; or give the op's record an expr, expand or decompose"
        )
    if kernel in BY_KERNEL:
        return BY_KERNEL[kernel](node)
    kind, region = region_of(node)
    return recalled(kind, region, patterns, BY_KIND[kind])


def region_of(node: Node) -> tuple[str, Region]:
    """A fused node, or a single one, as what one kernel computes."""
    if inner := node.attributes.get("graph"):
        results = tuple(value for _, value in inner.outputs)
        return node.attributes["kind"], Region(
            node.id, inner.nodes, results, space_of(inner.nodes), node.attributes["inner"]
        )
    if node.op.name in REDUCTIONS:
        shape, axes = node.inputs[0].type.shape, node.attributes["axis"]
        if axes[-1] == len(shape) - 1:
            return "rows", Region(node.id, (node,), node.results, shape, len(axes))
        return "columns", Region(node.id, (node,), node.results, shape, len(shape) - 1 - axes[-1])
    kind = node.op.name if node.op.name in PRODUCTS else "rows"
    return kind, Region(node.id, (node,), node.results, node.results[0].type.shape, 0)


def space_of(nodes: tuple[Node, ...]) -> Shape:
    """The shape that a fused node's kernel goes over."""
    for node in nodes:
        if node.op.name in REDUCTIONS:
            return node.inputs[0].type.shape
        if node.op.name in PRODUCTS:
            return node.result.type.shape
    return nodes[-1].results[0].type.shape


def on_memory(call: KernelCall, aliases: dict[Value, Value]) -> KernelCall:
    """`call` with views replaced by the values whose memory they are."""
    if not any(operand.value in aliases for operand in (*call.outputs, *call.inputs)):
        return call

    def resolve(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
        return tuple(Operand(aliases.get(o.value, o.value), o.offset, o.fixed) for o in operands)

    return replace(call, outputs=resolve(call.outputs), inputs=resolve(call.inputs))


def as_stored(call: KernelCall) -> KernelCall:
    """`call` with a kernel that knows which of its operands lie in 16 bits; none is put where a wider one was."""
    operands = (*call.outputs, *call.inputs)
    if not any(operand.value.narrow for operand in operands):
        return call
    found = [operand.value.narrow for operand in operands]
    if call.listed:
        found = [*found[: -call.listed], max(found[-call.listed :])]
    alike = tuple((o, i) for o, i in call.in_place if call.outputs[o].value.narrow == call.inputs[i].value.narrow)
    return replace(call, kernel=Kernel(call.kernel.family, call.kernel.spec, tuple(found)), in_place=alike)
