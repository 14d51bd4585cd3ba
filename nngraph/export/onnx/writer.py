"""Collects the nodes and initializers of an ONNX graph while the records of ops write theirs.

The one place that knows where the axes of a written tensor are: each value has a tensor in our order of axes, one with
the channels behind the batch, or both. The other one is made by a Transpose when an op first asks for it, so that a
chain of convolutions has one at its beginning and one at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.ir.graph import State, Value
from nngraph.ir.types import Batch

PLAIN, IMAGE = "plain", "image"


@dataclass(slots=True, eq=False)
class Written:
    """A node of the ONNX graph."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]
    name: str = ""


@dataclass(slots=True, eq=False)
class GraphWriter:
    """The writer of `nngraph.ir.exchange.Writer`.

    Attributes
    ----------
    states : mapping of str to State
        Of the graph that is written, and
    arrays : mapping of str to ndarray
        their values, in public layouts.
    current : str
        The id of the node that is being written.
    forms : dict
        For each value the names of its tensors.
    """

    opset: int
    states: Mapping[str, State]
    arrays: Mapping[str, np.ndarray]
    current: str = ""
    nodes: list[Written] = field(default_factory=list[Written])
    initializers: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    forms: dict[Value, dict[str, str]] = field(default_factory=dict[Value, "dict[str, str]"])
    made: dict[str, Written] = field(default_factory=dict[str, Written])
    read: set[str] = field(default_factory=set[str])
    taken: dict[str, int] = field(default_factory=dict[str, int])
    shared: dict[tuple[Any, ...], str] = field(default_factory=dict[tuple[Any, ...], str])

    def unique(self, name: str) -> str:
        """`name`, or with a number where it is taken."""
        count = self.taken.get(name, 0)
        self.taken[name] = count + 1
        return name if not count else self.unique(f"{name}.{count + 1}")

    def reserve(self, names: Sequence[str]) -> None:
        """Leave these to the values that have them."""
        self.taken |= dict.fromkeys(names, 1)

    def plain(self, value: Value) -> str:
        return self.form(value, PLAIN)

    def image(self, value: Value) -> str:
        return self.form(value, IMAGE)

    def form(self, value: Value, wanted: str) -> str:
        """The tensor of `value` in this order of axes; made of the other where there is none yet."""
        forms = self.forms.get(value)
        if forms is None:
            forms = self.forms[value] = {PLAIN: self.held(value)}
        if wanted not in forms:
            rank = value.type.rank
            order = [0, rank - 1, *range(1, rank - 1)] if wanted == IMAGE else [0, *range(2, rank), 1]
            suffix = "nchw" if wanted == IMAGE else "nhwc"
            (source,) = forms.values()
            forms[wanted] = self.append("Transpose", [source], f"{value.name}/{suffix}", {"perm": order})
        return forms[wanted]

    def held(self, value: Value) -> str:
        """A state as nodes of core ops read it: in the layout that it is held in."""
        state = self.states.get(value.name)
        if state is None or state.old is not value:
            raise ValueError(f"value '{value.name}' is read before it is written")
        return self.initializer(value.name, state.from_public(self.arrays[value.name]))

    def initializer(self, name: str, array: np.ndarray) -> str:
        """An initializer under that name, or a like one; equal ones are one."""
        key = (name, array.shape, array.strides)
        if key not in self.shared:
            free = name not in self.initializers
            self.shared[key] = name if free else self.unique(name)
            self.initializers[self.shared[key]] = array
        return self.shared[key]

    def parameter(self, value: Value, axes: tuple[int, ...] | None = None) -> str:
        array = self.arrays[value.name]
        return self.initializer(value.name, array if axes is None else array.transpose(axes))

    def constant(self, array: np.ndarray, name: str = "") -> str:
        key = ("constant", name, str(array.dtype), array.shape, array.tobytes())
        if key not in self.shared:
            self.shared[key] = self.unique(name or f"{self.current}/constant")
            self.initializers[self.shared[key]] = array
        return self.shared[key]

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.append(operator, list(inputs), f"{self.current}/{operator}", attributes)

    def append(self, operator: str, inputs: list[str], name: str, attributes: dict[str, Any]) -> str:
        output = self.unique(name)
        node = Written(operator, inputs, output, attributes, output)
        self.nodes.append(node)
        self.made[output] = node
        self.read.update(inputs)
        return output

    def alike(self, values: Sequence[Value], result: Value) -> tuple[list[str], Callable[[str], None]]:
        """Channels behind the batch only where some value has that form alone, and none would have to be aligned."""
        rank = result.type.rank
        full = [value for value in values if value.type.rank == rank]
        fits = rank == 4 and all(value.type.rank in (0, rank) for value in values)
        if fits and any(PLAIN not in self.forms.get(value, {PLAIN: ""}) for value in full):
            names = [self.image(value) if value.type.rank else self.plain(value) for value in values]
            return names, lambda tensor: self.give_image(result, tensor)
        return [self.plain(value) for value in values], lambda tensor: self.give(result, tensor)

    def give(self, value: Value, tensor: str) -> None:
        self.forms[value] = {PLAIN: self.named(value, tensor)}

    def give_image(self, value: Value, tensor: str) -> None:
        self.forms[value] = {IMAGE: self.named(value, tensor)}

    def named(self, value: Value, tensor: str) -> str:
        """The tensor that was just made under the value's own name; one that others read keeps its name."""
        node = self.made.get(tensor)
        if node is None or tensor in self.read or node.name != tensor:
            return tensor
        self.rename(node, value.name)
        node.name = value.name
        return value.name

    def rename(self, node: Written, name: str) -> None:
        del self.made[node.output]
        node.output = name
        self.made[name] = node

    def finish(self, outputs: Sequence[tuple[str, Value]], wanted: Callable[[Value], str]) -> None:
        """Let the results have the names of the outputs, in the order of axes that is wanted."""
        for name, value in outputs:
            tensor = self.form(value, wanted(value))
            if tensor == name:
                continue
            if name in self.made:
                self.replace(name, self.unique(f"{name}/inner"))
                tensor = self.form(value, wanted(value))
            node = self.made.get(tensor)
            if node is None or tensor in (other for other, _ in outputs):
                self.nodes.append(Written("Identity", [tensor], name, {}, self.unique(f"{name}/Identity")))
                self.made[name] = self.nodes[-1]
            else:
                self.replace(tensor, name)

    def replace(self, old: str, new: str) -> None:
        """Another name for a tensor, wherever it is read."""
        self.rename(self.made[old], new)
        for node in self.nodes:
            node.inputs = [new if name == old else name for name in node.inputs]
        for forms in self.forms.values():
            for key, name in forms.items():
                forms[key] = new if name == old else name


def dims_of(shape: Sequence[Any]) -> list[Any]:
    """Sizes as value infos hold them: the batch by its name."""
    return [str(dim) if isinstance(dim, Batch) else dim for dim in shape]
