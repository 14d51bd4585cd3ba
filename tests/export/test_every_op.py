"""Each op's samples as ONNX graphs: onnxruntime gives what the reference gives, and reading them too."""

import dataclasses

import numpy as np
import pytest

from nngraph.errors import Errors
from nngraph.export.onnx.nodes import nodes_of, readings, recognize
from nngraph.export.onnx.reader import GraphReader, Tensor, read_nodes
from nngraph.export.onnx.targets import StaticTarget
from nngraph.export.onnx.write import kept, model_proto
from nngraph.ir.builder import Builder
from nngraph.ir.exchange import Onnx
from nngraph.ir.graph import Graph, State, Value
from nngraph.ir.interpret import interpret
from nngraph.ir.op import REGISTRY, Absent
from nngraph.ir.types import TensorType
from nngraph.ops.records import EXPANDED
from tests.export.running import ask_onnxruntime
from tests.ops import cases

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
# What onnxruntime has no kernel for, by ONNX operator and dtype.
NO_KERNEL = ("NOT_IMPLEMENTED", "Could not find an implementation")
# Attributes of ONNX are of 32 bits, and the constants of onnxruntime's formula for Gelu are, too.
ROUGH = {"leaky_relu": 1e-7, "elu": 1e-7, "gelu": 1e-7}


def written(op):
    """Whether nodes of the op are written, as themselves or as what they expand into."""
    return isinstance(op.onnx, Onnx) or op.onnx is EXPANDED


def graph_of(case):
    """The op as a graph of fixed sizes, and arrays for its parameters."""
    b = Builder(training=False, dtype=case.dtype, keep=kept)
    inputs = [Value(f"x{k}", type) for k, type in enumerate(case.types)]
    declared = case.op.parameters(*case.types, **case.attributes) if case.op.parameters else ()
    states = []
    for parameter, array in zip(declared, case.held, strict=True):
        old = Value(f"node.{parameter.name}", TensorType(array.shape, case.dtype))
        states.append(State(old.name, "parameter", old, old, 0, permutation=parameter.permutation))
        b.states[old.name] = states[-1]
    values = [*inputs, *(state.old for state in states)]
    if case.op.expand and not kept(case.op):
        expanded = case.op.expand(b, *values, **case.attributes)
        results = expanded if isinstance(expanded, tuple) else (expanded,)
    else:
        results = b.append(case.op, values, case.op.result_types(case.types, case.attributes), case.attributes, "node")
    outputs = tuple((f"y{k}", value) for k, value in enumerate(results))
    arrays = dict(zip((state.name for state in states), case.parameters, strict=True))
    return Graph("case", tuple(inputs), tuple(b.nodes), outputs, tuple(states)), arrays


def model_of(case, opset=17, layout="nhwc"):
    graph, arrays = graph_of(case)
    if spreads(case):
        with pytest.raises(Errors, match="values spread out in steps have no operator in ONNX"):
            model_proto(graph, arrays, opset=opset, layout=layout)
        pytest.skip("values spread out in steps are of gradients alone")
    return model_proto(graph, arrays, opset=opset, layout=layout)


def spreads(case):
    return case.op.name == "place" and set(case.attributes["steps"]) != {1}


@pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in REGISTRY.values()])
def test_the_facet_is_there(op):
    assert isinstance(op.onnx, (Onnx, Absent)), f"{op.name}: onnx=Onnx(...) or Absent(reason) expected"
    if isinstance(op.onnx, Onnx):
        assert op.onnx.write or op.expand
        assert all(reading.first <= reading.last for reading in op.onnx.read.values())


def test_each_operator_is_read_by_one_op():
    found = [name for op in REGISTRY.values() if isinstance(op.onnx, Onnx) for name in op.onnx.read]
    assert len(found) == len(set(found)) == len(readings())


@pytest.mark.parametrize("opset", [17, 21])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "sample"), cases.samples(written))
def test_onnxruntime_computes_the_reference(op, sample, dtype, opset):
    case = draw(op, sample, dtype)
    model = model_of(case, opset)
    assert {each.version for each in model.opset_import} == {opset}
    names = {value.name for value in model.graph.input}
    given = {f"x{k}": array for k, array in enumerate(case.arrays) if f"x{k}" in names}
    try:
        found = ask_onnxruntime(model.SerializeToString(), given)
    except Exception as error:
        if not any(reason in str(error) for reason in NO_KERNEL):
            raise
        pytest.skip(f"onnxruntime: {str(error).splitlines()[0][:100]}")
    tolerance = max(TOLERANCE[dtype], ROUGH.get(op.name, 0))
    for k, expected in enumerate(case.references()):
        cases.assert_close(found[f"y{k}"], expected.astype(found[f"y{k}"].dtype), tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "sample"), cases.samples(written))
def test_what_is_written_is_read_back(op, sample, dtype):
    """Into a graph of fixed sizes, which the interpreter runs."""
    case = draw(op, sample, dtype)
    nodes = nodes_of(model_of(case))
    recognize(nodes)
    reader = GraphReader(StaticTarget(dtype), nodes.constants)
    inputs = [Value(f"x{k}", type) for k, type in enumerate(case.types)]
    for value in inputs:
        reader.tensors[value.name] = Tensor(value, tuple(range(value.type.rank)))
    read_nodes(reader, nodes)
    assert not reader.problems
    outputs = tuple((info.name, reader.plain(info.name)) for info in nodes.outputs)
    graph = Graph("read", tuple(inputs), tuple(reader.target.builder.nodes), outputs)
    found, _ = interpret(graph, {f"x{k}": array for k, array in enumerate(case.arrays)})
    for k, expected in enumerate(case.references()):
        cases.assert_close(found[f"y{k}"], expected.astype(found[f"y{k}"].dtype), TOLERANCE[dtype])


def draw(op, sample, dtype):
    """The case; attributes of a dtype of their own as they are, floats of the case's."""
    case = cases.draw_case(op, sample, dtype)
    return dataclasses.replace(case, arrays=[np.ascontiguousarray(x) for x in case.arrays])
