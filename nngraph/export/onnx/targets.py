"""What ONNX nodes are read into: a declared graph that can be trained, or a graph of fixed sizes that can be run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from nngraph.declare.graph import Graph
from nngraph.declare.value import Value as Declared
from nngraph.errors import DeclarationError, NNGraphError
from nngraph.ir.attributes import accepted_attributes, check_attributes, own_attributes
from nngraph.ir.builder import Builder
from nngraph.ir.exchange import Unreadable
from nngraph.ir.graph import Value
from nngraph.ir.op import REGISTRY
from nngraph.ir.types import Batch, Shape, TensorType

Parameters = Mapping[str, tuple[str, Any, tuple[int, ...] | None]]
INT32 = np.iinfo(np.int32)
ODD = re.compile(r"[^A-Za-z0-9_\-./]+")


class Target(Protocol):
    """Makes the nodes of a graph."""

    static: bool

    def type(self, value: Any) -> TensorType: ...
    def unknown(self, tensor: str, what: str) -> Exception: ...
    def expected(self, error: NNGraphError) -> bool: ...
    def id_for(self, name: str) -> str: ...
    def add(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any], id: str) -> Any: ...
    def results(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Any, ...]: ...
    def with_parameters(
        self, op: str, inputs: Sequence[Any], parameters: Parameters, attributes: Mapping[str, Any], id: str
    ) -> Any: ...
    def constant(self, array: np.ndarray, id: str) -> Any: ...
    def reshape(self, value: Any, shape: Shape) -> Any: ...
    def transpose(self, value: Any, axes: tuple[int, ...]) -> Any: ...


def as_int32(array: np.ndarray) -> np.ndarray:
    """Integers of 32 bits; Unreadable where one does not fit."""
    if array.dtype == object:
        raise Unreadable("a size that depends on the batch is used as a number")
    if array.size and (array.min() < INT32.min or array.max() > INT32.max):
        raise Unreadable("integers of 32 bits expected, larger ones given")
    return array.astype(np.int32)


def legal(name: str) -> str:
    """A name of ONNX's as the id of a node."""
    return ODD.sub("_", name)[:180] or "node"


class DeclaredTarget:
    """A declared graph; constants that an op learns become its parameters.

    Attributes
    ----------
    parameters : dict of str to ndarray
        By ``<node>.<parameter>``, in public layouts.
    """

    static = False

    def __init__(self, name: str) -> None:
        self.graph = Graph(name)
        self.parameters: dict[str, np.ndarray] = {}
        self.owners: dict[tuple[Any, ...], str] = {}

    def type(self, value: Declared) -> TensorType:
        return value.type

    def unknown(self, tensor: str, what: str) -> Exception:
        return Unreadable(f"{what} as a constant expected, '{tensor}' is computed when the model runs")

    def expected(self, error: NNGraphError) -> bool:
        return isinstance(error, DeclarationError)

    def id_for(self, name: str) -> str:
        return self.unused(legal(name))

    def unused(self, id: str) -> str:
        """`id`, or with a number where it is taken."""
        count = 1
        found = id
        while found in self.graph:
            count += 1
            found = f"{id}.{count}"
        return found

    def add(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any], id: str) -> Declared:
        record = REGISTRY[op]
        if record.internal:
            raise Unreadable(f"it takes the op '{op}', which graphs do not declare")
        defaults = {name: a.default for name, a in accepted_attributes(record).items() if not a.required}
        given = check_attributes(record, attributes)
        kept = {name: given[name] for name in attributes if name not in defaults or given[name] != defaults[name]}
        return self.graph.apply(op, inputs, name=self.unused(id), **kept)

    def results(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Any, ...]:
        raise Unreadable(f"it takes the op '{op}', which graphs do not declare")

    def with_parameters(
        self, op: str, inputs: Sequence[Any], parameters: Parameters, attributes: Mapping[str, Any], id: str
    ) -> Declared:
        """A node of its own, or one that shares the parameters of an earlier one with the same tensors."""
        for role, (tensor, array, _) in parameters.items():
            if not isinstance(array, np.ndarray):
                raise Unreadable(f"its {role} as a constant expected, '{tensor}' is computed when the model runs")
        check_shapes(op, [value.type for value in inputs], parameters, attributes)
        key = (op, *((role, tensor, order) for role, (tensor, _, order) in parameters.items()))
        id = self.unused(id)
        if key in self.owners:
            return self.add(op, inputs, {**attributes, "shared_with": self.owners[key]}, id)
        self.owners[key] = id
        self.parameters |= {f"{id}.{role}": array for role, (_, array, _) in parameters.items()}
        return self.add(op, inputs, attributes, id)

    def constant(self, array: np.ndarray, id: str) -> Declared:
        if array.dtype.kind in "iu" or array.dtype == object:
            array = as_int32(array)
        dtype = {"f": "float", "i": "int32", "b": "bool"}[array.dtype.kind]
        return self.graph.apply("constant", [], name=self.unused(id), value=array, dtype=dtype)

    def reshape(self, value: Declared, shape: Shape) -> Declared:
        own = value.type.shape
        if not own or not shape or shape[0] != own[0] or not isinstance(shape[0], Batch):
            raise Unreadable(f"a first axis that stays the batch expected, {own} to {shape} given")
        return self.graph.apply("reshape", [value], shape=shape[1:])

    def transpose(self, value: Declared, axes: tuple[int, ...]) -> Declared:
        if axes[:1] != (0,):
            raise Unreadable(f"a first axis that stays the batch expected, axes {axes} given")
        return self.graph.apply("transpose", [value], axes=axes)


