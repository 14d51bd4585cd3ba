"""Random networks, drawn from the op registry: each op on inputs within the domains of its own samples.

A network is drawn as a `Recipe`, plain data from which its graph can be built again, whole or in part. While
it is drawn every node is computed, so that what leaves an op's domain can be brought back into it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

import nngraph as ng
from nngraph.differentiate import Objective, objective_from
from nngraph.errors import NNGraphError
from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.graph import Graph, State
from nngraph.ir.op import REGISTRY, Op, Sample
from nngraph.ir.types import BATCH, FLOATS, TensorType, evaluate

Array = np.ndarray[Any, Any]
FLOAT = (-2.0, 2.0)
LARGEST = 400  # elements of one example
GIVEN_MORE_OFTEN = {"linear": 8, "add": 4, "multiply": 3, "concat": 2, "relu": 3, "matmul": 3, "layer_norm": 2}
REGULARIZERS = (
    None,
    None,
    {"type": "l2", "strength": 0.01},
    {"type": "l1", "strength": 0.01},
    {"type": "elastic_net", "strength": 0.01},
)
LOSSES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "cross_entropy": ({}, {"label_smoothing": 0.1}, {"targets": "one_hot"}),
    "multiclass_hinge": ({}, {"margin": 0.3}),
    "sum_squared_error": ({},),
    "mean_squared_error": ({}, {"weight": 0.5}),
    "l1": ({},),
    "huber": ({}, {"delta": 0.4}),
    "binary_cross_entropy": ({},),
}


@dataclass(frozen=True)
class Step:
    """A node: its operands are ids and numbers; of an input, `domain` says what it holds."""

    id: str
    op: str
    operands: tuple[str | float, ...]
    attributes: Mapping[str, Any]
    domain: Any = FLOAT


@dataclass(frozen=True)
class Recipe:
    """A network and its objective."""

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    losses: Mapping[str, Any]
    regularizer: Any
    sample_weights: bool
    batch: int
    seed: int

    def graph(self) -> ng.Graph:
        g = ng.Graph(f"random-{self.seed}")
        for step in self.steps:
            declare(g, step)
        for id in self.outputs:
            g.output(g[id])
        return g

    def objective(self) -> Objective:
        return objective_from(
            self.losses, self.outputs, regularizer=self.regularizer, sample_weights=self.sample_weights
        )

    def smaller(self) -> Iterator[Recipe]:
        """The recipe with one output less, or one node replaced by an operand of its; the plainest first."""
        for id in self.outputs:
            if set(self.losses) - {id}:
                losses = {name: loss for name, loss in self.losses.items() if name != id}
                yield replace(self, outputs=tuple(x for x in self.outputs if x != id), losses=losses).needed()
        if self.regularizer or self.sample_weights:
            yield replace(self, regularizer=None, sample_weights=False)
        for step in reversed(self.steps):
            for operand in step.operands:
                if isinstance(operand, str):
                    yield self.replaced(step.id, operand)

    def replaced(self, id: str, other: str) -> Recipe:
        """The recipe with `other` wherever `id` was read."""

        def moved(name: Any) -> Any:
            return other if name == id else name

        steps = tuple(replace(step, operands=tuple(map(moved, step.operands))) for step in self.steps)
        losses = {moved(name): loss for name, loss in self.losses.items()}
        outputs = tuple(dict.fromkeys(map(moved, self.outputs)))
        return replace(self, steps=steps, outputs=outputs, losses=losses).needed()

    def needed(self) -> Recipe:
        wanted = set(self.outputs)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if step.id in wanted:
                wanted.update(x for x in step.operands if isinstance(x, str))
                if "shared_with" in step.attributes:
                    wanted.add(step.attributes["shared_with"])
                kept.append(step)
        return replace(self, steps=tuple(reversed(kept)))

    def __str__(self) -> str:
        lines = [f"batch {self.batch}, regularizer {self.regularizer}, sample weights {self.sample_weights}"]
        for step in self.steps:
            operands = [str(x) for x in step.operands] + [f"{k}={v!r}" for k, v in step.attributes.items()]
            lines.append(f"  {step.id} = {step.op}({', '.join(operands)})")
        return "\n".join([*lines, *(f"  output {id}: {self.losses.get(id)}" for id in self.outputs)])


def declare(g: ng.Graph, step: Step) -> None:
    if step.op == "input":
        g.input(step.id, **step.attributes)
    else:
        operands = [g[x] if isinstance(x, str) else x for x in step.operands]
        g.apply(step.op, operands, name=step.id, **step.attributes)


def draw(shape: tuple[int, ...], domain: Any, seed: int, name: str) -> Array:
    """What the input or parameter of this name holds; floats are exact in float32."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if domain == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if isinstance(domain, int):
        return rng.integers(0, domain, shape).astype(np.int32)
    low, high = FLOAT if domain == "distinct" else domain
    return rng.uniform(low, high, shape).astype(np.float32).astype(np.float64)


