"""What a random network has to satisfy: native programs, the interpreter and finite differences agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nngraph.compiler import Compilation, Purpose, compile_program
from nngraph.differentiate import differentiate
from nngraph.emit.cache import KernelCache, user_cache
from nngraph.emit.source import kernel_source
from nngraph.ir.graph import Graph
from nngraph.ir.interpret import interpret
from nngraph.lower.lower import lower
from nngraph.optimize import PASSES, passes_for
from nngraph.programs import Programs
from tests import compiled
from tests.random_graphs import Recipe, draw_inputs, draw_states

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
CONDITION = 1e-5  # by so much plain float32 NumPy may be off
SMALLEST = 1e-2  # of the largest array's size: smaller ones may be what cancellation has left
ATOL, RTOL = 1e-5, 1e-3  # of finite differences


@dataclass(frozen=True)
class Trial:
    """A network with its data and what the interpreter makes of it in float64.

    `gradients` is the graph before any pass: outputs loss, metrics and gradients; `expected` its outputs.
    """

    recipe: Recipe
    gradients: Graph
    inputs: Arrays
    states: Arrays
    expected: Arrays

    def held(self, graph: Graph) -> Arrays:
        own = [state for state in graph.states if state.kind != "prepared"]
        return {state.name: state.from_public(self.states[state.name]) for state in own}


def trial_of(recipe: Recipe) -> Trial:
    graph = gradients_graph(recipe, "float64")
    inputs = draw_inputs(recipe, graph)
    states = draw_states(graph.states, recipe.seed)
    held = {state.name: state.from_public(states[state.name]) for state in graph.states}
    return Trial(recipe, graph, inputs, states, interpret(graph, inputs, held)[0])


def gradients_graph(recipe: Recipe, dtype: str) -> Graph:
    forward = lower(recipe.graph().wiring, training=True, dtype=dtype, seed=recipe.seed)
    return differentiate(forward, recipe.objective())


def forward_graph(recipe: Recipe, dtype: str) -> Graph:
    return lower(recipe.graph().wiring, training=False, dtype=dtype, seed=recipe.seed)


def well_conditioned(trial: Trial) -> bool:
    """Whether float32 in NumPy comes near float64, in training and in inference: no cancellation, no kink between."""
    rough = interpreted(trial, gradients_graph(trial.recipe, "float32"))
    fine = compared(trial.expected)
    rough |= floats(interpreted(trial, forward_graph(trial.recipe, "float32")))
    fine |= floats(interpreted(trial, forward_graph(trial.recipe, "float64")))
    return all(np.isfinite(x).all() for x in fine.values()) and not differences(rough, fine, CONDITION)


def interpreted(trial: Trial, graph: Graph) -> Arrays:
    return interpret(graph, trial.inputs, trial.held(graph))[0]


def floats(arrays: Arrays) -> Arrays:
    return {name: x for name, x in arrays.items() if x.dtype.kind == "f"}


def compared(arrays: Arrays) -> Arrays:
    """The loss and the gradients; metrics count, and a tie may count either way."""
    return {name: x for name, x in arrays.items() if name.startswith(("loss", "gradient/"))}


def differences(found: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float) -> list[str]:
    """What is further off than `tolerance` of the largest element, in words.

    Where terms cancel, to zero or nearly (the weight of a node's only input, before a normalization, hardly matters),
    a sum in another order leaves rounding errors: small arrays are held against a share of the largest element of all.
    """
    wrong: list[str] = []
    largest = max((extent(b) for b in expected.values() if b.dtype.kind == "f"), default=0.0)
    for name, b in expected.items():
        a = found[name]
        if a.shape != b.shape or b.dtype.kind != "f":
            if not np.array_equal(a, b):
                wrong.append(f"{name}: {a.ravel()[:8]} instead of {b.ravel()[:8]}")
            continue
        off, scale = extent(a - b), extent(b)
        if not off <= tolerance * max(scale, SMALLEST * largest):  # NaN is off too
            wrong.append(f"{name}: off by {off:.3g}, the largest being {scale:.3g}")
    return wrong


def extent(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def programs_of(recipe: Recipe, dtype: str, cache: KernelCache) -> Programs:
    """Odd seeds run on two threads."""
    return Programs(
        recipe.graph().wiring, recipe.objective(), None, dtype, recipe.seed, 1 + recipe.seed % 2,
        checked=True, guard=True, cache=cache,
    )  # fmt: skip


def kernel_sources(recipe: Recipe, dtype: str, purposes: Iterable[Purpose]) -> dict[str, str]:
    """The kernels of these programs, so that those of many networks can be compiled together."""
    return kernel_sources_of(programs_of(recipe, dtype, user_cache()), purposes)


def kernel_sources_of(programs: Programs, purposes: Iterable[Purpose]) -> dict[str, str]:
    """The kernels that these programs of a model will need."""
    found: dict[str, str] = {}
    for purpose in purposes:
        c = Compilation(
            programs.declared, purpose, programs.objective, programs.optimizer, programs.dtype, programs.seed
        )
        made = compile_program(c, "schedule").schedule
        assert made is not None
        found |= dict(map(kernel_source, made.kernels))
    return found


def native(trial: Trial, dtype: str, purpose: Purpose, cache: KernelCache) -> Arrays:
    """The outputs of the program, run in an arena full of NaN between guard pages."""
    programs = programs_of(trial.recipe, dtype, cache)
    with compiled.shared_by_all_threads():
        programs.compile(purpose)
        programs.store.assign({n: x for n, x in trial.states.items() if n in programs.store.arrays})
        programs.bind(purpose, trial.recipe.batch)
        assert programs.arena is not None
        programs.arena.bytes[...] = compiled.POISON
        return programs.call(purpose, trial.inputs, trial.recipe.batch)


def check_gradients(trial: Trial, dtype: str, cache: KernelCache) -> list[str]:
    """Loss and gradients, natively and by the interpreter on the graph before all passes."""
    found = native(trial, dtype, "gradients", cache)
    expected = trial.expected if dtype == "float64" else compared(trial.expected)
    return differences(found, expected, TOLERANCE[dtype])


def check_unfused(trial: Trial, dtype: str, cache: KernelCache) -> list[str]:
    """The same without the passes that fuse."""
    graph = gradients_graph(trial.recipe, dtype)
    made = compiled.scheduled(graph, compiled.UNFUSED)
    threads = 1 + trial.recipe.seed % 2
    found = compiled.execute(made, trial.inputs, trial.held(graph), trial.recipe.batch, threads, cache).outputs
    expected = trial.expected if dtype == "float64" else compared(trial.expected)
    return differences(found, expected, TOLERANCE[dtype])


def unfused_sources(recipe: Recipe, dtype: str) -> dict[str, str]:
    """The kernels that `check_unfused` needs."""
    return compiled.sources([compiled.scheduled(gradients_graph(recipe, dtype), compiled.UNFUSED)])


def check_forward(trial: Trial, dtype: str, cache: KernelCache) -> list[str]:
    """All outputs in inference, integers and masks among them."""
    expected = interpreted(trial, forward_graph(trial.recipe, "float64"))
    if dtype == "float32":
        expected = floats(expected)
    return differences(native(trial, dtype, "predict", cache), expected, TOLERANCE[dtype])


def check_passes(graph: Graph, inputs: Arrays, states: Arrays, tolerance: float = 1e-11) -> list[str]:
    """Each pass keeps the meaning."""
    expected, new = interpret(graph, inputs, states)
    for step in passes_for("predict"):
        graph = compiled.optimized(graph, (step,))
        found, updated = interpret(graph, inputs, states)
        if wrong := differences(found | updated, expected | new, tolerance):
            return [f"after {step.name}: {line}" for line in wrong]
    return []


@dataclass(frozen=True)
class Slopes:
    """How many directions agreed with finite differences, which did not, how many crossed a kink."""

    checked: int
    wrong: list[str]
    skipped: int


def check_slopes(trial: Trial, directions: int = 4, epsilon: float = 1e-6) -> Slopes:
    """The gradients against central differences of the loss, along random directions."""
    rng = np.random.default_rng(trial.recipe.seed)
    names = [name.removeprefix("gradient/") for name in trial.expected if name.startswith("gradient/")]
    forward, frozen = loss_alone(trial)
    held = trial.held(trial.gradients)

    def loss(step: float, direction: Arrays) -> float:
        moved = held | {name: held[name] + step * d for name, d in direction.items()}
        return float(interpret(forward, trial.inputs | frozen, moved)[0]["loss"])

    wrong: list[str] = []
    skipped = 0
    for k in range(directions if names else 0):
        chosen = names if k % 2 == 0 else [str(rng.choice(names))]
        direction = {name: unit(rng, held[name].shape) for name in chosen}
        expected = sum(float(np.sum(trial.expected[f"gradient/{name}"] * d)) for name, d in direction.items())
        middle = loss(0.0, direction)
        right = (loss(epsilon, direction) - middle) / epsilon
        left = (middle - loss(-epsilon, direction)) / epsilon
        slope = (right + left) / 2
        if abs(right - left) > 1e-3 + 1e-2 * abs(slope):
            skipped += 1
        elif not abs(expected - slope) <= ATOL + RTOL * abs(slope):
            wrong.append(f"along {', '.join(chosen)}: gradient {expected:.8g}, finite difference {slope:.8g}")
    return Slopes(directions - skipped if names else 0, wrong, skipped)


def loss_alone(trial: Trial) -> tuple[Graph, Arrays]:
    """A graph of the loss, and inputs of it that hold what stop_gradient makes a constant."""
    graph = trial.gradients
    stops = [node for node in graph.nodes if node.op.name == "stop_gradient"]
    values = replace(graph, outputs=tuple((node.id, node.result) for node in stops))
    frozen = interpret(values, trial.inputs, trial.held(graph))[0]
    graph = replace(
        graph,
        inputs=(*graph.inputs, *(node.result for node in stops)),
        nodes=tuple(node for node in graph.nodes if node not in stops),
        outputs=(("loss", dict(graph.outputs)["loss"]),),
    )
    graph = next(step for step in PASSES if step.name == "drop_dead_code").run(graph)
    return graph, {node.result.name: frozen[node.id] for node in stops}


def unit(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    d = rng.normal(size=shape)
    return d / max(1e-9, float(np.linalg.norm(d)))
