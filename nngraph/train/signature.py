"""What a model takes and gives: names, shapes and types of its inputs, outputs, targets and scalar results."""

from __future__ import annotations

from collections.abc import Mapping

from nngraph.differentiate import Objective, metrics_of
from nngraph.differentiate.objective import Metric, suffixed
from nngraph.ir.graph import Graph
from nngraph.ir.types import TensorType
from nngraph_kernels.record import record

Shape = tuple[int, ...]


@record
class Array:
    """Shape of one example and element type."""

    shape: Shape
    dtype: str


@record
class Target:
    """What the loss of an output compares with, and the name of the program's input for it.

    Attributes
    ----------
    regression : bool
        Whether it holds values, so that whole numbers are no labels.
    summed : bool
        Whether the loss is summed over the batch, so that its value depends on the batch's size.
    """

    output: str
    input: str
    scores: Array
    wanted: Array
    regression: bool
    summed: bool = False

    @property
    def labels(self) -> bool:
        """Whether it holds numbers of classes."""
        return self.wanted.dtype == "int32"


@record
class Signature:
    """Of a forward graph and its objective.

    Attributes
    ----------
    inputs, outputs : mapping of str to Array
    targets : tuple of Target
        One for each output that has a loss.
    metrics : tuple of Metric
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    targets: tuple[Target, ...] = ()
    metrics: tuple[Metric, ...] = ()


def signature_of(graph: Graph, objective: Objective | None) -> Signature:
    """The signature of a lowered forward graph."""
    inputs = {value.name: array_of(value.type) for value in graph.inputs}
    outputs = {name: array_of(value.type) for name, value in graph.outputs}
    if objective is None:
        return Signature(inputs, outputs)
    types = {name: value.type for name, value in graph.outputs}
    targets: list[Target] = []
    for output, loss in objective.losses.items():
        wanted, name = array_of(loss.target(types[output])), suffixed("target", output, objective)
        targets.append(Target(output, name, outputs[output], wanted, loss.metric == "mae", loss.summed))
    return Signature(inputs, outputs, tuple(targets), metrics_of(graph, objective))


def array_of(type: TensorType) -> Array:
    """One example of `type`, whose first axis is the batch."""
    return Array(type.numpy_shape(1)[1:], type.dtype)
