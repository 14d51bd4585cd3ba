"""What ONNX nodes become: parameters, patterns, axes; and what is said of those that become nothing."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import nngraph as ng
from nngraph.export.onnx.read import read_onnx
from nngraph.ir.op import REGISTRY
from tests.export.models import info, model, saved
from tests.export.running import ask_onnxruntime, assert_equal, examples, perturbed, predictions

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def ops_of(graph):
    return [node["op"] for node in graph.wiring.nodes.values() if node["op"] != "input"]


def imported(made, folder, **inputs):
    """The graph, after it has computed what onnxruntime computes."""
    path = saved(made, folder)
    expected = ask_onnxruntime(path, inputs)
    found = ng.import_onnx(path)
    assert_equal(predictions(found, inputs), expected)
    return found.graph


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], **attributes)


def test_everything_that_cannot_be_read_is_told_at_once(tmp_path):
    nodes = [
        node("Acos", ["x"], "a", name="arc"), node("Relu", ["a"], "b", name="depends"),
        node("CumSum", ["x", "axis"], "c"), node("Gelu", ["x"], "d", name="mine", domain="my.company"),
        node("Sum", ["b", "c", "d"], "y"),
    ]  # fmt: skip
    made = model(nodes[:3] + [node("Sum", ["b", "c"], "y")], [info("x", ["n", 3])], [info("y", ["n", 3])],
                 axis=np.array(1))  # fmt: skip
    with pytest.raises(ng.Errors) as caught:
        read_onnx(saved(made, tmp_path))
    assert [line.split(": ", 1)[1] for line in caught.value.messages] == [
        "node 'arc': operator 'Acos' (version 7): nngraph has nothing for it",
        "node 'c': operator 'CumSum' (version 14): nngraph has nothing for it",
    ]
    made = model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], axis=np.array(1))
    made.opset_import.append(helper.make_opsetid("my.company", 1))
    with pytest.raises(ng.Errors, match="node 'mine': operator 'my.company:Gelu' is not one of ONNX's own"):
        read_onnx(saved(made, tmp_path))


def test_a_version_that_is_not_known(tmp_path):
    made = model([node("Cast", ["x"], "y", to=1, name="old")], [info("x", ["n", 3], TensorProto.INT32)],
                 [info("y", ["n", 3])], opset=6)  # fmt: skip
    assert ops_of(read_onnx(saved(made, tmp_path)).graph) == ["cast"]
    made = model([node("Softplus", ["x"], "y")], [info("x", ["n", 3])], [info("y", ["n", 3])])
    made.opset_import[0].version = 10**6
    with pytest.raises(ng.DeclarationError, match="opset 1000000 given, at most [0-9]+ expected; update onnx"):
        read_onnx(saved(made, tmp_path))
    made = model([node("Cast", ["x"], "y", to="FLOAT", name="old")], [info("x", ["n", 3], TensorProto.INT32)],
                 [info("y", ["n", 3])], opset=5)  # fmt: skip
    with pytest.raises(ng.Errors, match=r"node 'old': operator 'Cast' \(version 1\): versions 6 to 28 expected"):
        read_onnx(saved(made, tmp_path))
    made = model([node("OptionalHasElement", ["x"], "y", name="has")], [info("x", ["n", 3])],
                 [info("y", [], TensorProto.BOOL)], opset=18)  # fmt: skip
    with pytest.raises(ng.Errors, match="operator 'OptionalHasElement'"):
        read_onnx(saved(made, tmp_path))


def test_two_layers_of_the_same_weights_share_them(tmp_path):
    nodes = [
        node("Gemm", ["x", "w", "b"], "h", transB=1, name="first"), node("Tanh", ["h"], "t"),
        node("Gemm", ["t", "w", "b"], "y", transB=1, name="second"),
    ]  # fmt: skip
    made = model(nodes, [info("x", ["n", 3])], [info("y", ["n", 3])], w=normal(3, 3), b=normal(3))
    graph = imported(made, tmp_path, x=normal(4, 3))
    assert graph.wiring.nodes["second"]["shared_with"] == "first"


def test_a_shared_layer_comes_back(tmp_path):
    g = ng.Graph("shared")
    x = g.input("x", shape=(2, 5))
    first = g.linear(x, 5, name="first")
    g.output(g.linear(g.relu(first), 5, shared_with="first", name="second"))
    made = perturbed(ng.compile(g))
    made.export(tmp_path / "model.onnx")
    found = ng.import_onnx(tmp_path / "model.onnx")
    assert found.graph.to_json() == g.to_json()
    np.testing.assert_array_equal(found.predict(examples(made)), made.predict(examples(made)))


GELU = {
    "as PyTorch wrote it": lambda x: [
        node("Div", [x, "root2"], "a"), node("Erf", ["a"], "b"), node("Add", ["b", "one"], "c"),
        node("Mul", [x, "c"], "d"), node("Mul", ["d", "half"], "y", name="activation"),
    ],
    "the half first": lambda x: [
        node("Mul", [x, "half"], "a"), node("Mul", [x, "root_half"], "b"), node("Erf", ["b"], "c"),
        node("Add", ["one", "c"], "d"), node("Mul", ["a", "d"], "y", name="activation"),
    ],
    "with tanh": lambda x: [
        node("Pow", [x, "three"], "a"), node("Mul", ["a", "cubic"], "b"), node("Add", [x, "b"], "c"),
        node("Mul", ["c", "slope"], "d"), node("Tanh", ["d"], "e"), node("Add", ["e", "one"], "f"),
        node("Mul", [x, "half"], "g"), node("Mul", ["g", "f"], "y", name="activation"),
    ],
}  # fmt: skip
NUMBERS = {
    "root2": math.sqrt(2), "root_half": math.sqrt(0.5), "one": 1.0, "half": 0.5, "three": 3.0, "cubic": 0.044715,
    "slope": math.sqrt(2 / math.pi),
}  # fmt: skip


@pytest.mark.parametrize("way", GELU)
def test_gelu_is_recognized(way, tmp_path):
    numbers = {name: np.float32(number) for name, number in NUMBERS.items()}
    made = model(GELU[way]("x"), [info("x", ["n", 7])], [info("y", ["n", 7])], **numbers)
    graph = imported(made, tmp_path, x=normal(4, 7))
    assert ops_of(graph) == ["gelu"]
    assert ("form" in graph.wiring.nodes["activation"]) == (way == "with tanh")


def test_what_only_looks_like_gelu_is_not(tmp_path):
    numbers = {name: np.float32(number) for name, number in NUMBERS.items()} | {"half": np.float32(0.25)}
    made = model(GELU["the half first"]("x"), [info("x", ["n", 7])], [info("y", ["n", 7])], **numbers)
    with pytest.raises(ng.Errors, match="operator 'Erf'"):
        read_onnx(saved(made, tmp_path))


def test_a_product_and_a_sum_are_a_layer(tmp_path):
    nodes = [node("MatMul", ["x", "w"], "a"), node("Add", ["b", "a"], "y", name="layer")]
    made = model(nodes, [info("x", ["n", 4, 3])], [info("y", ["n", 4, 5])], w=normal(3, 5), b=normal(5))
    assert ops_of(imported(made, tmp_path, x=normal(2, 4, 3))) == ["linear"]


def test_transposes_that_cancel_leave_nothing(tmp_path):
    """Channels last outside, first inside: what is left is the convolution and the pooling."""
    nodes = [
        node("Transpose", ["x"], "a", perm=[0, 3, 1, 2]), node("Conv", ["a", "w"], "b", name="conv"),
        node("Relu", ["b"], "c"), node("MaxPool", ["c"], "d", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["d"], "y", perm=[0, 2, 3, 1]),
    ]  # fmt: skip
    made = model(nodes, [info("x", ["n", 8, 8, 3])], [info("y", ["n", 3, 3, 4])], w=normal(4, 3, 3, 3))
    assert ops_of(imported(made, tmp_path, x=normal(2, 8, 8, 3))) == ["conv2d", "relu", "max_pool"]


def test_an_image_is_moved_once(tmp_path):
    """However many read it."""
    nodes = [
        node("Conv", ["x", "w"], "a", name="first"), node("Conv", ["x", "v"], "b", name="second"),
        node("Add", ["a", "b"], "y"),
    ]  # fmt: skip
    made = model(nodes, [info("x", ["n", 3, 4, 5])], [info("y", ["n", 2, 4, 5])], w=normal(2, 3, 1, 1),
                 v=normal(2, 3, 1, 1))  # fmt: skip
    graph = read_onnx(saved(made, tmp_path), "nchw").graph
    assert ops_of(graph) == ["transpose", "conv2d", "conv2d", "add", "transpose"]
    assert ops_of(read_onnx(saved(made, tmp_path)).graph) == ["conv2d", "conv2d", "add"]


def test_squeeze_and_excitation(tmp_path):
    """A gate (N, C, 1, 1) times an image (N, C, H, W), which stands channels last here."""
    nodes = [
        node("Transpose", ["x"], "i", perm=[0, 3, 1, 2]), node("GlobalAveragePool", ["i"], "a"),
        node("Conv", ["a", "w"], "b"), node("Sigmoid", ["b"], "c"), node("Mul", ["i", "c"], "d"),
        node("ReduceMean", ["d"], "y", axes=[2, 3], keepdims=0),
    ]  # fmt: skip
    made = model(nodes, [info("x", ["n", 5, 4, 3])], [info("y", ["n", 3])], w=normal(3, 3, 1, 1))
    graph = imported(made, tmp_path, x=normal(2, 5, 4, 3))
    assert "transpose" not in ops_of(graph)


def test_constants_beside_images(tmp_path):
    """A vector over the channels, an image of its own, and a number, whatever the order of the axes."""
    nodes = [
        node("Conv", ["x", "w"], "a"), node("Add", ["a", "bias"], "b"), node("Mul", ["b", "map"], "c"),
        node("Clip", ["c", "low", "high"], "d"), node("Sub", ["one", "d"], "y"),
    ]  # fmt: skip
    made = model(
        nodes, [info("x", ["n", 2, 4, 5])], [info("y", ["n", 3, 4, 5])], w=normal(3, 2, 1, 1), bias=normal(3, 1, 1),
        map=normal(1, 1, 4, 5), low=np.float32(-1), high=np.float32(1), one=np.float32(1),
    )  # fmt: skip
    path, x = saved(made, tmp_path), normal(2, 2, 4, 5)
    found = ng.import_onnx(path).predict(x.transpose(0, 2, 3, 1))
    expected = ask_onnxruntime(path, {"x": x})["y"]
    np.testing.assert_allclose(found.transpose(0, 3, 1, 2), expected, rtol=0, atol=1e-6)
    found = ng.import_onnx(path, layout="nchw").predict(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_shapes_that_are_computed(tmp_path):
    """x.view(x.shape[0], -1), as exporters write it."""
    nodes = [
        node("Shape", ["x"], "a"), node("Gather", ["a", "zero"], "b"), node("Unsqueeze", ["b", "axes"], "c"),
        node("Concat", ["c", "rest"], "d", axis=0), node("Reshape", ["x", "d"], "e"), node("Softmax", ["e"], "y"),
    ]  # fmt: skip
    arrays = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    made = model(nodes, [info("x", ["n", 4, 3])], [info("y", ["n", 12])], **arrays)
    assert ops_of(imported(made, tmp_path, x=normal(3, 4, 3))) == ["reshape", "softmax"]


def test_sequences(tmp_path):
    """A convolution and a pooling of one axis are those of an image of one row."""
    nodes = [
        node("Conv", ["x", "w", "b"], "a", pads=[1, 1], strides=[2]), node("Relu", ["a"], "c"),
        node("AveragePool", ["c"], "y", kernel_shape=[2]),
    ]  # fmt: skip
    made = model(nodes, [info("x", ["n", 3, 10])], [info("y", ["n", 4, 4])], w=normal(4, 3, 3), b=normal(4))
    imported(made, tmp_path, x=normal(2, 3, 10))


def test_an_embedding(tmp_path):
    made = model([node("Gather", ["table", "x"], "y", name="words")], [info("x", ["n", 6], TensorProto.INT64)],
                 [info("y", ["n", 6, 4])], table=normal(9, 4))  # fmt: skip
    path, x = saved(made, tmp_path), RANDOM.integers(0, 9, (3, 6))
    found = ng.import_onnx(path)
    assert ops_of(found.graph) == ["embedding"]
    np.testing.assert_array_equal(found.predict(x.astype(np.int32)), ask_onnxruntime(path, {"x": x})["y"])


def test_a_model_of_double_precision(tmp_path):
    g = ng.Graph("double")
    g.output(g.tanh(g.linear(g.input("x", shape=(5,)), 3)), name="y")
    made = perturbed(ng.compile(g, dtype="float64"))
    made.export(tmp_path / "model.onnx")
    inputs = examples(made)
    assert inputs["x"].dtype == np.float64
    assert_equal(ask_onnxruntime(tmp_path / "model.onnx", inputs), predictions(made, inputs), 1e-13)
    found = ng.import_onnx(tmp_path / "model.onnx")
    assert found.programs.dtype == "float64"
    assert_equal(predictions(found, inputs), predictions(made, inputs), 1e-15)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_standardizing_is_part_of_the_file(layout, tmp_path):
    g = ng.Graph("standardized")
    h = g.conv2d(g.input("image", shape=(6, 5, 3)), 4, 3)
    g.output(g.global_average_pool(g.relu(h)), name="scores")
    made = ng.compile(g, loss="cross_entropy", optimizer=ng.SGD(0.1))
    x = RANDOM.normal(5.0, 3.0, (40, 6, 5, 3)).astype(np.float32) * [1, 2, 3]
    made.fit(x, RANDOM.integers(0, 4, 40), epochs=1, standardize=True)
    made.export(tmp_path / "model.onnx", layout=layout)
    given = x[:3].astype(np.float32)
    found = ask_onnxruntime(
        tmp_path / "model.onnx", {"image": given.transpose(0, 3, 1, 2) if layout == "nchw" else given}
    )
    assert_equal(found, {"scores": made.predict(given)})


def test_several_inputs_and_outputs_keep_their_names(tmp_path):
    g = ng.Graph("several")
    left, right = g.input("left", shape=(4,)), g.input("a.b/c-d", shape=(4,))
    h = g.relu(g.concat([left, right]), name="h")
    g.output(g.linear(h, 3, name="scores"), name="kind")
    g.output(h, name="features")
    g.output(h)
    g.output(left, name="same")
    made = perturbed(ng.compile(g))
    made.export(tmp_path / "model.onnx")
    inputs = examples(made)
    assert_equal(ask_onnxruntime(tmp_path / "model.onnx", inputs), predictions(made, inputs))
    found = ng.import_onnx(tmp_path / "model.onnx")
    assert found.graph.outputs.keys() == g.outputs.keys()
    assert_equal(predictions(found, inputs), predictions(made, inputs), 1e-7)


def test_what_the_file_says_of_itself(tmp_path):
    g = ng.Graph("about")
    g.output(g.relu(g.input("x", shape=(3,)), name="y"))
    ng.compile(g).export(tmp_path / "model.onnx", opset=19)
    made = onnx.load(tmp_path / "model.onnx")
    assert (made.producer_name, made.ir_version, made.opset_import[0].version) == ("nngraph", 9, 19)
    assert {each.key: each.value for each in made.metadata_props}["nngraph.version"] == ng.__version__
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert made.graph.node[0].name == "y"


def test_options_that_there_are_not(tmp_path):
    g = ng.Graph("options")
    g.output(g.relu(g.input("x", shape=(3,))))
    made = ng.compile(g)
    for path, options, message in [
        ("m.onnx", {"opset": 16}, "opset: 16 given, 17 to 21 expected"),
        ("m.onnx", {"layout": "hwc"}, "layout: 'hwc' given, one of nhwc, nchw"),
        ("m.onnx", {"opsets": 17}, "opsets: an option that 'onnx' does not take; did you mean 'opset'"),
        ("m.pt", {}, "m.pt: one of the suffixes .*onnx.* expected"),
        ("m.pt", {"to": "onxx"}, "to: 'onxx' given, one of onnx.* expected; did you mean 'onnx'"),
        ("none/m.onnx", {}, "m.onnx: cannot be written"),
    ]:
        with pytest.raises(ng.OptionError, match=message):
            made.export(tmp_path / path, **options)
    assert not list(tmp_path.iterdir())


def test_ops_of_ones_own(tmp_path):
    """By what they expand into, or by their formula."""
    names = ("onnx_softsign", "onnx_twice")
    try:
        ng.register_op(ng.Op(
            names[0], "x / (1 + |x|)", "activation", ("x",), infer=lambda x: x,
            reference=lambda x: x / (1 + np.abs(x)),
            expand=lambda b, x: b.add("divide", x, b.add("add", b.add("abs", x), 1.0)),
        ))  # fmt: skip
        ng.register_op(ng.Op(
            names[1], "2 x", "activation", ("x",), infer=lambda x: x, reference=lambda x: 2 * x, expr=lambda x: x * 2.0,
        ))  # fmt: skip
        g = ng.Graph("own")
        h = g.apply(names[0], [g.input("x", shape=(3,))])
        g.output(g.apply(names[1], [h]), name="y")
        made = ng.compile(g)
        made.export(tmp_path / "model.onnx")
        inputs = examples(made)
        assert_equal(ask_onnxruntime(tmp_path / "model.onnx", inputs), predictions(made, inputs))
    finally:
        for name in names:
            REGISTRY.pop(name, None)
