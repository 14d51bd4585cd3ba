"""The two halves of `Op.onnx`: how nodes of an op are written to ONNX, and which of ONNX's operators are read as it.

The functions of a record work on a `Writer` and a `Reader`, which the export implements: nothing here, or in an op's
record, imports onnx. Images are channels-last here and channels-first there; both sides know where each axis of a
tensor is, so that no op moves axes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

import numpy as np

from nngraph.ir.graph import Node, Value
from nngraph.ir.types import Shape, TensorType
from nngraph_kernels.record import record

Axes = tuple[int | None, ...]


class Writer(Protocol):
    """What the record of an op writes its nodes with; tensors go by their ONNX names."""

    opset: int

    def plain(self, value: Value) -> str:
        """The tensor of `value`, its axes in our order."""
        ...

    def image(self, value: Value) -> str:
        """The tensor of `value`, its last axis, the channels, moved behind the batch."""
        ...

    def alike(self, values: Sequence[Value], result: Value) -> tuple[list[str], Callable[[str], None]]:
        """Tensors that broadcast against each other, and what gives the result in the order of their axes."""
        ...

    def constant(self, array: np.ndarray, name: str = "") -> str:
        """An initializer."""
        ...

    def parameter(self, value: Value, axes: tuple[int, ...] | None = None) -> str:
        """The initializer of a parameter in its public layout, or with its public axes in another order."""
        ...

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node of one result; an empty name leaves an input out."""
        ...

    def give(self, value: Value, tensor: str) -> None:
        """`tensor` is `value`, its axes in our order."""
        ...

    def give_image(self, value: Value, tensor: str) -> None:
        """`tensor` is `value`, its channels behind the batch."""
        ...


@record(eq=False)
class OnnxNode:
    """A node of an ONNX graph.

    Attributes
    ----------
    operator : str
        Or, where a pattern has been recognized, ``nngraph:`` and the name of the op.
    version : int
        The opset in which this form of the operator came; 0 for a recognized op.
    inputs, outputs : tuple of str
        Names of tensors; "" where an optional one is left out.
    """

    name: str
    operator: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def input(self, position: int) -> str:
        """The name of an input, "" where there is none."""
        return self.inputs[position] if position < len(self.inputs) else ""

    def wants(self, position: int) -> bool:
        """Whether an optional output is asked for."""
        return position < len(self.outputs) and bool(self.outputs[position])


class Unreadable(ValueError):
    """What a reader says of a node that it cannot read."""


class Pattern(Protocol):
    """What recognizes several ONNX nodes as one of ours."""

    def producer(self, tensor: str, *operators: str) -> OnnxNode | None:
        """The node that makes `tensor`, if it is one of these and nothing else reads its result."""
        ...

    def maker(self, tensor: str, *operators: str) -> OnnxNode | None:
        """The node that makes `tensor`, if it is one of these, whoever reads its result."""
        ...

    def array(self, tensor: str) -> np.ndarray | None:
        """The values of `tensor`, if it is a constant."""
        ...


class Reader(Protocol):
    """What nodes of ONNX are read with; values are those of the graph that is being made.

    Attributes
    ----------
    static : bool
        Whether that graph has fixed sizes alone, and takes ops that nobody can declare.
    op : str
        The op in whose record the function stands that is reading.
    file_batch : int or None
        The batch size that the file's inputs are of, if it is a number.
    """

    static: bool
    op: str
    file_batch: int | None

    def type(self, value: Any) -> TensorType: ...

    def shape(self, tensor: str) -> Shape:
        """Its shape, in ONNX's order of axes."""
        ...

    def array(self, tensor: str) -> np.ndarray | None:
        """The values of `tensor` if it is a constant; objects where the batch is among them."""
        ...

    def known(self, tensor: str, what: str) -> np.ndarray:
        """The same; Unreadable where it is none."""
        ...

    def plain(self, tensor: str) -> Any:
        """The value of `tensor`, its axes in ONNX's order."""
        ...

    def image(self, tensor: str) -> Any:
        """The value of `tensor` with the channels, ONNX's axis 1, moved to the end."""
        ...

    def common(self, tensors: Sequence[str]) -> tuple[list[Any], Axes]:
        """Values (or numbers) that broadcast against each other, and where ONNX's axes of the result are in them."""
        ...

    def axes(self, tensor: str) -> tuple[Any, Axes]:
        """The value as it is, and where ONNX's axes are in it; None for an axis of size 1 that it does not have."""
        ...

    def arranged(self, tensor: str, axes: Axes) -> Any:
        """The value of `tensor` with ONNX's axes where `axes` says."""
        ...

    def make(self, op: str, *inputs: Any, **attributes: Any) -> Any:
        """The node that gives the result; it takes the ONNX node's name."""
        ...

    def help(self, op: str, *inputs: Any, **attributes: Any) -> Any:
        """A node on the way to the result."""
        ...

    def results(self, op: str, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        """All results of an op that graphs do not declare; only where shapes are static."""
        ...

    def with_parameters(
        self, op: str, inputs: Sequence[Any], parameters: Mapping[str, tuple[str, tuple[int, ...] | None]], **given: Any
    ) -> Any:
        """A node with parameters: for each a tensor, and the order of its axes in the public layout."""
        ...

    def constant(self, array: np.ndarray) -> Any: ...

    def reshape(self, value: Any, shape: Shape) -> Any:
        """Of the whole shape, the batch included."""
        ...

    def transpose(self, value: Any, axes: tuple[int, ...]) -> Any: ...

    def give(self, tensor: str, value: Any, axes: Axes | None = None) -> None:
        """`value` is `tensor`; its axes are in ONNX's order unless `axes` says where they are."""
        ...

    def give_image(self, tensor: str, value: Any) -> None:
        """`value` is `tensor` with the channels at the end."""
        ...

    def give_array(self, tensor: str, array: np.ndarray) -> None:
        """`tensor` is a constant."""
        ...


Write = Callable[[Writer, Node], None]
Match = Callable[[Pattern, OnnxNode], OnnxNode | None]


@record(eq=False)
class Reading:
    """How an ONNX operator is read.

    Attributes
    ----------
    read : callable
    first, last : int
        The oldest and the newest form of the operator that is understood, by the opset that it came in.
    """

    read: Callable[[Reader, OnnxNode], None]
    first: int
    last: int


@record(eq=False)
class Onnx:
    """How an op is said in ONNX.

    Attributes
    ----------
    write : callable or None
        ``write(writer, node)``. Where it is None what the op expands into is written.
    read : mapping of str to Reading
        The ONNX operators that are read as this op.
    patterns : mapping of str to callable
        For the operator of the last of several ONNX nodes what recognizes them as one node of this op.
    """

    write: Write | None = None
    read: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    patterns: Mapping[str, Match] = field(default_factory=dict[str, Match])


def onnx_of(facet: Any) -> Onnx | None:
    """The mapping, or None where an op says why it has none, or says nothing."""
    return facet if isinstance(facet, Onnx) else None
