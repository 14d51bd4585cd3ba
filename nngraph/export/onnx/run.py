"""Any ONNX model as a graph of fixed sizes, compiled by nngraph's own stages and run by its own kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngraph.compiler import PIPELINE, Compilation
from nngraph.declare.graph import Graph as DeclaredGraph
from nngraph.errors import DeclarationError, Errors
from nngraph.export.onnx.nodes import Nodes, nodes_of, recognize
from nngraph.export.onnx.reader import GraphReader, Tensor, read_nodes
from nngraph.export.onnx.targets import NeedsValue, StaticTarget, as_int32
from nngraph.ir.exchange import Unreadable
from nngraph.ir.graph import Graph, Value
from nngraph.ir.types import TensorType
from nngraph.programs import Programs, scheduled

STAGES = ("optimize", "schedule", "emit")
INT64 = 7


@dataclass(slots=True)
class Prepared:
    """A model that can be run again and again; it is compiled for the shapes that it is given.

    Attributes
    ----------
    model : onnx.ModelProto
        Checked.
    programs : dict
        What has been compiled, by the shapes of the inputs and the values of those that must be known before.
    """

    model: Any
    threads: int | None = None
    programs: dict[Any, tuple[Programs, Graph]] = field(default_factory=dict[Any, "tuple[Programs, Graph]"])
    fixed: set[str] = field(default_factory=set[str])

    def input_names(self) -> list[str]:
        """Of the inputs that are no initializers."""
        own = {tensor.name for tensor in self.model.graph.initializer}
        return [each.name for each in self.model.graph.input if each.name not in own]

    def run(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs, in order, of their ONNX types.

        Raises
        ------
        Errors
            With a line for each node that nngraph has nothing for.
        DeclarationError
            If an input is missing, or its integers do not fit into 32 bits.
        """
        given = {name: checked(name, inputs) for name in self.input_names()}
        programs, graph = self.compiled(given)
        own = {value.name: given[value.name] for value in graph.inputs}
        found = programs.call("predict", own, 1)
        return [
            found[f"output{k}"].astype(NUMPY.get(info.type.tensor_type.elem_type, found[f"output{k}"].dtype))
            for k, info in enumerate(self.model.graph.output)
        ]

    def compiled(self, given: Mapping[str, np.ndarray]) -> tuple[Programs, Graph]:
        """The program for inputs of these shapes; values that shapes depend on are built into it."""
        while True:
            known = {name: given[name] for name in sorted(self.fixed)}
            shapes = {name: (x.shape, str(x.dtype)) for name, x in given.items() if name not in known}
            key = (tuple(shapes.items()), tuple((name, x.shape, x.tobytes()) for name, x in known.items()))
            try:
                if key not in self.programs:
                    graph = static_graph(nodes_of(self.model), given, known)
                    self.programs[key] = (compiled(graph, self.threads), graph)
                return self.programs[key]
            except NeedsValue as needed:
                if needed.tensor not in given or needed.tensor in self.fixed:
                    raise DeclarationError(f"tensor '{needed.tensor}': a constant or an input expected") from None
                self.fixed.add(needed.tensor)


NUMPY = {1: np.float32, 11: np.float64, 6: np.int32, INT64: np.int64, 9: np.bool_}


def checked(name: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """An input as nngraph takes it: integers in 32 bits, if they fit."""
    if name not in inputs:
        raise DeclarationError(f"input '{name}': none given; it has no default")
    array = np.asarray(inputs[name])
    if str(array.dtype) not in ("float32", "float64", "int32", "int64", "bool"):
        raise DeclarationError(f"input '{name}': {array.dtype} given; nngraph has float32, float64, int32 and bool")
    try:
        return as_int32(array) if array.dtype == np.int64 else array
    except Unreadable as error:
        raise DeclarationError(f"input '{name}': {error}") from None


def static_graph(nodes: Nodes, given: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray]) -> Graph:
    """The graph for inputs of these shapes."""
    target = StaticTarget("float64" if any(x.dtype == np.float64 for x in given.values()) else "float32")
    recognize(nodes)
    reader = GraphReader(target, {**nodes.constants, **known})
    inputs = [Value(name, TensorType(x.shape, str(x.dtype))) for name, x in given.items() if name not in known]
    target.builder.taken |= dict.fromkeys(given, 1)
    for value in inputs:
        reader.tensors[value.name] = Tensor(value, tuple(range(value.type.rank)))
    read_nodes(reader, nodes)
    if reader.problems:
        raise Errors(reader.problems)
    outputs = [(f"output{k}", made(reader, info.name)) for k, info in enumerate(nodes.outputs)]
    return Graph(nodes.name, tuple(inputs), tuple(target.builder.nodes), tuple(outputs))


def made(reader: GraphReader, name: str) -> Value:
    """An output as the result of a node: an input or a constant is copied."""
    value = reader.plain(name)
    return reader.help("identity", value)


def compiled(graph: Graph, threads: int | None = None) -> Programs:
    """The program of a graph, by the stages behind lowering."""
    programs = Programs(DeclaredGraph(graph.name).declaration(), threads=threads)
    c = Compilation(programs.declared, "predict", threads=programs.thread_count, cache=programs.cache, graph=graph)
    for stage in PIPELINE:
        if stage.name in STAGES:
            stage.run(c, None)
    programs.compiled["predict"] = c
    programs.store.ensure(scheduled(c).graph.states)  # what is made of constants alone, once
    return programs
