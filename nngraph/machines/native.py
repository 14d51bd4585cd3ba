"""Programs on the cores of this processor: kernels loaded from the cache, one arena, the native tape."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from nngraph.emit.cache import KernelCache
from nngraph.emit.source import kernel_source
from nngraph.ir.graph import Value
from nngraph.ir.program import Kernel, Plan, Schedule
from nngraph.machines.binding import Binding, origins, producer, scalars
from nngraph.run.bind import Launch, Memory, bind_schedule, copy_kernels
from nngraph.run.feed import Feed, Gather, array_slots, gather_slots, page_slots
from nngraph.run.memory import Arena
from nngraph.run.store import Store
from nngraph.run.tape import DRIVER_NAME, DRIVER_SOURCE, Tape

PAGES = Kernel("pages", ())


@dataclass(slots=True, eq=False)
class Native:
    """The machine that everything runs on unless another is asked for.

    Parameters
    ----------
    store : Store
    cache : KernelCache
    guard : bool
        Put pages without access around the arena (for tests).
    seed : int
        Of the windows on images.
    """

    store: Store
    cache: KernelCache
    guard: bool = False
    seed: int = 0
    arena: Arena | None = field(init=False, default=None)
    _tape: Tape | None = field(init=False, default=None)

    @property
    def tape(self) -> Tape:
        if self._tape is None:
            self._tape = Tape(self.cache.entries({DRIVER_NAME: DRIVER_SOURCE})[DRIVER_NAME])
        return self._tape

    def reserve(self, schedule: Schedule, planned: Plan) -> bool:
        """Have an arena that is large enough; whether it is another one than before."""
        if self.arena is not None and self.arena.nbytes >= planned.nbytes:
            return False
        self.arena = Arena(planned.nbytes, self.guard)
        return True

    def bind(self, schedule: Schedule, planned: Plan, feed: Feed | None = None) -> Binding:
        """A program for one batch size; with `feed` it also loads its batches and records its scalar outputs."""
        assert self.arena is not None
        memory = Memory(schedule, planned, self.store, self.arena.address, self.tape.error_address)
        before = self.loads(schedule, memory, feed) if feed else []
        after = self.records(schedule, memory, feed) if feed else {}
        entries = self.entries_of([*schedule.kernels, *copy_kernels(planned)])
        program = bind_schedule(schedule, memory, entries, before, after)
        inputs = {value.name: self.view(memory, value) for value in schedule.graph.inputs}
        outputs = {name: self.view(memory, value) for name, value in schedule.graph.outputs}
        return Binding(program, inputs, outputs, origins(schedule, before, after))

    def view(self, memory: Memory, value: Value) -> np.ndarray:
        """The memory of `value` as an array."""
        root = memory.aliases.get(value, value)
        shape = value.type.numpy_shape(memory.plan.batch)
        if root in memory.plan.placements:
            assert self.arena is not None
            return self.arena.view(memory.plan.placements[root].offset, shape, value.type.dtype)
        if root in memory.constants:
            return memory.constants[root].reshape(shape)
        name = next(state.name for state in memory.states if state.old is root)
        return self.store.arrays[name].reshape(shape)

    def loads(self, schedule: Schedule, memory: Memory, feed: Feed) -> list[Launch]:
        """Calls that bring a batch in, and then ask for the pages of mapped files that the next one needs."""
        loads = [self.load(value, memory, feed) for value in schedule.graph.inputs]
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

    def records(self, schedule: Schedule, memory: Memory, feed: Feed) -> dict[int, list[Launch]]:
        """Calls that leave each scalar output in the feed's ring, by the index of the call that they follow.

        A loss that is not finite ends the run: before any state is written, where the loss is known by then.
        """
        named = [(k, name, value) for k, (name, value) in enumerate(scalars(schedule))]
        entries = self.entries_of([Kernel("memory", ("record", value.type.dtype)) for _, _, value in named])
        length, columns = feed.ring.shape
        found: dict[int, list[Launch]] = {}
        for k, name, value in named:
            slots = (
                feed.ring.ctypes.data, memory.address(value), self.tape.step_address, self.tape.error_address,
                length, columns, k, int(name == "loss"),
            )  # fmt: skip
            launch = Launch(entries[Kernel("memory", ("record", value.type.dtype))], slots)
            found.setdefault(producer(schedule, memory, value), []).append(launch)
        return found

    def entries_of(self, kernels: list[Kernel]) -> dict[Kernel, int]:
        named = {kernel: kernel_source(kernel) for kernel in kernels}
        addresses = self.cache.entries(dict(named.values()))
        return {kernel: addresses[name] for kernel, (name, _) in named.items()}