def draw_parameter(name: str, shape: tuple[int, ...], seed: int) -> Array:
    """Matrices that keep the scale of what goes through them; vectors around 0, scales and variances around 1."""
    if name.endswith((".scale", ".running_variance")):
        return draw(shape, (0.6, 1.4), seed, name)
    wide = (3.0 / shape[-1]) ** 0.5 if len(shape) > 1 else 0.5
    return draw(shape, (-wide, wide), seed, name)


def draw_states(states: Sequence[State], seed: int) -> dict[str, Array]:
    """Parameters in the public layout; the step is the seed's."""
    return {
        state.name: np.asarray(seed % 1000, np.int32)
        if state.kind == "step"
        else draw_parameter(state.name, state.public_shape, seed)
        for state in states
    }


def draw_inputs(recipe: Recipe, graph: Graph) -> dict[str, Array]:
    """Data for the inputs of a lowered graph, those of the objective among them: labels are 0 or 1."""
    domains: dict[str, Any] = {step.id: step.domain for step in recipe.steps if step.op == "input"}
    return {
        value.name: draw(
            value.type.numpy_shape(recipe.batch),
            domains.get(value.name, 2 if value.type.dtype == "int32" else (0.0, 1.0)),
            recipe.seed,
            value.name,
        )
        for value in graph.inputs
    }