def check_shapes(op: str, types: Sequence[TensorType], parameters: Parameters, given: Mapping[str, Any]) -> None:
    """Refuse parameters that are not of the shapes that the op has on such inputs."""
    record = REGISTRY[op]
    assert record.parameters
    own = check_attributes(record, given)
    record.infer(*types, **own_attributes(record, own))
    for each in record.parameters(*types, **own_attributes(record, own)):
        shape = parameters[each.name][1].shape
        if shape != each.shape:
            raise Unreadable(f"its {each.name} {each.shape} expected, {shape} given")


class NeedsValue(Exception):
    """A tensor that has to be known before a graph of fixed sizes can be made."""

    def __init__(self, tensor: str) -> None:
        super().__init__(tensor)
        self.tensor = tensor


class StaticTarget:
    """A graph whose sizes are all fixed, over a builder; it has every op, and no batch."""

    static = True

    def __init__(self, dtype: str = "float32") -> None:
        self.builder = Builder(training=False, dtype=dtype)

    def type(self, value: Value) -> TensorType:
        return value.type

    def unknown(self, tensor: str, what: str) -> Exception:
        return NeedsValue(tensor)

    def expected(self, error: NNGraphError) -> bool:
        return isinstance(error, DeclarationError)

    def id_for(self, name: str) -> str:
        return legal(name)

    def add(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any], id: str) -> Value:
        return self.results(op, inputs, attributes)[0]

    def results(self, op: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Value, ...]:
        return self.builder.results(op, *inputs, **attributes)

    def with_parameters(
        self, op: str, inputs: Sequence[Any], parameters: Parameters, attributes: Mapping[str, Any], id: str
    ) -> Value:
        record = REGISTRY[op]
        assert record.parameters
        own = {k: a.default for k, a in record.attributes.items() if not a.required} | dict(attributes)
        declared = record.parameters(*(value.type for value in inputs), **own)
        values = [self.held(parameters[each.name], each.permutation) for each in declared]
        return self.builder.add(op, *inputs, *values, **own)

    def held(self, given: tuple[str, Any, tuple[int, ...] | None], permutation: tuple[int, ...] | None) -> Value:
        """A parameter in the layout that the op holds it in, whether it is a constant or computed."""
        value: Any = given[1]
        order = given[2]
        if isinstance(value, np.ndarray):
            array = cast("np.ndarray", value)
            return self.constant(array if permutation is None else array.transpose(permutation), "")
        if order is not None:
            value = self.transpose(value, tuple(axis for axis in order if axis >= 0))
            shape = iter(value.type.shape)
            value = self.reshape(value, tuple(next(shape) if axis >= 0 else 1 for axis in order))
        return value if permutation is None else self.transpose(value, permutation)

    def constant(self, array: np.ndarray, id: str) -> Value:
        array = as_int32(array) if array.dtype.kind in "iu" else array
        dtype = {"float32": "float32", "float64": "float64", "int32": "int32", "bool": "bool"}.get(str(array.dtype))
        if dtype is None:
            raise Unreadable(f"a constant of {array.dtype}, which nngraph does not have")
        return self.builder.add("constant", value=np.ascontiguousarray(array).reshape(array.shape), dtype=dtype)

    def reshape(self, value: Value, shape: Shape) -> Value:
        return value if value.type.shape == shape else self.builder.add("view", value, shape=tuple(shape))

    def transpose(self, value: Value, axes: tuple[int, ...]) -> Value:
        return self.builder.add("transpose", value, axes=axes)
