"""Runs IR graphs through the compiler's stages and natively, the kernels of many graphs compiled together."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import nngraph.run.bind as binding
from nngraph.emit.cache import KernelCache, user_cache
from nngraph.emit.source import kernel_source
from nngraph.ir.graph import Graph, Value
from nngraph.ir.program import Kernel, Plan, Schedule
from nngraph.ir.rewrite import Pass
from nngraph.ir.types import DTYPES
from nngraph.ir.verify import verify
from nngraph.optimize import passes_for
from nngraph.plan import plan
from nngraph.run.bind import Memory, bind_schedule, copy_kernel
from nngraph.run.memory import Arena, aligned_zeros
from nngraph.run.program import Segment
from nngraph.run.store import Store
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape
from nngraph.schedule import schedule

Array = np.ndarray[Any, Any]
POISON = 255  # as floats NaN, as integers -1
FUSING = ("mix_into_depthwise", "merge_scaled_sums", "reuse_channel_sums", "mix_cotangents", "fuse")
FUSED = passes_for("train")
UNFUSED = tuple(step for step in FUSED if step.name not in FUSING)


def optimized(graph: Graph, passes: Iterable[Pass] = FUSED) -> Graph:
    """`graph` after the passes, verified after each."""
    for step in passes:
        graph = step.run(graph)
        verify(graph)
    return graph


def scheduled(graph: Graph, passes: Iterable[Pass] = FUSED) -> Schedule:
    return schedule(optimized(graph, passes))


def sources(schedules: Iterable[Schedule]) -> dict[str, str]:
    """Names and texts of all kernels that these need, the driver included."""
    kernels = {kernel: None for made in schedules for kernel in made.kernels}
    kernels |= dict.fromkeys(copy_kernel(dtype) for dtype in DTYPES)
    return {DRIVER_NAME: DRIVER_SOURCE, **dict(map(kernel_source, kernels))}


def compiled(schedules: Iterable[Schedule]) -> None:
    """Have all kernels of these in the cache: compiled by one test process, found on disk by the other."""
    entries(user_cache(), sources(schedules))


def entries(cache: KernelCache, texts: Mapping[str, str]) -> dict[str, int]:
    cache.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(cache.folder / "tests.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return cache.entries(texts)


def addresses(made: Schedule, cache: KernelCache) -> dict[Kernel, int]:
    kernels = [*made.kernels, *map(copy_kernel, DTYPES)]
    named = {kernel: kernel_source(kernel) for kernel in kernels}
    found = cache.entries(dict(named.values()))
    return {kernel: found[name] for kernel, (name, _) in named.items()}


@contextmanager
def shared_by_all_threads() -> Iterator[None]:
    """Let all threads share every call that can be shared, however short."""
    kept = binding.WORTH_SECONDS
    binding.WORTH_SECONDS = -1.0
    try:
        yield
    finally:
        binding.WORTH_SECONDS = kept


@dataclass(frozen=True)
class Execution:
    """One step, done natively."""

    outputs: dict[str, Array]
    states: dict[str, Array]
    plan: Plan


def execute(
    made: Schedule,
    inputs: Mapping[str, Array],
    states: Mapping[str, Array] | None = None,
    batch: int = 1,
    threads: int = 1,
    cache: KernelCache | None = None,
) -> Execution:
    """Run one step in an arena full of NaN between guard pages; states in the held layouts."""
    planned = plan(made, batch, threads)
    store = store_of(made.graph, states or {})
    arena = Arena(planned.nbytes, guard=True)
    arena.bytes[...] = POISON
    cache = cache or user_cache()
    table = addresses(made, cache)
    tape = Tape(cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME])
    memory = Memory(made, planned, store, arena.address, tape.error_address)
    with shared_by_all_threads():
        program = bind_schedule(made, memory, table)
        if made.preparation and planned.preparation:
            place = Memory(made.preparation, planned.preparation, store, arena.address, tape.error_address)
            before = bind_schedule(made.preparation, place, table)
            assert tape.run([Segment(before, 1)], threads).reason == "done"
            arena.bytes[...] = POISON
    for value in made.graph.inputs:
        view_of(memory, arena, value, store)[...] = inputs[value.name]
    outcome = tape.run([Segment(program, 1)], threads)
    assert outcome.reason == "done", outcome
    outputs = {name: view_of(memory, arena, value, store).copy() for name, value in made.graph.outputs}
    return Execution(outputs, {name: array.copy() for name, array in store.arrays.items()}, planned)


def store_of(graph: Graph, states: Mapping[str, Array]) -> Store:
    store = Store(0)
    for state in graph.states:
        array = aligned_zeros(state.old.type.numpy_shape(1), state.old.type.dtype)
        array[...] = states[state.name] if state.name in states else np.asarray(state.initial)
        store.arrays[state.name], store.states[state.name] = array, state
    return store


def view_of(memory: Memory, arena: Arena, value: Value, store: Store) -> Array:
    """Where `value` lies, as an array."""
    shape, root = value.type.numpy_shape(memory.plan.batch), memory.aliases.get(value, value)
    if root in memory.plan.placements:
        return arena.view(memory.plan.placements[root].offset, shape, value.type.dtype)
    if root in memory.constants:
        return memory.constants[root].reshape(shape)
    return store.arrays[next(s.name for s in store.states.values() if s.old is root)].reshape(shape)
