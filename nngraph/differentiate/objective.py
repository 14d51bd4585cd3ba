"""What is to be made small: losses of a graph's outputs and regularizers of its parameters, as nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, cast

from nngraph.errors import DeclarationError, OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import BATCH, Batch, TensorType
from nngraph.ops.loss import Loss, loss_from
from nngraph.ops.regularizer import Regularizer, regularizer_from
from nngraph.ops.specification import attributes_of, suggestion
from nngraph_kernels.record import record

COUNTS = {"accuracy": "correct", "mae": "absolute_error"}


@record
class Objective:
    """Losses by output name, and regularizers.

    Attributes
    ----------
    losses : mapping of str to Loss
        An output without a loss is allowed.
    regularizer : Regularizer or None
        Of every parameter that it counts.
    regularizers : mapping of str to Regularizer
        By node id; a node's own, or that of the composite it came from, stands in place of the net's.
    sample_weights : bool
        Whether there is an input "weight" (batch, 1) that multiplies each example's loss.
    """

    losses: Mapping[str, Loss]
    regularizer: Regularizer | None = None
    regularizers: Mapping[str, Regularizer] = field(default_factory=dict[str, Regularizer])
    sample_weights: bool = False


@record
class Metric:
    """A metric is the sum of output `output` over all batches, divided by examples × `terms`."""

    name: str
    output: str
    terms: int


@record
class Appended:
    """What `append_objective` has made: new inputs, the loss, and outputs that begin with it."""

    inputs: tuple[Value, ...]
    loss: Value
    outputs: tuple[tuple[str, Value], ...]


def objective_from(
    loss: Any,
    outputs: Iterable[str],
    *,
    regularizer: Any = None,
    regularizers: Mapping[str, Any] | None = None,
    sample_weights: bool = False,
) -> Objective:
    """An objective from what a user or a model file says.

    Parameters
    ----------
    loss : Loss, str or mapping
        One loss for the only output (in any form that `loss_from` takes), or losses by output.
    outputs : iterable of str
        Names of the graph's outputs.

    Raises
    ------
    OptionError
        If a loss is for no output, or one loss is given for several outputs.
    """
    names = list(outputs)
    by_output = by_name(loss, names)
    return Objective(
        {name: loss_from(by_output[name]) for name in names if name in by_output},
        None if regularizer is None else regularizer_from(regularizer),
        {id: regularizer_from(given) for id, given in (regularizers or {}).items()},
        sample_weights,
    )


def by_name(loss: Any, outputs: list[str]) -> dict[str, Any]:
    if isinstance(loss, Mapping) and "type" not in loss:
        given = cast("Mapping[Any, Any]", loss)
        for name in given:
            if name not in outputs:
                raise OptionError(f"loss: no output '{name}'{suggestion(str(name), outputs)}")
        if not given:
            raise OptionError("loss: none given, expected one for at least one output")
        return dict(given)
    if len(outputs) != 1:
        raise OptionError(f"loss: one given for outputs {', '.join(outputs)}; name the output: {{output: loss}}")
    return {outputs[0]: loss}


def suffixed(name: str, output: str, objective: Objective) -> str:
    """`name` for the only loss, ``name/output`` where there are several."""
    return name if len(objective.losses) == 1 else f"{name}/{output}"


def append_objective(b: Builder, graph: Graph, objective: Objective) -> Appended:
    """Append the loss, its parts and its metrics; the targets become inputs.

    Inputs are called ``target``, outputs ``loss`` and ``correct`` (number of right examples) or
    ``absolute_error`` (a sum). Where there are several losses, their targets, parts and metrics are called
    ``<name>/<output>``. A loss that is summed over the batch has its part among the outputs where a regularizer
    is added to it too: only one of the two depends on the batch's size. Metrics are unweighted.
    """
    scores = dict(graph.outputs)
    targets = targets_of(graph, objective)
    inputs = list(targets.values())
    weight = None
    if objective.sample_weights:
        weight = new_input(graph, "weight", TensorType((BATCH, 1), float_of(graph)))
        inputs.append(weight)
    parts: list[Value] = []
    measured: list[tuple[str, Value]] = []
    for output, loss in objective.losses.items():
        b.prefix = suffixed("loss", output, objective)
        parts.append(data_loss(b, loss, scores[output], targets[output], weight))
        b.prefix = suffixed("metric", output, objective)
        if loss.metric:
            terms = loss.measure(b, scores[output], targets[output])
            measured.append((suffixed(COUNTS[loss.metric], output, objective), b.add("sum", terms)))
    added = list(penalties(b, graph, objective))
    if len(parts) > 1 or (added and any(loss.summed for loss in objective.losses.values())):
        measured = [(f"loss/{output}", part) for output, part in zip(objective.losses, parts, strict=True)] + measured
    total = total_of(b, [*parts, *added])
    b.prefix = ""
    return Appended(tuple(inputs), total, (("loss", total), *measured))


def targets_of(graph: Graph, objective: Objective) -> dict[str, Value]:
    """A new input for the target of each loss, checked against the output's type."""
    scores = dict(graph.outputs)
    targets: dict[str, Value] = {}
    for output, loss in objective.losses.items():
        if output not in scores:
            raise OptionError(f"loss: no output '{output}'{suggestion(output, scores)}")
        type = loss.target(scores[output].type)
        options = {name: getattr(loss, name) for name in attributes_of(loss.__class__, Loss)}
        try:
            REGISTRY[loss.type].infer(scores[output].type, type, **options)
        except ValueError as error:
            raise OptionError(f"loss '{loss.type}' of output '{output}': {error}") from None
        targets[output] = new_input(graph, suffixed("target", output, objective), type)
    return targets


