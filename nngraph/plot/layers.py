"""Hidden layers of a network, and what stands at any of its nodes for given inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nngraph.ir.declaration import Declared, operands_of
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY
from nngraph.lower.lower import lower
from nngraph.model import Model
from nngraph.train.prediction import prepared_inputs

NORMALIZATION = "normalization"
CORNERED = ("relu", "leaky_relu")  # straight on both sides of zero
ROWS = 8192  # examples at a time


def hidden_layers(declared: Declared) -> list[str]:
    """The ids of the nodes where hidden layers end, in order.

    A layer is a node with weights and what follows it one by one: its normalization, activation, dropout. It is
    hidden where something reads it.
    """
    found = [end_of(declared, id) for id in declared.nodes if is_weighted(declared, id)]
    return [id for id in dict.fromkeys(found) if declared.adj[id]]


def is_weighted(declared: Declared, id: str) -> bool:
    op = REGISTRY.get(declared.nodes[id]["op"])
    return op is not None and op.parameters is not None and op.family != NORMALIZATION


def end_of(declared: Declared, id: str) -> str:
    """The last node of the chain that begins at `id`."""
    while len(readers := list(declared.adj[id])) == 1:
        following = readers[0]
        op = REGISTRY.get(declared.nodes[following]["op"])
        alone = len(operands_of(declared, following)) == 1
        if op is None or not alone or is_weighted(declared, following):
            break
        id = following
    return id


def values_at(model: Model, ids: Iterable[str], x: np.ndarray) -> dict[str, np.ndarray]:
    """What nodes hold for inputs, dropout and the like switched off, by NumPy.

    Parameters
    ----------
    model : Model
        Of one input.
    ids : iterable of str
        Nodes; those whose value another node's is are left out.
    x : ndarray, (n, ...)
        As the training's data was, before it was standardized.

    Returns
    -------
    dict of str to ndarray, (n, units)
    """
    graph = lower(model.graph.declaration(), dtype=model.programs.dtype, seed=model.programs.seed)
    named = {value.name: value for value in graph.values()}
    outputs = tuple((id, named[id]) for id in ids if id in named)
    asked, states = replace(graph, outputs=outputs), model.programs.store.arrays
    given = prepared_inputs(model.trainee, {next(iter(model.signature.inputs)): x})
    parts = [interpret(asked, given.part(k, k + ROWS), states)[0] for k in range(0, given.count, ROWS)]
    return {id: np.concatenate([flat(part[id]) for part in parts]) for id, _ in outputs}


def flat(value: np.ndarray) -> np.ndarray:
    return value.reshape(len(value), -1)


def corner_sources(declared: Declared) -> dict[str, str]:
    """Nodes of piecewise linear activations, with what each is applied to."""
    nodes: Mapping[str, Mapping[str, Any]] = declared.nodes
    pairs = ((id, operands_of(declared, id)[0]) for id, given in nodes.items() if given["op"] in CORNERED)
    return {id: source for id, source in pairs if isinstance(source, str)}
