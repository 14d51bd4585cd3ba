"""Turns the samples of an op's record into arrays, types and small graphs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.builder import Builder
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY, Op, Parameter, Sample
from nngraph.ir.types import TensorType
from nngraph.ir.verify import verify

DEFAULT_DOMAIN = (-2.0, 2.0)
TOLERANCE = {"float32": 2e-6, "float64": 2e-13}


@dataclasses.dataclass
class Case:
    """One sample, drawn: data inputs in `arrays`, parameters in their public layouts in `parameters`."""

    op: Op
    attributes: dict[str, Any]
    arrays: list[np.ndarray]
    parameters: list[np.ndarray]
    held: list[np.ndarray]
    dtype: str

    @property
    def types(self) -> list[TensorType]:
        return [TensorType(x.shape, str(x.dtype)) for x in self.arrays]

    def reference(self) -> np.ndarray:
        """The only result."""
        (result,) = self.references()
        return result

    def references(self) -> list[np.ndarray]:
        """All results."""
        found = self.op.reference(*self.arrays, *self.parameters, **self.attributes)
        return [np.array(result) for result in (found if isinstance(found, tuple) else (found,))]


def samples(keep: Callable[[Op], Any]) -> list[Any]:
    """All samples of the ops that `keep` holds of, for pytest to go over."""
    return [
        pytest.param(op, sample, id=f"{op.name}-{k}")
        for op in REGISTRY.values()
        if keep(op)
        for k, sample in enumerate(op.samples)
    ]


def draw_case(op: Op, sample: Sample, dtype: str = "float64", seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    attributes = own_attributes(op, check_attributes(op, sample.attributes))
    if attributes.get("dtype") == "float":
        attributes["dtype"] = dtype
    arrays = draw_arrays(sample, dtype, rng)
    types = [TensorType(x.shape, str(x.dtype)) for x in arrays]
    declared = op.parameters(*types, **attributes) if op.parameters else ()
    parameters = [draw_parameter(p, rng).astype(dtype) for p in declared]
    held = [
        np.ascontiguousarray(x.transpose(p.permutation or range(x.ndim)))
        for x, p in zip(parameters, declared, strict=True)
    ]
    return Case(op, attributes, arrays, parameters, held, dtype)


def draw_parameter(parameter: Parameter, rng: np.random.Generator) -> np.ndarray:
    """A statistic may be a variance."""
    return rng.uniform(0.5, 2.0, parameter.shape) if parameter.kind == "statistic" else rng.normal(size=parameter.shape)


def draw_arrays(sample: Sample, dtype: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Inputs within their domains; all that are "distinct" come from one pool of values that stand apart."""
    domains = sample.domains or (DEFAULT_DOMAIN,) * len(sample.shapes)
    sizes = [int(np.prod(shape)) if d == "distinct" else 0 for shape, d in zip(sample.shapes, domains, strict=True)]
    total = sum(sizes)
    pool = iter(rng.permutation(np.arange(total) + 0.25 - total // 2) * (4 / max(total, 1)))
    return [draw_array(shape, domain, dtype, rng, pool) for shape, domain in zip(sample.shapes, domains, strict=True)]


def draw_array(shape: tuple[int, ...], domain: Any, dtype: str, rng: np.random.Generator, pool: Any) -> np.ndarray:
    if domain == "distinct":
        return np.array([next(pool) for _ in range(int(np.prod(shape)))], dtype).reshape(shape)
    if domain == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if isinstance(domain, int):
        return rng.integers(0, domain, shape).astype(np.int32)
    return rng.uniform(*domain, shape).astype(dtype)


def build(
    case: Case,
    body: Callable[[Builder, list[Value]], Sequence[Value | None]],
    extra: Sequence[np.ndarray] = (),
) -> tuple[Graph, dict[str, np.ndarray]]:
    """A verified graph of what `body` makes of the case's inputs (and `extra` ones), and its inputs."""
    b = Builder(training=False, dtype=case.dtype)
    given = [*case.arrays, *case.held, *extra]
    inputs = {f"x{k}": array for k, array in enumerate(given)}
    values = [Value(name, TensorType(array.shape, str(array.dtype))) for name, array in inputs.items()]
    outputs = [(str(k), value) for k, value in enumerate(body(b, values)) if value is not None]
    graph = Graph("case", tuple(values), tuple(b.nodes), tuple(outputs), tuple(b.states.values()))
    verify(graph)
    return graph, inputs


def run(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return interpret(graph, inputs)[0]


def append_node(b: Builder, case: Case, values: Sequence[Value]) -> Node:
    """The op of the case itself, as one node."""
    types = case.op.infer(*(value.type for value in values), **case.attributes)
    b.append(case.op, values, types if isinstance(types, tuple) else (types,), case.attributes)
    return b.nodes[-1]


def assert_close(found: Any, expected: np.ndarray, tolerance: float) -> None:
    """The two agree to `tolerance` of the largest, NaNs at the same places; integers exactly."""
    found = np.asarray(found)
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=np.finfo(expected.dtype).tiny)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)
