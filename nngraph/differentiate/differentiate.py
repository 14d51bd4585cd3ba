"""The programs that are made of a forward graph: a training step, gradients, and evaluation."""

from __future__ import annotations

from dataclasses import replace

from nngraph.differentiate.gradients import gradients, zeros
from nngraph.differentiate.loss_scale import guarded, loss_scale, unscaled
from nngraph.differentiate.objective import Appended, Objective, append_objective, float_of
from nngraph.differentiate.updates import append_updates
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, State, Value
from nngraph.ops.optimizer import Optimizer


def differentiate(
    graph: Graph, objective: Objective, optimizer: Optimizer | None = None, *, scaled: bool = False
) -> Graph:
    """Append loss, gradients and, with an optimizer, the updates.

    Parameters
    ----------
    graph : Graph
        A forward graph lowered for training.
    objective : Objective
    optimizer : Optimizer, optional
        One whose schedule is in steps.
    scaled : bool
        Whether cotangents are of the loss times a dynamic scale, a state that the step changes: see `loss_scale`.

    Returns
    -------
    Graph
        With an optimizer: a training step, whose outputs are ``loss`` and the metrics, and whose states have
        new values. Without: outputs ``loss``, the metrics, and ``gradient/<parameter>`` for every trainable
        parameter; no state changes. A parameter that the loss does not depend on has a gradient of zeros, and
        is not updated.
    """
    b = continued(graph, training=True)
    made = append_objective(b, graph, objective)
    trainable = [state for state in graph.states if state.kind == "parameter" and state.trainable]
    scale = loss_scale(b) if scaled else None
    wanted = [state.old for state in trainable]
    found = gradients(b, made.loss, wanted, scale.scale.old if scale else None)
    found = unscaled(b, scale, found) if scale else found
    if optimizer is None:
        outputs = tuple((f"gradient/{state.name}", gradient_of(b, state, found)) for state in trainable)
        own = (scale.scale,) if scale else ()
        return assemble(graph, b, made, (*unchanged(graph.states), *own), outputs)
    named = {state.name: found[state.old] for state in trainable if state.old in found}
    states = append_updates(b, named, optimizer)
    return assemble(graph, b, made, guarded(b, scale, found.values(), states) if scale else states, ())


def evaluation(graph: Graph, objective: Objective, *, training: bool = False) -> Graph:
    """Loss (regularizers included) and metrics of a forward graph, lowered for training or not; no state changes."""
    b = continued(graph, training=training)
    return assemble(graph, b, append_objective(b, graph, objective), unchanged(graph.states), ())


def unchanged(states: tuple[State, ...]) -> tuple[State, ...]:
    """The states as a program leaves them that changes none, running statistics included."""
    return tuple(replace(state, new=state.old) for state in states)


def continued(graph: Graph, training: bool) -> Builder:
    """A builder that continues `graph` and gives no name of an input or a state again."""
    b = Builder.of(graph, training=training, dtype=float_of(graph))
    for value in (*graph.inputs, *(state.old for state in graph.states)):
        b.taken.setdefault(value.name, 1)
    return b


def gradient_of(b: Builder, state: State, found: dict[Value, Value]) -> Value:
    return found[state.old] if state.old in found else zeros(b, state.old)


def assemble(
    graph: Graph,
    b: Builder,
    made: Appended,
    states: tuple[State, ...],
    outputs: tuple[tuple[str, Value], ...],
) -> Graph:
    """`graph` with all that was appended; its own outputs give way to the objective's."""
    return Graph(graph.name, graph.inputs + made.inputs, tuple(b.nodes), made.outputs + outputs, states)
