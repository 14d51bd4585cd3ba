"""The programs of one model: training step, gradients, evaluation and prediction, over one store of states.

Each is compiled when it is first needed, and planned and bound for each batch size that it is run with.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nngraph.compiler import Compilation, Purpose, compile_program
from nngraph.cores import available_cores
from nngraph.differentiate import Objective
from nngraph.emit.cache import KernelCache, Progress, user_cache
from nngraph.emit.source import kernel_source
from nngraph.errors import ExecutionError
from nngraph.ir.declaration import Declared
from nngraph.ir.graph import Value
from nngraph.ir.program import Kernel, KernelCall, Plan, Schedule
from nngraph.ops.optimizer import Optimizer
from nngraph.plan import plan
from nngraph.run.bind import Launch, Memory, bind_schedule, copy_kernels
from nngraph.run.feed import Feed as Feed
from nngraph.run.feed import Gather, array_slots, gather_slots, page_slots
from nngraph.run.memory import Arena
from nngraph.run.program import Program, Segment
from nngraph.run.store import Store
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Outcome, Ready, Tape
from nngraph_kernels.cpu.memory import INDEX_OUT_OF_RANGE
from nngraph_kernels.record import record

PAGES = Kernel("pages", ())


@dataclass(slots=True, eq=False)
class Preparation:
    """What comes before a program: it leaves in the store what depends on states alone.

    Attributes
    ----------
    ready : Ready
    version : int
        That of the states when it last ran; -1: never.
    """

    ready: Ready
    version: int = -1


@record(eq=False)
class Bound:
    """A program bound for one batch size.

    Attributes
    ----------
    inputs, outputs : dict of str to ndarray
        Views of where they lie.
    origins : tuple of int
        For each launch of the program the call of the schedule that it makes, -1 if it makes none.
    ready : Ready
        One step of it.
    preparation : Preparation or None
        What has to run before it where states have changed.
    """

    program: Program
    plan: Plan
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    origins: tuple[int, ...]
    ready: Ready
    preparation: Preparation | None = None


@dataclass(slots=True, eq=False)
class Programs:
    """All programs of a model.

    Parameters
    ----------
    declared : Declared
    objective, optimizer
        Which training, gradients and evaluation need.
    threads : int or None
        None: as many as the process may use.
    guard : bool
        Put pages without access around the arena (for tests).
    """

    declared: Declared
    objective: Objective | None = None
    optimizer: Optimizer | None = None
    dtype: str = "float32"
    seed: int = 0
    threads: int | None = None
    checked: bool = False
    guard: bool = False
    cache: KernelCache = field(default_factory=user_cache)
    on_progress: Progress | None = None
    store: Store = field(init=False)
    arena: Arena | None = field(init=False, default=None)
    compiled: dict[Purpose, Compilation] = field(init=False, default_factory=dict[Purpose, Compilation])
    bound: dict[tuple[Purpose, int], Bound] = field(init=False, default_factory=dict[tuple[Purpose, int], Bound])
    preparations: dict[Purpose, Preparation] = field(init=False, default_factory=dict[Purpose, Preparation])
    lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _tape: Tape | None = field(init=False, default=None)
    _thread_count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.store = Store(self.seed)

    @property
    def thread_count(self) -> int:
        """How many threads programs are planned for and run on: found once, for scratch memory depends on it."""
        if not self._thread_count:
            self._thread_count = available_cores() if self.threads is None else self.threads
        return self._thread_count

    @property
    def tape(self) -> Tape:
        if self._tape is None:
            self._tape = Tape(self.cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME])
        return self._tape

    def compile(self, purpose: Purpose) -> Compilation:
        """The compilation for `purpose`, whose states are in the store."""
        if purpose not in self.compiled:
            c = Compilation(
                self.declared, purpose, self.objective, self.optimizer, self.dtype, self.seed, checked=self.checked,
                threads=self.thread_count, cache=self.cache, on_progress=self.on_progress,
            )  # fmt: skip
            self.compiled[purpose] = compile_program(c, planned=False)
            c.graph = None  # of no more use, and much larger than the schedule
            self.store.ensure(scheduled(c).graph.states)
            self.preparations.pop(purpose, None)
        return self.compiled[purpose]

    def use(self, *, objective: Objective | None = None, optimizer: Optimizer | None = None) -> None:
        """Go on with another objective or optimizer; programs that they are part of are compiled anew."""
        if objective is not None and objective != self.objective:
            self.objective = objective
            self.forget("train", "gradients", "loss", "evaluate")
        if optimizer is not None and optimizer != self.optimizer:
            self.optimizer = optimizer
            self.forget("train")

    def forget(self, *purposes: Purpose) -> None:
        for purpose in purposes:
            self.compiled.pop(purpose, None)
        self.bound = {key: bound for key, bound in self.bound.items() if key[0] not in purposes}

    def plan(self, purpose: Purpose, batch: int) -> Plan:
        """The plan of the arena for one batch size."""
        return plan(scheduled(self.compile(purpose)), batch, self.thread_count)

    def bind(self, purpose: Purpose, batch: int, feed: Feed | None = None) -> Bound:
        """The program for one batch size; with `feed` it also loads its batches and records its scalar outputs."""
        if feed is None and (found := self.bound.get((purpose, batch))) is not None:
            return found
        c = self.compile(purpose)
        planned = self.plan(purpose, batch)
        self.reserve(planned.nbytes)
        preparation = self.preparation(purpose, planned)
        memory = self.memory(scheduled(c), planned)
        before, after = (self.loads(c, memory, feed), self.records(c, memory, feed)) if feed else ([], {})
        entries = {**c.entries, **self.entries_of(copy_kernels(planned))}
        program = bind_schedule(scheduled(c), memory, entries, before, after)
        graph = scheduled(c).graph
        inputs = {value.name: self.view(memory, value, batch) for value in graph.inputs}
        outputs = {name: self.view(memory, value, batch) for name, value in graph.outputs}
        ready = self.tape.ready([Segment(program, 1)], self.thread_count)
        bound = Bound(program, planned, inputs, outputs, origins(scheduled(c), before, after), ready, preparation)
        if feed is None:
            self.bound[purpose, batch] = bound
        return bound

    def current(self, purpose: Purpose, batch: int, feed: Feed | None = None) -> Bound:
        """The same, and whatever it takes as prepared is made of the states as they are now."""
        bound = self.bind(purpose, batch, feed)
        if bound.preparation is not None and bound.preparation.version != self.version:
            self.prepare(purpose, bound.preparation)
        return bound

    @property
    def version(self) -> int:
        """Another number whenever states have changed: in the store, or by a program."""
        return self.store.version + self.tape.writes

    def preparation(self, purpose: Purpose, planned: Plan) -> Preparation | None:
        """What comes before a program: one for all batch sizes."""
        c = self.compile(purpose)
        before = scheduled(c).preparation
        if before is None or planned.preparation is None:
            return None
        if purpose not in self.preparations:
            entries = {**c.entries, **self.entries_of(copy_kernels(planned.preparation))}
            program = bind_schedule(before, self.memory(before, planned.preparation), entries)
            self.preparations[purpose] = Preparation(self.tape.ready([Segment(program, 1)], self.thread_count))
        return self.preparations[purpose]

    def prepare(self, purpose: Purpose, preparation: Preparation) -> None:
        """Run it, and remember of which states its results are."""
        version = self.version + 1  # its own run is one that writes
        outcome = preparation.ready.run()
        before = scheduled(self.compile(purpose)).preparation
        assert before
        check(outcome, before.calls, range(len(before.calls)))
        preparation.version = version

    def reserve(self, nbytes: int) -> None:
        """Have an arena that is large enough; what was bound in a smaller one is not any more."""
        if self.arena is None or self.arena.nbytes < nbytes:
            self.bound.clear()
            self.preparations.clear()
            self.arena = Arena(nbytes, self.guard)

    def memory(self, schedule: Schedule, planned: Plan) -> Memory:
        """Where everything lies."""
        assert self.arena is not None
        return Memory(schedule, planned, self.store, self.arena.address, self.tape.error_address)

    def view(self, memory: Memory, value: Value, batch: int) -> np.ndarray:
        """The memory of `value` as an array."""
        root = memory.aliases.get(value, value)
        shape = value.type.numpy_shape(batch)
        if root in memory.plan.placements:
            assert self.arena is not None
            return self.arena.view(memory.plan.placements[root].offset, shape, value.type.dtype)
        if root in memory.constants:
            return memory.constants[root].reshape(shape)
        name = next(state.name for state in memory.states if state.old is root)
        return self.store.arrays[name].reshape(shape)

    def loads(self, c: Compilation, memory: Memory, feed: Feed) -> list[Launch]:
        """Calls that bring a batch in, and then ask for the pages of mapped files that the next one needs."""
        loads = [self.load(value, memory, feed) for value in scheduled(c).graph.inputs]
        pages = [x for x in feed.arrays.values() if isinstance(x, Gather) and x.file]
        asked = [(PAGES, page_slots(x, feed, self.tape.cursor_address, memory.plan.batch), False) for x in pages]
        launches = [*loads, *asked]
        entries = self.entries_of([kernel for kernel, _, _ in launches])
        return [Launch(entries[kernel], slots, shared) for kernel, slots, shared in launches]

    def load(self, value: Value, memory: Memory, feed: Feed) -> tuple[Kernel, tuple[int, ...], bool]:
        """Kernel and arguments of the call that brings a batch of an input in, and whether threads share it."""
        examples, cursor, batch = feed.arrays[value.name], self.tape.cursor_address, memory.plan.batch
        shared = memory.plan.threads > 1 and batch * math.prod(value.type.numpy_shape(1)) > 20_000
        address = memory.address(value)
        if isinstance(examples, Gather):
            return examples.kernel, gather_slots(address, examples, feed, cursor, batch, self.seed), shared
        kernel = Kernel("memory", ("load_batch", value.type.dtype))
        return kernel, array_slots(address, examples, feed, cursor, batch), shared

    def records(self, c: Compilation, memory: Memory, feed: Feed) -> dict[int, list[Launch]]:
        """Calls that leave each scalar output in the feed's ring, by the index of the call that they follow.

        A loss that is not finite ends the run: before any state is written, where the loss is known by then.
        """
        named = [(k, name, value) for k, (name, value) in enumerate(scalar_outputs(c))]
        entries = self.entries_of([Kernel("memory", ("record", value.type.dtype)) for _, _, value in named])
        length, columns = feed.ring.shape
        found: dict[int, list[Launch]] = {}
        for k, name, value in named:
            slots = (
                feed.ring.ctypes.data, memory.address(value), self.tape.step_address, self.tape.error_address,
                length, columns, k, int(name == "loss"),
            )  # fmt: skip
            launch = Launch(entries[Kernel("memory", ("record", value.type.dtype))], slots)
            found.setdefault(producer(scheduled(c), memory, value), []).append(launch)
        return found

    def entries_of(self, kernels: list[Kernel]) -> dict[Kernel, int]:
        named = {kernel: kernel_source(kernel) for kernel in kernels}
        addresses = self.cache.entries(dict(named.values()))
        return {kernel: addresses[name] for kernel, (name, _) in named.items()}

    def call(self, purpose: Purpose, inputs: Mapping[str, np.ndarray], batch: int) -> dict[str, np.ndarray]:
        """Run one step of a program that changes no state, on these inputs; the outputs are copies."""
        with self.lock:
            bound = self.current(purpose, batch)

            def take() -> None:
                for name, view in bound.inputs.items():
                    view[...] = inputs[name]

            self.check(bound.ready.run(take), purpose, bound)
            return {name: view.copy() for name, view in bound.outputs.items()}

    def check(self, outcome: Outcome, purpose: Purpose, bound: Bound) -> None:
        """Raise what a kernel reported: an ExecutionError that names the node."""
        if outcome.reason == "failed":
            check(outcome, scheduled(self.compile(purpose)).calls, bound.origins)


def check(outcome: Outcome, calls: Sequence[KernelCall], origins: Sequence[int]) -> None:
    """Raise what a kernel reported.

    Raises
    ------
    ExecutionError
        Naming the node.
    """
    if outcome.reason != "failed":
        return
    if outcome.error != INDEX_OUT_OF_RANGE:
        raise ExecutionError(
            f"step {outcome.steps + 1}: the loss is not finite; lower the learning rate, clip the gradients, "
            "or look for extreme values in the data"
        )
    node = calls[origins[outcome.call]].nodes[0]
    raise ExecutionError(f"node '{node}': an index outside of its table; look at the inputs' integers")


def scheduled(c: Compilation) -> Schedule:
    assert c.schedule is not None
    return c.schedule


def origins(schedule: Schedule, before: Sequence[Launch], after: Mapping[int, Sequence[Launch]]) -> tuple[int, ...]:
    """For each launch of a bound schedule the index of its call, -1 for those beside the schedule."""
    found = [-1] * len(before)
    for position in range(len(schedule.calls)):
        found += [position, *(-1 for _ in after.get(position, ()))]
    return tuple(found)


def producer(schedule: Schedule, memory: Memory, value: Value) -> int:
    """The index of the call that computes `value`, -1 if none does."""
    root = memory.aliases.get(value, value)
    calls = enumerate(schedule.calls)
    return next((k for k, call in calls if any(operand.value is root for operand in call.outputs)), -1)


def scalar_outputs(c: Compilation) -> list[tuple[str, Value]]:
    """Outputs that are one number, in order: the columns of a feed's ring."""
    return [(name, value) for name, value in scheduled(c).graph.outputs if value.type.shape == ()]