@dataclass
class Drawing:
    """A network being drawn: its graph so far, and what every node computes in float64."""

    seed: int
    batch: int
    rng: np.random.Generator
    graph: ng.Graph = field(default_factory=ng.Graph)
    steps: list[Step] = field(default_factory=list[Step])
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])

    def add(self, op: str, *operands: str | float, domain: Any = FLOAT, **attributes: Any) -> str:
        """Declare a node and compute it; NNGraphError or ValueError where it does not fit."""
        step = Step(f"{op}{len(self.steps)}", op, operands, attributes, domain)
        declare(self.graph, step)
        self.steps.append(step)
        self.arrays[step.id] = self.compute(step)
        return step.id

    def compute(self, step: Step) -> Array:
        type = self.type(step.id)
        if step.op == "input":
            return draw(type.numpy_shape(self.batch), step.domain, self.seed, step.id)
        op = REGISTRY[step.op]
        attributes = own_attributes(op, check_attributes(op, step.attributes))
        attributes |= {"dtype": "float64"} if attributes.get("dtype") == "float" else {}
        arrays = [self.arrays[x] if isinstance(x, str) else np.asarray(x) for x in step.operands]
        types = [self.type(x) if isinstance(x, str) else TensorType(()) for x in step.operands]
        owner = step.attributes.get("shared_with", step.id)
        parameters = [
            draw_parameter(f"{owner}.{p.name}", p.shape, self.seed)
            for p in (op.parameters(*types, **attributes) if op.parameters else ())
        ]
        if step.op == "dropout":
            return dropped(arrays[0], attributes)
        with np.errstate(all="ignore"):
            return np.asarray(op.reference(*arrays, *parameters, **attributes))

    def type(self, id: str) -> TensorType:
        return self.graph.types[id]

    def pick(self, keep: Callable[[str], bool]) -> str | None:
        """One of the values that `keep` holds of, late ones more often."""
        found = [step.id for step in self.steps if keep(step.id)]
        if not found:
            return None
        return found[-1 - min(int(self.rng.exponential(4)), len(found) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


def dropped(x: Array, attributes: Mapping[str, Any]) -> Array:
    """Within the range that dropout may leave: 0, and what is kept, scaled."""
    scaled = x if attributes["mode"] == "vanilla" else x / (1 - attributes["rate"])
    scaled = scaled.copy()
    scaled.reshape(-1)[:1] = 0
    return scaled


def kind_of(domain: Any) -> str:
    return "bool" if domain == "bool" else "int32" if isinstance(domain, int) else "float32"


def element_count(type: TensorType) -> int:
    return evaluate(type.size, 1)


def within(array: Array, domain: Any) -> bool:
    if domain == "bool" or not array.size:
        return True
    if isinstance(domain, int):
        return bool(array.min() >= 0 and array.max() < domain)
    low, high = FLOAT if domain == "distinct" else domain
    return bool(array.min() >= low and array.max() <= high)


def brought_within(d: Drawing, id: str, domain: Any) -> str:
    """A float value of the same shape that lies in the domain: `id` itself if it does."""
    if within(d.arrays[id], domain):
        return id
    low, high = FLOAT if domain == "distinct" else domain
    if domain in (FLOAT, (-2, 2), "distinct"):
        if d.chance(0.3):
            return d.add("tanh", id)
        # Not always to the same extreme: that of one value would tie with that of another.
        extreme = float(d.rng.uniform(1.4, 1.95))
        return d.add("multiply", id, float(np.float32(extreme / np.abs(d.arrays[id]).max())))
    if low == high:
        return d.add("clip", id, low=low, high=high)
    squeezed = d.add("sigmoid", id)
    return d.add("add", d.add("multiply", squeezed, 0.9 * (high - low)), low + 0.05 * (high - low))


def fresh(d: Drawing, shape: tuple[int, ...], domain: Any) -> str:
    """A new input, or for floats more often a learned map of what is there."""
    source = d.pick(lambda id: d.type(id).dtype == "float32" and is_batched(d.type(id)))
    if kind_of(domain) != "float32" or source is None or d.chance(0.15):
        dtype = {"float32": "float"}.get(kind_of(domain), kind_of(domain))
        return d.add("input", domain=domain, shape=shape, dtype=dtype)
    return brought_within(d, mapped(d, source, shape), domain)


def is_batched(type: TensorType) -> bool:
    return type.rank > 0 and type.shape[0] == BATCH


def mapped(d: Drawing, source: str, shape: tuple[int, ...]) -> str:
    """A linear map of one example of `source` to one of `shape`."""
    if d.type(source).rank != 2:
        source = d.add("flatten", source)
    units = int(np.prod(shape))
    given: dict[str, Any] = {"units": units}
    if d.chance(0.3):
        given["bias"] = False
    owners = [
        step.id for step in d.steps
        if step.op == "linear" and step.attributes.get("units") == units and "shared_with" not in step.attributes
        and step.attributes.get("bias", True) == given.get("bias", True)
        and d.type(str(step.operands[0])).shape[-1] == d.type(source).shape[-1]
    ]  # fmt: skip
    if owners and d.chance(0.5):
        given["shared_with"] = owners[0]
    elif d.chance(0.1):
        given["trainable"] = False
    found = d.add("linear", source, **given)
    return found if len(shape) == 1 else d.add("reshape", found, shape=shape)


def grow(d: Drawing, op: Op, sample: Sample) -> None:
    """Add one node of `op`, on values that are there if they fit, else on new ones of the sample's shapes."""
    attributes = dict(sample.attributes)
    if attributes.get("dtype") in FLOATS:
        attributes["dtype"] = "float"
    domains = sample.domains or (FLOAT,) * len(sample.shapes)
    if d.chance(0.85):
        for _ in range(12):
            chosen = [choose(d, op, k, domain) for k, domain in enumerate(domains)]
            if all(x is not None for x in chosen) and fits(d, op, [x for x in chosen if x is not None], attributes):
                operands = [
                    brought_within(d, x, domain) if isinstance(x, str) and kind_of(domain) == "float32" else x
                    for x, domain in zip(chosen, domains, strict=True)
                ]
                d.add(op.name, *[x for x in operands if x is not None], **attributes)
                return
    if any(not shape for shape in sample.shapes):
        return
    d.add(
        op.name,
        *(fresh(d, shape[1:], domain) for shape, domain in zip(sample.shapes, domains, strict=True)),
        **attributes,
    )


def choose(d: Drawing, op: Op, place: int, domain: Any) -> str | float | None:
    """A value whose dtype is the domain's; now and then a number beside others."""
    if op.expr and place and kind_of(domain) == "float32" and d.chance(0.15):
        low, high = FLOAT if domain == "distinct" else domain
        return float(np.float32(d.rng.uniform(low, high)))
    exact = kind_of(domain) != "float32"
    return d.pick(lambda id: d.type(id).dtype == kind_of(domain) and (not exact or within(d.arrays[id], domain)))


def fits(d: Drawing, op: Op, operands: Sequence[str | float], attributes: Mapping[str, Any]) -> bool:
    types = [d.type(x) if isinstance(x, str) else TensorType(()) for x in operands]
    given = own_attributes(op, check_attributes(op, attributes))
    given |= {"dtype": "float32"} if given.get("dtype") == "float" else {}
    try:
        result = op.infer(*types, **given)
    except (ValueError, AssertionError):
        return False
    return 0 < element_count(result) <= LARGEST


def draw_recipe(seed: int, nodes: int = 40) -> Recipe:
    """A network of at most `nodes` nodes (at least 16), the number itself drawn."""
    for attempt in count():
        recipe = draw_once(seed, attempt, nodes)
        if len(recipe.steps) <= nodes:
            return recipe
    raise AssertionError


def draw_once(seed: int, attempt: int, nodes: int) -> Recipe:
    rng = np.random.default_rng([seed, attempt])
    d = Drawing(seed, int(rng.choice([1, 2, 3, 5, 7, 16, 17, 33])), rng)
    size = int(rng.integers(3, max(4, nodes - 9)))
    for _ in range(int(rng.integers(1, 4))):
        shape = tuple(rng.choice([1, 2, 3, 5, 8, 16, 17], size=int(rng.choice([1, 1, 1, 2, 2, 3]))).tolist())
        d.add("input", shape=shape if np.prod(shape) <= LARGEST else shape[:1], dtype="float")
    ops = [op for op in REGISTRY.values() if not op.internal and op.family != "loss" and op.samples]
    weights = np.array([GIVEN_MORE_OFTEN.get(op.name, 1) for op in ops], float)
    while len(d.steps) < size:
        op = ops[int(rng.choice(len(ops), p=weights / weights.sum()))]
        try:
            grow(d, op, op.samples[int(rng.integers(len(op.samples)))])
        except NNGraphError:
            continue
    return finish(d, size)


def finish(d: Drawing, size: int) -> Recipe:
    """Join what nothing reads into a few outputs, most of them with a loss."""
    read = {x for step in d.steps for x in step.operands}
    leaves = [step.id for step in d.steps if step.id not in read]
    parts = min(int(d.rng.integers(1, 4)), len(leaves))
    heads = [joined(d, leaves[k::parts], size + 8) for k in range(parts)]
    losses: dict[str, Any] = {}
    for k, head in enumerate(heads):
        if k == 0 or d.chance(0.7):
            losses[head] = loss_of(d)
    heads = list(dict.fromkeys(heads))
    extra = d.pick(lambda id: True)
    if extra is not None and extra not in heads and d.chance(0.3):
        heads.append(extra)
    regularizer = REGULARIZERS[int(d.rng.integers(len(REGULARIZERS)))]
    return Recipe(tuple(d.steps), tuple(heads), losses, regularizer, d.chance(0.2), d.batch, d.seed)


def joined(d: Drawing, leaves: Sequence[str], limit: int) -> str:
    """Scores (batch, units) that depend on all of `leaves`, as far as the number of nodes allows."""
    units = int(d.rng.integers(2, 7))
    scores: str | None = None
    for leaf in leaves:
        if scores is not None and len(d.steps) > limit:
            break
        if d.type(leaf).dtype != "float32":
            leaf = d.add("cast", leaf, dtype="float")
        if not is_batched(d.type(leaf)):
            leaf = d.add("mean", leaf) if d.type(leaf).rank else leaf
            own = leaf if scores else d.add("add", fresh(d, (units,), FLOAT), leaf)
        else:
            own = mapped(d, leaf, (units,))
        scores = own if scores is None else d.add("add", scores, own)
    assert scores is not None
    return brought_within(d, scores, FLOAT)


def loss_of(d: Drawing) -> dict[str, Any]:
    name = sorted(LOSSES)[int(d.rng.integers(len(LOSSES)))]
    options = LOSSES[name]
    return {"type": name, **options[int(d.rng.integers(len(options)))]}