def new_input(graph: Graph, name: str, type: TensorType) -> Value:
    """An input that the graph does not have yet."""
    if any(value.name == name for value in graph.values()):
        raise DeclarationError(f"node '{name}': the loss has an input of that name; choose another id")
    return Value(name, type)


def float_of(graph: Graph) -> str:
    """The dtype of the graph's numbers: that of its outputs."""
    return next((v.type.dtype for _, v in graph.outputs if v.type.dtype.startswith("float")), "float32")


def data_loss(b: Builder, loss: Loss, scores: Value, target: Value, weight: Value | None) -> Value:
    """The mean (or sum) over the batch of each example's loss times its weight; a scalar."""
    terms = loss.per_example(b, scores, target)
    if weight is not None:
        rank = terms.type.rank
        lifted = weight if rank == 2 else b.add("view", weight, shape=(BATCH, *(1,) * (rank - 1)))
        terms = b.add("multiply", terms, lifted)
    total = b.add("sum", terms)
    if not loss.summed:
        total = b.add("divide_by_size", total, size=terms.type.size)
    return total if loss.weight == 1.0 else b.add("multiply", total, loss.weight)


def total_of(b: Builder, parts: list[Value]) -> Value:
    if not parts:
        raise OptionError("loss: none given, expected one for at least one output")
    b.prefix = "loss"
    total = parts[0]
    for part in parts[1:]:
        total = b.add("add", total, part)
    return total


def penalties(b: Builder, graph: Graph, objective: Objective) -> Iterator[Value]:
    """One penalty for each different regularizer; frozen parameters add none."""
    groups: dict[Regularizer, list[Value]] = {}
    for state in graph.states:
        regularizer = regularizer_of(state, objective)
        if regularizer is not None and regularizer.strength:
            groups.setdefault(regularizer, []).append(state.old)
    for regularizer, values in groups.items():
        b.prefix = f"loss/{regularizer.type}"
        yield regularizer.penalty(b, values)


def regularizer_of(state: State, objective: Objective) -> Regularizer | None:
    """The one that the objective names for its node or a composite around it, else the node's own, else the net's."""
    if state.kind != "parameter" or not state.trainable:
        return None
    found, node = state.regularizer or objective.regularizer, state.name.rpartition(".")[0]
    while objective.regularizers and node:
        if node in objective.regularizers:
            found = objective.regularizers[node]
            break
        node = node.rpartition("/")[0]
    return found if found is not None and found.counts(state.name) else None


def metrics_of(graph: Graph, objective: Objective) -> tuple[Metric, ...]:
    """How to read the metric outputs of the programs that are made for `objective`."""
    scores, found = dict(graph.outputs), list[Metric]()
    for output, loss in objective.losses.items():
        if loss.metric:
            b = Builder(dtype=scores[output].type.dtype)
            target = Value("target", loss.target(scores[output].type))
            shape = loss.measure(b, scores[output], target).type.shape
            terms = math.prod(dim.factor if isinstance(dim, Batch) else dim for dim in shape)
            name = suffixed(loss.metric, output, objective)
            found.append(Metric(name, suffixed(COUNTS[loss.metric], output, objective), terms))
    return tuple(found)
