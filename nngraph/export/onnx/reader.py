"""Nodes of ONNX become nodes of ours, by the records of the ops.

The one place that knows where ONNX's axes are in our values: a Transpose moves nothing, but changes what is known of
its tensor, and an axis of size 1 that ONNX put there need not be in our value at all. An op asks for the order that it
works in, and only where that is another one is anything moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.errors import NNGraphError
from nngraph.export.onnx.fold import folded
from nngraph.export.onnx.nodes import Nodes, readings, shortest, title_of
from nngraph.export.onnx.open import LARGEST
from nngraph.export.onnx.targets import Target
from nngraph.ir.exchange import Axes, OnnxNode, Unreadable
from nngraph.ir.types import Shape, TensorType
from nngraph_kernels.record import record


@record(eq=False)
class Tensor:
    """A tensor of the file: one of our values, and where ONNX's axes are in it."""

    value: Any
    axes: Axes


@dataclass(slots=True, eq=False)
class GraphReader:
    """The reader of `nngraph.ir.exchange.Reader`.

    Attributes
    ----------
    target : Target
        Makes the nodes.
    arrays : dict of str to ndarray
        What is constant.
    problems : list of str
        A line for each node that cannot be read.
    computed : int
        Bytes of the constants that are none of the file's own, but computed of them.
    """

    target: Target
    arrays: dict[str, np.ndarray]
    file_batch: int | None = None
    op: str = ""
    name: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    moved: dict[tuple[str, Axes], Any] = field(default_factory=dict[tuple[str, Axes], Any])
    unknown: set[str] = field(default_factory=set[str])
    problems: list[str] = field(default_factory=list[str])
    computed: int = 0

    @property
    def static(self) -> bool:
        return self.target.static

    def type(self, value: Any) -> TensorType:
        return self.target.type(value)

    def array(self, tensor: str) -> np.ndarray | None:
        return self.arrays.get(tensor)

    def known(self, tensor: str, what: str) -> np.ndarray:
        if tensor not in self.arrays:
            raise self.target.unknown(tensor, what)
        return self.arrays[tensor]

    def shape(self, tensor: str) -> Shape:
        if tensor in self.arrays:
            return self.arrays[tensor].shape
        found = self.tensors[tensor]
        held = self.type(found.value).shape
        return tuple(1 if axis is None else held[axis] for axis in found.axes)

    def axes(self, tensor: str) -> tuple[Any, Axes]:
        if tensor in self.arrays:
            array = self.arrays[tensor]
            return self.constant(array), tuple(range(array.ndim))
        found = self.tensors[tensor]
        return found.value, found.axes

    def plain(self, tensor: str) -> Any:
        return self.arranged(tensor, tuple(range(len(self.shape(tensor)))))

    def image(self, tensor: str) -> Any:
        rank = len(self.shape(tensor))
        if rank < 2:
            raise Unreadable(f"an input of at least two axes expected, {rank} given")
        return self.arranged(tensor, channels_last(rank))

    def arranged(self, tensor: str, axes: Axes) -> Any:
        """The value with ONNX's axis k as its axis axes[k]; what is asked for again is there already."""
        if tensor in self.arrays:
            return self.constant(self.arrays[tensor].transpose(np.argsort([a or 0 for a in axes])))
        value, own = self.axes(tensor)
        if own == axes:
            return value
        if (tensor, axes) not in self.moved:
            self.moved[tensor, axes] = self.move(tensor, value, own, axes)
        return self.moved[tensor, axes]

    def move(self, tensor: str, value: Any, own: Axes, axes: Axes) -> Any:
        """Transposed, then with the axes that it lacked."""
        wanted = sorted((k for k in range(len(axes)) if axes[k] is not None), key=lambda k: axes[k] or 0)
        real = [k for k in wanted if own[k] is not None]
        order = tuple(own[k] or 0 for k in real)
        if order != tuple(range(len(order))):
            value = self.target.transpose(value, order)
        if len(real) < len(wanted):
            shape = self.shape(tensor)
            value = self.target.reshape(value, tuple(shape[k] for k in wanted))
        return value

    def common(self, tensors: Sequence[str]) -> tuple[list[Any], Axes]:
        """The order of the first of as many axes as any has; whatever does not fit it comes in ONNX's order."""
        given = [self.tensors[name] for name in tensors if name not in self.arrays]
        rank = max(len(self.shape(name)) for name in tensors)
        full = [tensor.axes for tensor in given if len(tensor.axes) == rank]
        whole = [axes for axes in full if None not in axes]
        axes = whole[0] if whole else full[0] if full else tuple(range(rank))
        fits = len(given) == 1 or all(tensor.axes == axes for tensor in given)
        if None in axes and not (
            fits and all(name not in self.arrays or self.arrays[name].size == 1 for name in tensors)
        ):
            axes = tuple(range(rank))
        alone = not given
        return [self.aligned(name, axes, rank, alone and k == 0) for k, name in enumerate(tensors)], axes

    def aligned(self, name: str, axes: Axes, rank: int, alone: bool) -> Any:
        """An operand that broadcasts against others whose axes are where `axes` says."""
        array = self.arrays.get(name)
        if array is not None:
            if array.size == 1 and array.dtype.kind in "fiu" and not alone:
                number = array.reshape(-1)[0]
                return shortest(number) if array.dtype == np.float32 and np.isfinite(number) else number.item()
            moved = array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(
                np.argsort([a or 0 for a in axes])
            )
            lead = next((k for k, size in enumerate(moved.shape) if size != 1), moved.ndim)
            return self.constant(moved.reshape(moved.shape[min(lead, rank - array.ndim) :]))
        tensor = self.tensors[name]
        if tensor.axes == axes:
            return tensor.value
        if len(tensor.axes) < rank:
            if axes == tuple(range(rank)):
                return self.plain(name)
            padded = f"{name}/aligned"
            self.tensors[padded] = Tensor(tensor.value, (*(None,) * (rank - len(tensor.axes)), *tensor.axes))
            return self.arranged(padded, axes)
        return self.arranged(name, axes)

    def make(self, op: str, *inputs: Any, **attributes: Any) -> Any:
        return self.limited(self.target.add(op, inputs, attributes, self.name))

    def help(self, op: str, *inputs: Any, **attributes: Any) -> Any:
        return self.limited(self.target.add(op, inputs, attributes, f"{self.name}/{op}"))

    def results(self, op: str, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        return tuple(map(self.limited, self.target.results(op, inputs, attributes)))

    def with_parameters(
        self, op: str, inputs: Sequence[Any], parameters: Mapping[str, tuple[str, tuple[int, ...] | None]], **given: Any
    ) -> Any:
        found: dict[str, tuple[str, Any, tuple[int, ...] | None]] = {}
        for role, (tensor, order) in parameters.items():
            array = self.arrays.get(tensor)
            found[role] = (tensor, public(array, order) if array is not None else self.plain(tensor), order)
        return self.limited(self.target.with_parameters(op, inputs, found, given, self.name))

    def limited(self, value: Any) -> Any:
        """A value that, for one batch of the file, or for one example, is no larger than any tensor may be."""
        if isinstance(value, int | float):
            return value
        type = self.type(value)
        if type.nbytes(max(1, self.file_batch or 1)) > LARGEST:
            raise Unreadable(f"its result {type} would be larger than any tensor may be ({LARGEST:,} bytes)")
        return value

    def constant(self, array: np.ndarray) -> Any:
        return self.target.constant(array, f"{self.name}/constant")

    def reshape(self, value: Any, shape: Shape) -> Any:
        return value if self.type(value).shape == shape else self.target.reshape(value, shape)

    def transpose(self, value: Any, axes: tuple[int, ...]) -> Any:
        return self.target.transpose(value, axes)

    def give(self, tensor: str, value: Any, axes: Axes | None = None) -> None:
        if isinstance(value, int | float):
            raise Unreadable("a number where a tensor is expected")
        self.tensors[tensor] = Tensor(value, tuple(range(self.type(value).rank)) if axes is None else axes)

    def give_image(self, tensor: str, value: Any) -> None:
        self.give(tensor, value, channels_last(self.type(value).rank))

    def give_array(self, tensor: str, array: np.ndarray) -> None:
        self.arrays[tensor] = array


def channels_last(rank: int) -> tuple[int, ...]:
    """Where ONNX's axes are in a value with the channels at the end."""
    return (0, rank - 1, *range(1, rank - 1))


def public(array: np.ndarray, order: tuple[int, ...] | None) -> np.ndarray:
    """A parameter in its public layout; -1 in the order is a new axis of size 1."""
    if order is None:
        return array
    moved = array.transpose([axis for axis in order if axis >= 0])
    return np.expand_dims(moved, tuple(k for k, axis in enumerate(order) if axis < 0))


# What readers run into where a file lacks an attribute, or has one of another type or size than ONNX says.
MALFORMED = (ArithmeticError, LookupError, TypeError, AttributeError, AssertionError)


def read_nodes(r: GraphReader, nodes: Nodes) -> None:
    """Read node by node; what cannot be read is told all at once, and what depends on it not at all."""
    known = readings()
    for node in nodes.nodes:
        if not r.unknown.isdisjoint(node.inputs):
            r.unknown.update(node.outputs)
            continue
        name = node.name or next(iter(node.outputs), "")
        try:
            read_node(r, node, known)
        except (ValueError, *MALFORMED, NNGraphError) as error:
            if isinstance(error, NNGraphError) and not r.target.expected(error):
                raise
            version = f" (version {node.version})" if node.version else ""
            r.problems.append(f"{title_of(name)}: operator '{node.operator}'{version}: {said(error)}")
            r.unknown.update(node.outputs)


def said(error: Exception) -> str:
    """The first line of what was wrong, without the node that our own side would name."""
    if isinstance(error, MALFORMED):
        return f"its inputs or attributes do not fit together ({type(error).__name__}: {error})"
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.split("): ", 1)[-1] if text.startswith("node '") else text


def read_node(r: GraphReader, node: OnnxNode, known: Mapping[str, Any]) -> None:
    inputs = [name for name in node.inputs if name]
    if inputs and all(name in r.arrays for name in inputs):
        array = folded(node, [r.arrays.get(name) for name in node.inputs])
        if array is not None:
            r.computed += array.nbytes
            if r.computed > LARGEST:
                raise Unreadable(f"constants that are computed need more than {LARGEST:,} bytes together")
            r.arrays[node.outputs[0]] = array
            return
    if node.operator not in known:
        raise Unreadable("nngraph has nothing for it")
    r.op, reading = known[node.operator]
    if not reading.first <= node.version <= reading.last:
        raise Unreadable(f"versions {reading.first} to {reading.last} expected; export with another opset")
    r.name = r.target.id_for(node.name or node.outputs[0])
    reading.read(r, node)
