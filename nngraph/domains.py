"""Random inputs of a network, each inside the domain of the ops that read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from nngraph.differentiate import Objective
from nngraph.differentiate.objective import suffixed
from nngraph.ir.declaration import Declared, operands_of
from nngraph.ir.graph import Value
from nngraph.ir.op import REGISTRY, Op

DEFAULT: Final = (-2.0, 2.0)
BOUNDS: Final = ("vocabulary", "classes")  # attributes that integers have to stay below
DEFAULT_BOUND: Final = 2


def random_inputs(
    declared: Declared, objective: Objective | None, inputs: Iterable[Value], batch: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Arrays for the inputs of a program, targets and weights among them.

    Parameters
    ----------
    declared : Declared
    objective : Objective, optional
        Which the program's targets belong to.
    inputs : iterable of Value
        Of the program.
    batch : int
    rng : Generator

    Returns
    -------
    dict of str to ndarray
    """
    targets = {suffixed("target", output, objective): output for output in objective.losses} if objective else {}
    drawn: dict[str, np.ndarray] = {}
    for value in inputs:
        if value.name in declared.nodes:
            domains = list(domains_of_input(declared, value.name))
        elif value.name in targets:
            assert objective
            output = targets[value.name]
            domains = list(domains_of_target(REGISTRY[objective.losses[output].type], declared, output))
        else:
            domains = [(0.5, 1.5)]  # weights of the examples
        drawn[value.name] = draw(value.type.numpy_shape(batch), value.type.dtype, domains, rng)
    return drawn


def domains_of_input(declared: Declared, id: str) -> Iterator[Any]:
    """What each node that reads an input accepts, as in `nngraph.ir.op.Sample`."""
    for reader in declared.adj[id]:
        given = declared.nodes[reader]
        op = REGISTRY[given["op"]]
        bound = next((given[name] for name in BOUNDS if name in given), None)
        for position, operand in enumerate(operands_of(declared, reader)):
            if operand == id:
                yield from [bound] if bound is not None else sample_domains(op, position)


def domains_of_target(op: Op, declared: Declared, output: str) -> Iterator[Any]:
    """What a loss accepts as its target: labels below the number of scores, or numbers of its samples' domain."""
    for domain in sample_domains(op, 1):
        yield last_size(declared, output) if isinstance(domain, int) else domain


def last_size(declared: Declared, output: str) -> int:
    """The size of an output's last axis."""
    text = str(declared.nodes[declared.graph["outputs"][output]]["type"])
    return int(text.rstrip("]").rpartition(",")[2])


def sample_domains(op: Op, position: int) -> Iterator[Any]:
    """The domains in which an op's record tries an operand; the last operand of a variadic op stands for all."""
    for sample in op.samples:
        if sample.domains:
            yield sample.domains[min(position, len(sample.domains) - 1)]


def draw(shape: tuple[int, ...], dtype: str, domains: list[Any], rng: np.random.Generator) -> np.ndarray:
    """Random numbers that are in all of the domains."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "int32":
        bound = min((domain for domain in domains if isinstance(domain, int)), default=DEFAULT_BOUND)
        return rng.integers(0, bound, shape).astype(np.int32)
    return rng.uniform(*common(domains), shape)


def common(domains: list[Any]) -> tuple[float, float]:
    """The intersection of the intervals among `domains`, the default one where that is empty."""
    intervals: list[tuple[float, float]] = [domain for domain in domains if isinstance(domain, tuple)]
    low = max((low for low, _ in intervals), default=DEFAULT[0])
    high = min((high for _, high in intervals), default=DEFAULT[1])
    return (low, high) if low < high else DEFAULT
