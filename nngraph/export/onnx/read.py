"""An ONNX file becomes a declared graph and its parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nngraph.declare.graph import Graph
from nngraph.errors import DeclarationError, Errors, OptionError
from nngraph.export.onnx.nodes import Nodes, nodes_of, recognize
from nngraph.export.onnx.open import open_model
from nngraph.export.onnx.protocol import DTYPES
from nngraph.export.onnx.reader import GraphReader, Tensor, channels_last, read_nodes
from nngraph.export.onnx.restore import classes_of, restored
from nngraph.export.onnx.targets import DeclaredTarget, legal
from nngraph_kernels.record import record

LAYOUTS = ("nhwc", "nchw")
IMAGE_OPERATORS = {
    "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "Resize", "Upsample",
    "GroupNormalization",
}  # fmt: skip
INDIFFERENT = {
    "Relu", "LeakyRelu", "PRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Gelu", "Clip", "Add", "Sub", "Mul", "Div",
    "Sum", "Max", "Min", "Sqrt", "Exp", "Log", "Abs", "Neg", "Dropout", "Identity", "Cast", "nngraph:dropout",
    "nngraph:gelu", "nngraph:silu", "nngraph:square",
}  # fmt: skip


@record(eq=False)
class Imported:
    """What a file says.

    Attributes
    ----------
    graph : Graph
    parameters : dict of str to ndarray
        Parameters and running statistics by ``<node>.<parameter>``, in public layouts.
    dtype : str
        What "float" is.
    classes : tuple of str
        Names of the classes that the model tells apart, where the file has them.
    """

    graph: Graph
    parameters: dict[str, np.ndarray]
    dtype: str
    classes: tuple[str, ...] = ()


def read_onnx(path: Path, layout: str = "nhwc", *, metadata: bool = True) -> Imported:
    """Read a file.

    Parameters
    ----------
    path : Path
    layout : {"nhwc", "nchw"}
        How images that enter or leave the graph have their axes: as nngraph's, or as the file's convolutions do.
    metadata : bool
        Whether composites and defaults for training are taken from the metadata that nngraph writes, where the nodes
        say the same.

    Raises
    ------
    DeclarationError
        If the file cannot be read, or is not to be trusted.
    Errors
        With a line for each node that cannot be read.
    """
    if layout not in LAYOUTS:
        raise OptionError(f"layout: '{layout}' given, one of {', '.join(LAYOUTS)} expected")
    model = open_model(path)
    try:
        return imported(nodes_of(model), layout, metadata)
    except Errors as error:
        raise Errors([f"{path}: {message}" for message in error.messages]) from error.__cause__
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}") from error.__cause__


def imported(nodes: Nodes, layout: str, metadata: bool) -> Imported:
    """What the nodes say, and the metadata where it says the same."""
    name = nodes.name if nodes.name.isprintable() and 0 < len(nodes.name) <= 200 else "imported"
    recognize(nodes)
    target = DeclaredTarget(name)
    reader = GraphReader(target, nodes.constants)
    dtype = declare_inputs(reader, target, nodes, layout)
    read_nodes(reader, nodes)
    if reader.problems:
        raise Errors(reader.problems)
    declare_outputs(reader, target, nodes, layout)
    found = Imported(target.graph, {k: x.astype(dtype) for k, x in target.parameters.items()}, dtype)
    if not metadata:
        return found
    return replace(found, graph=restored(found.graph, nodes.properties), classes=classes_of(nodes.properties))


def declare_inputs(reader: GraphReader, target: DeclaredTarget, nodes: Nodes, layout: str) -> str:
    """Inputs with their first axis as the batch; the dtype of the floats among them."""
    dtypes: list[str] = []
    for info in nodes.inputs:
        shape, dtype = shape_of(info), dtype_of(info)
        dtypes += [dtype] if dtype.startswith("float") else []
        id = target.id_for(info.name)
        sizes, axes = shape[1:], tuple(range(len(shape)))
        if layout == "nhwc" and len(shape) == 4 and enters_as_image(nodes, info.name):
            sizes, axes = [shape[2], shape[3], shape[1]], channels_last(4)
        for size in sizes:
            if not isinstance(size, int) or size < 1:
                raise DeclarationError(f"input '{info.name}': sizes {shape} given, numbers behind the batch expected")
        value = target.graph.input(id, sizes, "float" if dtype.startswith("float") else dtype)
        reader.tensors[info.name] = Tensor(value, axes)
        if reader.file_batch is None and isinstance(shape[0], int):
            reader.file_batch = shape[0]
    kinds = set(dtypes) or {str(x.dtype) for x in nodes.constants.values() if x.dtype.kind == "f"} & {"float64"}
    return "float64" if "float64" in kinds else "float32"


def shape_of(info: Any) -> list[Any]:
    """Sizes; names where they are free, None where nothing is said."""
    if not info.type.HasField("tensor_type"):
        raise DeclarationError(f"input '{info.name}': a tensor expected, {info.type.WhichOneof('value')} given")
    if not info.type.tensor_type.HasField("shape") or not info.type.tensor_type.shape.dim:
        raise DeclarationError(f"input '{info.name}': a shape with the batch as its first axis expected, none given")
    return [
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in info.type.tensor_type.shape.dim
    ]


def dtype_of(info: Any) -> str:
    code = info.type.tensor_type.elem_type
    if code not in DTYPES:
        expected = "float, double, int32, int64 or bool"
        raise DeclarationError(f"input '{info.name}': {expected} expected, ONNX's data type {code} given")
    return DTYPES[code]


def enters_as_image(nodes: Nodes, tensor: str) -> bool:
    """Whether the first nodes on all ways that care where its channels are expect them behind the batch."""
    found: list[bool] = []
    waiting, seen = [tensor], {tensor}
    consumers: dict[str, list[Any]] = {}
    for node in nodes.nodes:
        for name in node.inputs:
            consumers.setdefault(name, []).append(node)
    while waiting:
        for node in consumers.get(waiting.pop(), ()):
            if node.operator in INDIFFERENT:
                waiting += [name for name in node.outputs if name not in seen]
                seen.update(node.outputs)
            else:
                found.append(node.operator in IMAGE_OPERATORS)
    return bool(found) and all(found)


def declare_outputs(reader: GraphReader, target: DeclaredTarget, nodes: Nodes, layout: str) -> None:
    """Outputs by their names; images as they are held, or in ONNX's order of axes."""
    for info in nodes.outputs:
        reader.name = target.id_for(info.name)
        value, axes = reader.axes(info.name)
        if layout == "nchw" or axes != channels_last(4):
            value = reader.plain(info.name)
        target.graph.output(value, name=legal(info.name))
