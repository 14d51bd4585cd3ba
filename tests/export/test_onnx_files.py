"""Files that nobody vouches for: each is refused with a line that says why, and nothing outside is read."""

import json
import os
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nngraph as ng
from nngraph.export.onnx import fold, reader
from nngraph.export.onnx import open as opening
from nngraph.export.onnx.read import read_onnx
from tests.export.models import FLOAT, info, model, perceptron, saved


def external(made, location, **entries):
    """The model with the data of its first tensor elsewhere."""
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return made


def refused(path, message):
    with pytest.raises(ng.DeclarationError, match=message) as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value)


def test_data_beside_the_model_is_read(tmp_path):
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(b"head" * 2 + weight.tobytes())
    found = read_onnx(saved(external(perceptron(), "sub/w.bin", offset=8, length=24), tmp_path))
    np.testing.assert_array_equal(found.parameters["layer.weight"], weight.T)


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "sub/../../w.bin", "", "..\\w.bin"])
def test_data_outside_of_the_folder_is_refused(location, tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(24))
    inner = tmp_path / "inner"
    inner.mkdir()
    refused(saved(external(perceptron(), location), inner), "tensor 'w': its data is said to be in '.*', a file in the")


def test_links_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "w.bin").write_bytes(bytes(24))
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "w.bin").symlink_to(secret / "w.bin")
    (inner / "sub").symlink_to(secret)
    refused(saved(external(perceptron(), "w.bin"), inner), "'w.bin', which is a symbolic link")
    refused(saved(external(perceptron(), "sub/w.bin"), inner), "'sub/w.bin', which is a symbolic link")
    (inner / "link.onnx").symlink_to(saved(perceptron(), tmp_path))
    refused(inner / "link.onnx", "is a symbolic link, a file expected")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"length": 4}, "4 bytes from 0 given, 24 expected"),
        ({"offset": -1}, "from -1 given"),
        ({"offset": 4}, "ends before its 24 bytes from 4"),
        ({"offset": "one"}, "is no number"),
    ],
)
def test_external_data_is_of_the_tensors_size(entries, message, tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(24))
    refused(saved(external(perceptron(), "w.bin", **entries), tmp_path), message)


def test_a_file_that_is_not_there(tmp_path):
    refused(saved(external(perceptron(), "none.bin"), tmp_path), "'none.bin', which is no file")
    refused(tmp_path / "none.onnx", "no such file")
    refused(tmp_path, "cannot be read")


def test_no_size_is_believed(tmp_path, monkeypatch):
    made = perceptron()
    made.graph.initializer[0].dims[0] = 2**40
    refused(saved(made, tmp_path), r"tensor 'w': is of 8,796,093,022,208 bytes, at most 2,147,483,648 expected")
    made.graph.initializer[0].dims[0] = 4
    refused(saved(made, tmp_path), r"tensor 'w': sizes \[4, 2\] need 32 bytes, 24 bytes given")
    made.graph.initializer[0].dims[0] = -3
    refused(saved(made, tmp_path), "sizes of at least 0 expected")
    made = perceptron()
    made.graph.initializer[0].ClearField("raw_data")
    made.graph.initializer[0].float_data.extend([1.0, 2.0])
    refused(saved(made, tmp_path), r"sizes \[3, 2\] given, but 2 values")
    monkeypatch.setattr(opening, "LARGEST", 100)
    refused(saved(perceptron(), tmp_path), "at most 100 expected")


