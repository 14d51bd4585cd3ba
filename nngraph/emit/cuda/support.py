"""What a CUDA device cannot take: kernels of families that it has none of, and values too large for its indices.

That an op runs there is no facet of its record: it does if the kernels that it becomes are of families that do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nngraph.emit.cuda.source import FAMILIES
from nngraph.errors import CompilationError, DeviceError
from nngraph.ir.graph import Graph, Node
from nngraph.ir.program import KernelCall, Schedule
from nngraph.ir.types import evaluate
from nngraph_kernels.cuda.indices import LARGEST


def check_families(schedule: Schedule, graph: Graph) -> None:
    """Whether there are kernels for all calls of `schedule`, which was made of `graph`.

    Raises
    ------
    CompilationError
        Naming the node, its op and the family.
    """
    for call in all_calls(schedule):
        if call.kernel.family not in FAMILIES:
            node = call.nodes[-1]
            op = next((each.op.name for each in nodes_of(graph) if each.id == node), "")
            raise CompilationError(
                f"node '{node}' (op '{op}'): it runs in a kernel of family '{call.kernel.family}', which device 'cuda' "
                "has none of; give the op's record an expr, expand or decompose, or use device 'cpu'"
            )


def check_sizes(schedule: Schedule, batch: int) -> None:
    """Whether kernels can count the elements of all values.

    Raises
    ------
    DeviceError
        Naming the value, its elements and the most that there can be.
    """
    for call in all_calls(schedule):
        for operand in (*call.outputs, *call.inputs):
            size = evaluate(operand.value.type.size, batch)
            if size > LARGEST:
                raise DeviceError(
                    f"device: '{operand.value.name}' (node '{call.nodes[-1]}') has {size:,} elements at batch size "
                    f"{batch}, at most {LARGEST:,} expected on 'cuda'; give a smaller batch_size"
                )


def all_calls(schedule: Schedule) -> Iterator[KernelCall]:
    """The calls of a schedule, those of its preparation first."""
    if schedule.preparation:
        yield from schedule.preparation.calls
    yield from schedule.calls


def nodes_of(graph: Graph) -> Iterator[Node]:
    """All nodes, those within fused ones and of the preparation too."""
    before: Iterable[Node] = nodes_of(graph.preparation) if graph.preparation else ()
    yield from before
    for node in graph.nodes:
        inner: Graph | None = node.attributes.get("graph")
        yield from inner.nodes if inner else (node,)
