"""What a graph means: NumPy, one node after the other. The oracle of passes and kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.types import BATCH, Batch, evaluate
from nngraph_kernels.storage_reference import stored


def interpret(
    graph: Graph, inputs: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Run `graph`, of any stage before emit.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to ndarray
        By input name; the batch is read off them.
    states : mapping of str to ndarray
        By state name, in the held layouts.

    Returns
    -------
    outputs, new_states : dict of str to ndarray
    """
    batch = batch_of(graph, inputs)
    environment: dict[Value, np.ndarray] = {v: np.asarray(inputs[v.name], v.type.dtype) for v in graph.inputs}
    held = {**(states or {}), **prepared(graph, states or {})}
    for state in graph.states:
        environment[state.old] = np.asarray(held[state.name], state.old.type.dtype)
    with np.errstate(all="ignore"):
        run(graph.nodes, environment, batch)
    outputs = {name: environment[value] for name, value in graph.outputs}
    return outputs, {state.name: environment[state.new] for state in graph.states}


def prepared(graph: Graph, states: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the preparation of `graph` makes of the states."""
    if graph.preparation is None:
        return {}
    own = [state for state in graph.preparation.states if state.kind == "prepared"]
    blank = {state.name: np.zeros(state.old.type.numpy_shape(1)) for state in own}
    _, found = interpret(graph.preparation, {}, {**states, **blank})
    return {name: found[name] for name in blank}


def run(nodes: tuple[Node, ...], environment: dict[Value, np.ndarray], batch: int) -> None:
    """Compute `nodes` in order, each result of exactly the type that it declares; what is narrow is rounded at once."""
    for node in nodes:
        arguments = [environment[value] for value in node.inputs]
        if inner := node.attributes.get("graph"):
            results = interpret_inner(inner, arguments, batch)
        else:
            results = apply(node, arguments, batch)
        for value, result in zip(node.results, results, strict=True):
            array = np.asarray(result).astype(value.type.dtype, copy=False)
            if array.shape != value.type.numpy_shape(batch):
                raise ValueError(f"node '{node.id}': computed shape {array.shape}, inferred {value.type}")
            environment[value] = stored(array, value.narrow) if value.narrow else array


def apply(node: Node, arguments: list[np.ndarray], batch: int) -> tuple[np.ndarray, ...]:
    """The results of one node by its op's reference."""
    results: np.ndarray | tuple[np.ndarray, ...] = node.op.reference(*arguments, **resolve(node.attributes, batch))
    return results if isinstance(results, tuple) else (results,)


def interpret_inner(inner: Graph, arguments: list[np.ndarray], batch: int) -> tuple[np.ndarray, ...]:
    """The inner graph of a fused node: its inputs are the node's, in order."""
    environment = dict(zip(inner.inputs, arguments, strict=True))
    run(inner.nodes, environment, batch)
    return tuple(environment[value] for _, value in inner.outputs)


def resolve(attributes: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """Attributes with every symbolic dimension turned into its number."""
    return {name: resolve_value(value, batch) for name, value in attributes.items()}


def resolve_value(value: Any, batch: int) -> Any:
    if isinstance(value, Batch):
        return evaluate(value, batch)
    if isinstance(value, tuple):
        return tuple(resolve_value(item, batch) for item in value)  # pyright: ignore[reportUnknownVariableType]
    return value


def batch_of(graph: Graph, inputs: Mapping[str, np.ndarray]) -> int:
    """The batch size, read off the inputs' leading axes (1 where no input has a batch)."""
    for value in graph.inputs:
        for axis, dim in enumerate(value.type.shape):
            if isinstance(dim, Batch):
                return np.shape(inputs[value.name])[axis] // dim.factor
    return BATCH.factor