def test_constants_that_would_grow_are_refused(tmp_path):
    """A node of a few bytes may ask for more memory than there is."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"], name="bomb"),
        helper.make_node("Add", ["x", "large"], ["y"]),
    ]
    made = model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], shape=np.array([2**20, 2**20]))
    refused(saved(made, tmp_path), "node 'bomb': operator 'ConstantOfShape' .* larger than any tensor may be")
    nodes[0] = helper.make_node("Range", ["low", "high", "step"], ["large"], name="bomb")
    ends = {"low": np.array(0), "high": np.array(2**50), "step": np.array(1)}
    refused(saved(model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], **ends), tmp_path), "larger than any")
    ends["step"] = np.array(0)
    refused(saved(model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], **ends), tmp_path), "do not fit together")


@pytest.mark.parametrize(
    ("operator", "sizes", "attributes"),
    [("Mul", [(20, 1), (1, 20)], {}), ("Concat", [(1, 60)] * 5, {"axis": 0})],
)
def test_tables_of_constants_that_would_grow_are_refused(operator, sizes, attributes, tmp_path, monkeypatch):
    monkeypatch.setattr(fold, "LARGEST", 800)
    nodes = [helper.make_node("ConstantOfShape", [f"shape{k}"], [f"c{k}"]) for k in range(len(sizes))]
    nodes += [helper.make_node(operator, [f"c{k}" for k in range(len(sizes))], ["big"], **attributes)]
    nodes += [helper.make_node("Add", ["x", "big"], ["y"])]
    shapes = {f"shape{k}": np.array(size) for k, size in enumerate(sizes)}
    made = model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], **shapes)
    refused(saved(made, tmp_path), f"operator '{operator}' .* larger than any tensor may be")


def test_constants_are_limited_together(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "LARGEST", 100)
    nodes = [helper.make_node("ConstantOfShape", ["shape"], [f"c{k}"]) for k in range(3)]
    nodes += [helper.make_node("Add", ["x", f"c{k}"], [f"y{k}"]) for k in range(3)]
    made = model(nodes, [info("x", ["n", 10])], [info("y0", ["n", 10])], shape=np.array([1, 10]))
    refused(saved(made, tmp_path), "constants that are computed need more than 100 bytes together")


def test_a_mirror_of_any_size_is_refused(tmp_path):
    pad = helper.make_node("Pad", ["x", "widths"], ["y"], mode="edge")
    made = model([pad], [info("x", ["n", 3])], [info("y", ["n", "m"])], widths=np.array([0, 0, 0, 2**40]))
    refused(saved(made, tmp_path), "at most 4096 elements around an axis expected, 1099511627776 given")


def test_the_largest_of_three_constants(tmp_path):
    arrays = {name: np.array([number], np.float32) for name, number in {"a": 1, "b": 2, "c": 3}.items()}
    nodes = [helper.make_node("Max", ["a", "b", "c"], ["most"]), helper.make_node("Mul", ["x", "most"], ["h"])]
    nodes += [helper.make_node("Add", ["h", "c"], ["y"])]
    found = read_onnx(saved(model(nodes, [info("x", ["n", 2])], [info("y", ["n", 2])], **arrays), tmp_path)).graph
    assert [node["inputs"] for node in json.loads(found.to_json())["nodes"]] == [["x", 3.0], [ANY, 3.0]]


def test_tensors_of_other_types(tmp_path):
    refused(saved(perceptron(b=np.zeros(2, np.complex64)), tmp_path), "ONNX's data type 14|no valid ONNX model")
    made = perceptron()
    made.graph.initializer[1].CopyFrom(helper.make_tensor("b", TensorProto.STRING, [2], [b"a", b"b"]))
    refused(saved(made, tmp_path), "tensor 'b': holds strings")
    sparse = made.graph.sparse_initializer.add()
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    refused(saved(made, tmp_path), "tensor 's': is sparse")


def test_what_is_no_model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 40)
    refused(tmp_path / "model.onnx", "is no ONNX model")
    (tmp_path / "model.onnx").write_bytes(perceptron().SerializeToString()[:-20])
    refused(tmp_path / "model.onnx", "is no ONNX model")
    made = perceptron()
    made.graph.node[0].input[0] = "nothing"
    refused(saved(made, tmp_path), "is no valid ONNX model")


def test_metadata_is_not_believed(tmp_path):
    """It is taken only where it says what the nodes say."""
    g = ng.Graph("honest")
    g.output(g.linear(g.relu(g.input("x", shape=(3,))), 2, name="scores"))
    g.training = {"epochs": 3}
    path = tmp_path / "model.onnx"
    ng.compile(g).export(path)
    made = onnx.load(path)
    for entry in made.metadata_props:
        if entry.key == "nngraph.nodes":
            entry.value = entry.value.replace('"relu"', '"tanh"')
        if entry.key == "nngraph.training":
            entry.value = '{"epochs": -3}'
    found = read_onnx(saved(made, tmp_path, "forged.onnx"))
    assert [node["op"] for node in found.graph.wiring.nodes.values()] == ["input", "relu", "linear"]
    assert not found.graph.training
    for text in ("[", "7", '{"a": 1}', '[{"id": 1}]', "[[[[", '[{"id": "scores", "op": "linear", "inputs": ["y"]}]'):
        for entry in made.metadata_props:
            entry.value = text
        found = read_onnx(saved(made, tmp_path, "forged.onnx"))
        assert [node["op"] for node in found.graph.wiring.nodes.values()] == ["input", "relu", "linear"]


def test_inputs_that_no_graph_has(tmp_path):
    made = perceptron()
    made.graph.input[0].CopyFrom(info("x", ["n", "features"]))
    refused(saved(made, tmp_path), "input 'x': sizes .* given, numbers behind the batch expected")
    made.graph.input[0].CopyFrom(info("x", ["n", 3], TensorProto.FLOAT16))
    refused(saved(made, tmp_path), "input 'x': float, double, int32, int64 or bool expected")
    made.graph.input[0].CopyFrom(info("x", []))
    refused(saved(made, tmp_path), "input 'x': a shape with the batch as its first axis expected")
    assert made.graph.input[0].type.tensor_type.elem_type == FLOAT


DAMAGED = [
    ("Conv", {"strides": [0, 1]}), ("Conv", {"pads": [1]}), ("Conv", {"kernel_shape": [3]}), ("Conv", {"group": 7}),
    ("Conv", {"strides": [2**62, 1]}), ("Conv", {"dilations": [-1, -1]}), ("Conv", {"pads": [-5, -5, -5, -5]}),
    ("MaxPool", {"kernel_shape": [0, 0]}), ("MaxPool", {"kernel_shape": [2**40, 2]}), ("MaxPool", {}),
    ("Reshape", {}), ("Transpose", {"perm": [3, 0, 1, 2]}), ("Softmax", {"axis": 9}), ("Concat", {"axis": 0}),
    ("ReduceMean", {"axes": [0]}), ("Squeeze", {}), ("Flatten", {"axis": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "attributes"), DAMAGED)
def test_nodes_that_do_not_fit_are_told(operator, attributes, tmp_path):
    weights = {"w": np.ones((4, 2, 3, 3), np.float32)} if operator == "Conv" else {}
    node = helper.make_node(operator, ["x", *weights], ["y"], name="damaged", **attributes)
    made = model([node], [info("x", ["n", 2, 6, 6])], [info("y", None)], **weights)
    with pytest.raises(ng.DeclarationError) as caught:
        read_onnx(saved(made, tmp_path))
    assert "node 'damaged'" in str(caught.value) or "no valid ONNX model" in str(caught.value)
    assert "\n" not in str(caught.value)


GROWING = {
    "OneHot": ([helper.make_node("OneHot", ["x", "depth", "values"], ["y"], name="grow")], {
        "depth": np.array(2**40), "values": np.array([0.0, 1.0], np.float32)}),
    "Pad": ([helper.make_node("Pad", ["x", "widths"], ["y"], name="grow")], {
        "widths": np.array([0, 0, 0, 0, 0, 0, 2**20, 2**20])}),
    "Resize": ([helper.make_node("Resize", ["x", "", "scales"], ["y"], name="grow", mode="nearest",
                                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")], {
        "scales": np.array([1, 1, 2**16, 2**16], np.float32)}),
    "Expand": ([helper.make_node("Expand", ["x", "shape"], ["y"], name="grow")], {
        "shape": np.array([1, 2**20, 2**10, 2**10])}),
    "MatMul": ([helper.make_node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
                helper.make_node("MatMul", ["t", "x"], ["y"], name="grow")], {}),
}  # fmt: skip


@pytest.mark.parametrize("operator", GROWING)
def test_results_that_would_be_huge_are_refused_by_node(operator, tmp_path):
    """A few bytes of a file ask for more memory than there is."""
    nodes, arrays = GROWING[operator]
    dtype, shape = (TensorProto.INT32, ["n", 3]) if operator == "OneHot" else (FLOAT, ["n", 1, 1, 1])
    if operator == "MatMul":
        shape = ["n", 1, 1, 2**16]
    made = model(nodes, [info("x", shape, dtype)], [info("y", None)], **arrays)
    del made.graph.output[0].type.tensor_type.shape.dim[:]
    refused(saved(made, tmp_path), f"node 'grow': operator '{operator}' .* larger than any tensor may be")


def test_an_old_upsample_too(tmp_path):
    node = helper.make_node("Upsample", ["x", "scales"], ["y"], name="grow", mode="nearest")
    scales = np.array([1, 1, 2**16, 2**16], np.float32)
    made = model([node], [info("x", ["n", 1, 1, 1])], [info("y", ["n", 1, "h", "w"])], opset=9, scales=scales)
    refused(saved(made, tmp_path), "node 'grow': operator 'Upsample' .* larger than any tensor may be")


def test_tensors_are_limited_together(tmp_path, monkeypatch):
    """A file of data may be that of many tensors."""
    (tmp_path / "w.bin").write_bytes(bytes(24))
    made = external(perceptron(), "w.bin")
    monkeypatch.setattr(opening, "LARGEST_TOGETHER", 32)  # 24 bytes and 8
    assert read_onnx(saved(made, tmp_path)).parameters
    monkeypatch.setattr(opening, "LARGEST_TOGETHER", 31)
    refused(saved(made, tmp_path), "tensor 'b': with those before it, its tensors are of 32 bytes, at most 31 expected")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "w.bin")
    refused(saved(external(perceptron(), "w.bin"), tmp_path), "tensor 'w': .* 'w.bin', which is no regular file")
    os.mkfifo(tmp_path / "pipe.onnx")
    refused(tmp_path / "pipe.onnx", r"pipe.onnx: cannot be read \(it is no regular file\)")
    refused(Path("/dev/zero"), r"/dev/zero: cannot be read \(it is no regular file\)")
    with pytest.raises(OSError, match="no regular file"):  # where a file became a pipe after it was looked at
        opening.opened(tmp_path / "w.bin")
