"""A graph becomes an ONNX model: every node by the record of its op, checked as a whole before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import nngraph
from nngraph.errors import DeclarationError, Errors, OptionError
from nngraph.export.onnx.protocol import CODES, IR_VERSIONS, NEWEST, OLDEST, onnx_package, tensor_proto
from nngraph.export.onnx.writer import IMAGE, PLAIN, GraphWriter, Written, dims_of
from nngraph.ir.exchange import onnx_of
from nngraph.ir.graph import Graph, Node, Value
from nngraph.ir.op import Op
from nngraph.ops.onnx.direct import write_expression

LAYOUTS = ("nhwc", "nchw")
LIMIT = 2**31 - 1  # bytes of a protocol buffer


def kept(op: Op) -> bool:
    """Whether a composite is written as it is, and not as what it expands into."""
    mapping = onnx_of(op.onnx)
    return mapping is not None and mapping.write is not None


def model_proto(
    graph: Graph, arrays: Mapping[str, np.ndarray], *, opset: int = OLDEST, layout: str = "nhwc",
    metadata: Mapping[str, str] | None = None, standardized: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Any:  # fmt: skip
    """The ONNX model of a graph for inference.

    Parameters
    ----------
    graph : Graph
        Lowered with `keep=kept`.
    arrays : mapping of str to ndarray
        The states in public layouts.
    opset : int
        17 to 21.
    layout : {"nhwc", "nchw"}
        Where images that enter or leave have their channels.
    metadata : mapping of str to str
        More entries for the file.
    standardized : mapping of str to (ndarray, ndarray)
        Means and deviations of inputs that are standardized first.

    Returns
    -------
    onnx.ModelProto
        Passed by `onnx.checker` with its full check.

    Raises
    ------
    OptionError
        If an option is outside of what is accepted, or the model too large for one file.
    Errors
        With a line for each node that ONNX has no words for.
    """
    check_options(opset, layout)
    wanted = {"nhwc": PLAIN, "nchw": IMAGE}[layout]
    writer = GraphWriter(opset, {state.name: state for state in graph.states}, arrays)
    writer.reserve([value.name for value in graph.values()] + [name for name, _ in graph.outputs])
    for value in graph.inputs:
        form = wanted if value.type.rank == 4 else PLAIN
        writer.forms[value] = {form: value.name}
        if standardized and value.name in standardized:
            writer.forms[value] = {form: write_standardized(writer, value, form, *standardized[value.name])}
    write_nodes(writer, live(graph))
    writer.finish(graph.outputs, lambda value: wanted if value.type.rank == 4 else PLAIN)
    return checked(assemble(graph, writer, wanted, metadata or {}))


def check_options(opset: int, layout: str) -> None:
    if opset not in IR_VERSIONS:
        raise OptionError(f"opset: {opset} given, {OLDEST} to {NEWEST} expected")
    if layout not in LAYOUTS:
        raise OptionError(f"layout: '{layout}' given, one of {', '.join(LAYOUTS)} expected")


def live(graph: Graph) -> list[Node]:
    """The nodes that the outputs depend on, in order."""
    needed = {value for _, value in graph.outputs}
    found: list[Node] = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.results):
            needed.update(node.inputs)
            found.append(node)
    return found[::-1]


def write_standardized(writer: GraphWriter, value: Value, form: str, mean: np.ndarray, std: np.ndarray) -> str:
    """(x − mean) / deviation, which broadcast against an example."""
    writer.current, tensor = value.name, value.name
    for operator, array in (("Sub", mean), ("Div", std)):
        array = np.asarray(array, value.type.dtype)
        if form == IMAGE:
            array = np.moveaxis(array.reshape((1,) * (3 - array.ndim) + array.shape), -1, 0)
        tensor = writer.add(operator, tensor, writer.constant(array))
    return tensor


def write_nodes(writer: GraphWriter, nodes: Iterable[Node]) -> None:
    """Each by its op's record; what cannot be written is told all at once."""
    problems: list[str] = []
    unknown: set[Value] = set()
    for node in nodes:
        if not unknown.isdisjoint(node.inputs):
            unknown.update(node.results)
            continue
        writer.current = node.id
        try:
            write_node(writer, node)
        except ValueError as error:
            problems.append(f"node '{node.id}' ({node.op.name}): cannot be written to ONNX: {error}")
            unknown.update(node.results)
    if problems:
        raise Errors(problems)


def write_node(writer: GraphWriter, node: Node) -> None:
    mapping = onnx_of(node.op.onnx)
    if mapping is not None and mapping.write is not None:
        mapping.write(writer, node)
    elif node.op.name == "constant":
        name = writer.constant(np.asarray(node.attributes["value"], node.result.type.dtype), node.id)
        writer.forms[node.result] = {PLAIN: name}
    elif node.op.expr is not None and node.op.onnx is None:  # an op of the user's own
        write_expression(writer, node)
    else:
        reason = getattr(node.op.onnx, "reason", "")
        raise ValueError(reason or "its record has no onnx, no expr and no expand to go by; give it one")


def assemble(graph: Graph, writer: GraphWriter, wanted: str, metadata: Mapping[str, str]) -> Any:
    """Everything in one protocol buffer."""
    helper = onnx_package("helper")
    nodes = [node_proto(helper, node) for node in writer.nodes]
    used = {name for node in writer.nodes for name in node.inputs} | {name for name, _ in graph.outputs}
    initializers = [tensor_proto(array, name) for name, array in writer.initializers.items() if name in used]
    inputs = [value_info(helper, value.name, value, wanted) for value in graph.inputs]
    outputs = [value_info(helper, name, value, wanted) for name, value in graph.outputs]
    body = helper.make_graph(nodes, graph.name, inputs, outputs, initializers)
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", writer.opset)], ir_version=IR_VERSIONS[writer.opset],
        producer_name="nngraph", producer_version=nngraph.__version__,
    )  # fmt: skip
    helper.set_model_props(model, {"nngraph.version": nngraph.__version__, **metadata})
    return model


def node_proto(helper: Any, node: Written) -> Any:
    inputs = node.inputs
    while inputs and not inputs[-1]:
        inputs = inputs[:-1]
    return helper.make_node(node.operator, inputs, [node.output], name=node.name, **node.attributes)


def value_info(helper: Any, name: str, value: Value, wanted: str) -> Any:
    shape = list(value.type.shape)
    if wanted == IMAGE and len(shape) == 4:
        shape = [shape[0], shape[3], shape[1], shape[2]]
    return helper.make_tensor_value_info(name, CODES[value.type.dtype], dims_of(shape))


def checked(model: Any) -> Any:
    """The model, if onnx's own checker finds nothing wrong, shapes included."""
    size = model.ByteSize()
    if size > LIMIT:
        raise OptionError(f"model: {size:,} bytes, more than the {LIMIT:,} that one ONNX file may hold")
    checker = onnx_package("checker")
    try:
        checker.check_model(model, full_check=True)
    except (checker.ValidationError, onnx_package("shape_inference").InferenceError) as error:
        raise DeclarationError(f"model: ONNX's checker refuses it: {' '.join(str(error).split())}") from error
    return model


def save(model: Any, path: Path) -> None:
    """Write the file, which is there entirely or not at all."""
    from nngraph.train.checkpoint import temporary

    try:
        with temporary(path) as name:
            Path(name).write_bytes(model.SerializeToString())
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error.strerror}); check the folder") from None
