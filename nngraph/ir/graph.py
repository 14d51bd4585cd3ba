"""The immutable graph: values, nodes in topological order, and the states that outlive a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

import numpy as np

from nngraph.ir.op import Op
from nngraph.ir.types import ITEM_SIZE, TensorType, evaluate
from nngraph_kernels.record import record

EMPTY: Mapping[str, Any] = {}


@record(eq=False)
class Value:
    """One result of a node, or an input or state of the graph. Compared by identity; names are unique.

    Attributes
    ----------
    name : str
    type : TensorType
        What its numbers are wherever something is computed of them.
    narrow : str
        "bfloat16" or "float16": its numbers, of float32, are rounded to that as soon as they are made, and lie in
        memory so; "": neither.
    """

    name: str
    type: TensorType
    narrow: str = ""

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type}" + (f" as {self.narrow}" if self.narrow else "")

    @property
    def item_size(self) -> int:
        """Bytes of an element in memory."""
        return ITEM_SIZE[self.narrow or self.type.dtype]

    def nbytes(self, batch: int) -> int:
        """Bytes in memory."""
        return evaluate(self.type.size, batch) * self.item_size


@record(eq=False)
class Node:
    """An op applied to values."""

    id: str
    op: Op
    inputs: tuple[Value, ...]
    results: tuple[Value, ...]
    attributes: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    @property
    def result(self) -> Value:
        """The only result of this node."""
        (value,) = self.results
        return value


@record(eq=False)
class State:
    """A tensor that lives outside the arena, from step to step.

    Attributes
    ----------
    name : str
        ``<node>.<parameter>`` for a parameter, ``<optimizer state>/<parameter>`` for a moment.
    kind : str
        "parameter", "moment", "statistic", "step", "scale" (of the loss) or "constant"; "prepared" for what a graph's
        preparation makes.
    old, new : Value
        What a step reads, and what it leaves for the next one (the same value when nothing updates it).
    trainable : bool
        Whether a loss's gradient may change it.
    permutation : tuple of int or None
        Axes that take the public layout to the layout held here; None where they are the same.
    initial : callable or ndarray or float
        ``initial(seed, name, public shape) -> ndarray``, or the value itself, in the public layout.
    regularizer : Regularizer or None
        The one that its node asks for, beside the whole network's.
    """

    name: str
    kind: str
    old: Value
    new: Value
    initial: Any
    trainable: bool = True
    permutation: tuple[int, ...] | None = None
    regularizer: Any = None

    @property
    def public_shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.old.type.numpy_shape(1)
        if self.permutation is None:
            return shape
        public = [0] * len(shape)
        for axis, source in enumerate(self.permutation):
            public[source] = shape[axis]
        return tuple(public)

    def public_view(self, array: np.ndarray) -> np.ndarray:
        """`array`, which is in the held layout, seen in the public one."""
        return array if self.permutation is None else array.transpose(np.argsort(self.permutation))

    def to_public(self, array: np.ndarray) -> np.ndarray:
        return array if self.permutation is None else np.ascontiguousarray(self.public_view(array))

    def from_public(self, array: np.ndarray) -> np.ndarray:
        return array if self.permutation is None else np.ascontiguousarray(array.transpose(self.permutation))


@record(eq=False)
class Graph:
    """Nodes in topological order with what enters, leaves and stays.

    `outputs` pairs a name with a value; `inputs` are values whose names are the public input names. `preparation` makes
    states of kind "prepared" of the others: it comes before, and again only when those have changed.
    """

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, Value], ...]
    states: tuple[State, ...] = ()
    preparation: Graph | None = None

    def values(self) -> Iterator[Value]:
        """All values: inputs, what the states hold, results."""
        yield from self.inputs
        for state in self.states:
            yield state.old
        for node in self.nodes:
            yield from node.results

    def roots(self) -> Iterator[Value]:
        """The values that must be computed: outputs and new states."""
        for _, value in self.outputs:
            yield value
        for state in self.states:
            yield state.new
