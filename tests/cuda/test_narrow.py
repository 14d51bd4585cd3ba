"""Every sample of every op with operands of 16 bits, in CUDA's simulator: what the kernels leave is the reference."""

from dataclasses import replace

import numpy as np
import pytest

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.interpret import interpret
from nngraph.optimize.narrow import LISTS, renewed, unsuited, views_of
from nngraph.schedule import schedule
from nngraph_kernels.storage_reference import stored
from tests import compiled
from tests.cuda import simulated
from tests.ops.test_every_kernel import SAMPLES, case_graph

STEP = {"bfloat16": 2**-8, "float16": 2**-11}  # between neighboring numbers, relative; half of it is lost at most
# Of ops that are kernels of their own: which inputs may be narrow, and how many results.
TENSORS = {
    "moment_sums": (slice(1), 0), "scale_shift_sums": (slice(2), 0), "convolution_weight_sums": (slice(2), 0),
    "gather": (slice(1), 1), "scatter_add": (slice(1, 2), 1), "mix": (LISTS["mix"], 1),
    "scaled_sum": (LISTS["scaled_sum"], 1), "mixed_cotangent": (slice(0, None, 6), 1),
    "inner_product_pieces": (slice(None), 0), "depthwise_convolution": (slice(1), 1),
    "depthwise_convolution_backward_data": (slice(1), 1), "depthwise_weight_sums": (slice(2), 0),
    "mixed_depthwise": (LISTS["mixed_depthwise"], 1), "mixed_depthwise_backward": (slice(0, None, 3), 1),
}  # fmt: skip


def tensors_of(node: Node) -> set[Value]:
    """What a node may read and write in 16 bits."""
    if node.op.name not in TENSORS:
        return {*node.inputs, *node.results}
    inputs, results = TENSORS[node.op.name]
    found = set(node.inputs[inputs]) | set(node.results[:results])
    if node.op.name in ("mixed_cotangent", "mixed_depthwise_backward"):
        found = {node.inputs[0], *node.inputs[LISTS[node.op.name]], node.results[0]}
    return found


def narrowed(graph: Graph, storage: str) -> Graph:
    """All that can be in 16 bits, inputs and outputs too."""
    roots = views_of(graph)
    wide = {state.old for state in graph.states} | {state.new for state in graph.states} | set(unsuited(graph))
    for node in graph.nodes:
        if not node.op.view:
            wide |= {*node.inputs, *node.results} - tensors_of(node)
        if node.op.name == "constant":
            wide.add(node.result)
    wide = {roots.get(value, value) for value in wide}
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.results)]
    chosen = {v for v in values if v.type.dtype == "float32" and v.type.shape and roots.get(v, v) not in wide}
    stands_for = {value: Value(value.name, value.type, storage) for value in chosen}
    made = renewed(graph, stands_for)
    return replace(
        made, inputs=tuple(stands_for.get(v, v) for v in graph.inputs),
        outputs=tuple((name, stands_for.get(v, v)) for name, v in graph.outputs),
    )  # fmt: skip


def cases():
    """All samples in bfloat16, each op's first in float16: what differs is the conversion alone."""
    firsts = {case.values[0].name: case for case in reversed(SAMPLES)}.values()
    found = [(*case.values, "bfloat16", case.id) for case in SAMPLES]
    found += [(*case.values, "float16", case.id) for case in firsts]
    return [pytest.param(*values, id=f"{id}-{values[-1]}") for *values, id in found]


@pytest.mark.parametrize(("op", "sample", "storage"), cases())
def test_kernel_is_the_reference(op, sample, storage):
    check(op, sample, storage)


def check(op, sample, storage):
    """Run the op's kernels on numbers of 16 bits."""
    _, graph, inputs = case_graph(op, sample, "float32")
    graph = narrowed(compiled.optimized(graph), storage)
    if not any(value.narrow for value in graph.values()):
        pytest.skip("it has no numbers that could lie in 16 bits")
    given = {v.name: stored(inputs[v.name], storage) if v.narrow else inputs[v.name] for v in graph.inputs}
    states = {state.name: np.asarray(state.initial) for state in graph.states}
    found, _ = simulated.execute(schedule(graph), inputs, states)
    expected, _ = interpret(graph, given, states)
    for name, array in expected.items():
        assert_close(found[name], array, STEP[storage])


def assert_close(found, expected, step):
    """All but for a step at most, and nearly all far better: another rounding would show in about half of them."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), finite)
    found, expected = found[finite].astype("d"), expected[finite].astype("d")
    apart = np.abs(found - expected) / np.max(np.abs(expected), initial=1e-30)
    assert apart.max(initial=0) <= step
    assert (apart > 1e-5).mean() < 0.1 if apart.size > 20 else True
