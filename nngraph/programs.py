"""The programs of one model: training step, gradients, evaluation and prediction, over one store of states.

Each is compiled when it is first needed, and planned and bound for each batch size that it is run with.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.compiler import Compilation, Purpose, compile_program
from nngraph.cores import available_cores
from nngraph.differentiate import Objective
from nngraph.emit.cache import KernelCache, Progress, user_cache
from nngraph.errors import ExecutionError
from nngraph.ir.declaration import Declared
from nngraph.ir.graph import Value
from nngraph.ir.program import KernelCall, Plan, Schedule
from nngraph.machines import Machine, machine
from nngraph.machines.binding import scalars
from nngraph.ops.optimizer import Optimizer
from nngraph.plan import plan
from nngraph.run.feed import Feed as Feed
from nngraph.run.program import Segment
from nngraph.run.store import Store
from nngraph.run.tape import Outcome
from nngraph_kernels.cpu.memory import INDEX_OUT_OF_RANGE
from nngraph_kernels.record import record


@dataclass(slots=True, eq=False)
class Preparation:
    """What comes before a program: it leaves in the store what depends on states alone.

    Attributes
    ----------
    ready : Ready, or a device's
    version : int
        That of the states when it last ran; -1: never.
    """

    ready: Any
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
    ready : Ready, or a device's
        One step of it.
    preparation : Preparation or None
        What has to run before it where states have changed.
    """

    program: Any
    plan: Plan
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    origins: tuple[int, ...]
    ready: Any
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
    device : {"cpu", "cuda"}
    precision : {"full", "bfloat16", "float16"}
        As what float32 numbers are kept between kernels.
    products : {"own", "cublas", "cublas_tf32"}
        What does large matrix products on the device "cuda".
    """

    declared: Declared
    objective: Objective | None = None
    optimizer: Optimizer | None = None
    dtype: str = "float32"
    seed: int = 0
    threads: int | None = None
    checked: bool = False
    guard: bool = False
    device: str = "cpu"
    precision: str = "full"
    products: str = "own"
    cache: KernelCache = field(default_factory=user_cache)
    on_progress: Progress | None = None
    store: Store = field(init=False)
    compiled: dict[Purpose, Compilation] = field(init=False, default_factory=dict[Purpose, Compilation])
    bound: dict[tuple[Purpose, int], Bound] = field(init=False, default_factory=dict[tuple[Purpose, int], Bound])
    preparations: dict[Purpose, Preparation] = field(init=False, default_factory=dict[Purpose, Preparation])
    lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _machine: Machine | None = field(init=False, default=None)
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
    def machine(self) -> Machine:
        """What the programs run on."""
        if self._machine is None:
            self._machine = machine(
                self.device, self.store, self.cache, self.guard, self.seed, self.report, self.products
            )  # fmt: skip
        return self._machine

    def report(self, done: int, count: int) -> None:
        """Tell whoever wants to know how many kernels are compiled."""
        if self.on_progress:
            self.on_progress(done, count)

    @property
    def tape(self) -> Any:
        """The machine's tape."""
        return self.machine.tape

    @property
    def arena(self) -> Any:
        """What the machine has for the values of all programs."""
        return self.machine.arena

    def compile(self, purpose: Purpose) -> Compilation:
        """The compilation for `purpose`, whose states are in the store."""
        if purpose not in self.compiled:
            c = Compilation(
                self.declared, purpose, self.objective, self.optimizer, self.dtype, self.seed, checked=self.checked,
                threads=self.thread_count, device=self.device, precision=self.precision, cache=self.cache,
                on_progress=self.on_progress,
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
        return plan(scheduled(self.compile(purpose)), batch, self.thread_count, self.device)

    def bind(self, purpose: Purpose, batch: int, feed: Feed | None = None) -> Bound:
        """The program for one batch size; with `feed` it also loads its batches and records its scalar outputs."""
        if feed is None and (found := self.bound.get((purpose, batch))) is not None:
            return found
        made, planned = scheduled(self.compile(purpose)), self.plan(purpose, batch)
        if self.machine.reserve(made, planned):
            self.bound.clear()
            self.preparations.clear()
        preparation = self.preparation(purpose, planned)
        binding = self.machine.bind(made, planned, feed)
        ready = self.tape.ready([Segment(binding.program, 1)], self.thread_count)
        bound = Bound(
            binding.program, planned, binding.inputs, binding.outputs, binding.origins, ready, preparation
        )  # fmt: skip
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
        before = scheduled(self.compile(purpose)).preparation
        if before is None or planned.preparation is None:
            return None
        if purpose not in self.preparations:
            program = self.machine.bind(before, planned.preparation).program
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


def scalar_outputs(c: Compilation) -> list[tuple[str, Value]]:
    """Outputs that are one number, in order: the columns of a feed's ring."""
    return scalars(scheduled(c))
