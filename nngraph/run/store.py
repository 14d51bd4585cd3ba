"""The states of a model: parameters, moments and counters, which outlive every step and every program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from nngraph.ir.graph import State
from nngraph.run.memory import aligned_zeros


class Store:
    """Arrays by state name, in the held layouts, each at an address that never changes.

    Parameters
    ----------
    seed : int
        What initial draws depend on, with each parameter's name.

    Attributes
    ----------
    arrays : dict of str to ndarray
        For reading: what changes a state is `assign`, `write`, or a program.
    fetch : callable
        Called before anything is read or changed here: brings what a device has written since.
    version : int
        How often states have been changed here.
    waiting : dict of str to ndarray
        In public layouts, what states that are made later begin with: moments of a checkpoint, until the
        training step is compiled.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.fetch: Callable[[], None] = nothing
        self.states: dict[str, State] = {}
        self.waiting: dict[str, np.ndarray] = {}
        self.version = 0
        self._held: dict[str, np.ndarray] = {}
        self._shown: dict[str, np.ndarray] = {}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        self.fetch()
        return self._shown

    def ensure(self, states: Iterable[State]) -> None:
        """Make and initialize the arrays of states that are not there yet."""
        shown = self.arrays
        for state in states:
            if state.name in shown:
                continue
            type = state.old.type
            array = aligned_zeros(type.numpy_shape(1), type.dtype)
            self.initialize(state, array)
            self._held[state.name] = array
            shown[state.name] = array.view()
            shown[state.name].flags.writeable = False
            self.states[state.name] = state
            self.version += 1

    def initialize(self, state: State, array: np.ndarray) -> None:
        """Write what the state begins with; draws come in blocks, so that nothing as large as it is made beside it."""
        public, shape, initial = state.public_view(array), state.public_shape, state.initial
        if state.name in self.waiting:
            public[...] = self.waiting.pop(state.name).reshape(shape)
        elif shape and hasattr(initial, "blocks"):
            at = 0
            for block in initial.blocks(self.seed, state.name, shape):
                public[at : at + len(block)] = block
                at += len(block)
        else:
            public[...] = initial(self.seed, state.name, shape) if callable(initial) else np.asarray(initial)

    def address(self, name: str) -> int:
        return self.arrays[name].ctypes.data

    def public(self, kinds: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Copies of the states of these kinds, in the public layouts."""
        return {
            name: np.array(state.to_public(self.arrays[name]), order="C")
            for name, state in self.states.items()
            if state.kind in kinds
        }

    def assign(self, given: Mapping[str, np.ndarray]) -> None:
        """Write arrays in the public layouts; names and shapes have been checked."""
        for name, array in given.items():
            self.write(name, self.states[name].from_public(np.asarray(array)))

    def write(self, name: str, array: ArrayLike) -> None:
        """Write one in the held layout."""
        self.fetch()
        self._held[name][...] = array
        self.version += 1

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def receive(self, bring: Callable[[str, np.ndarray], None]) -> None:
        """Have what a device holds written into every array."""
        for name, array in self._held.items():
            bring(name, array)


def nothing() -> None:
    """There is no device that could have written anything."""
