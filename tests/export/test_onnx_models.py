"""Every model that comes with nngraph as an ONNX file: onnxruntime computes the same, and reading it gives it back."""

import json
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.declare.save import document_of, resolve
from nngraph.export.onnx.export import about_model
from nngraph.export.onnx.read import read_onnx
from nngraph.export.onnx.restore import restored
from nngraph.ir.attributes import check_attributes
from nngraph.ir.op import REGISTRY
from nngraph.run.store import Store
from tests.export.expansion import expanded
from tests.export.running import ask_onnxruntime, assert_equal, channels_first, examples, perturbed, predictions

MODELS = Path(__file__).parents[2] / "models"
LARGE = ("regular_", "small_")  # images of 224×224: only that they are exported and read is tested each time
FILES = [
    pytest.param(path, id=path.stem)
    for path in sorted([*MODELS.rglob("*.json"), *MODELS.glob("*.py")])
]  # fmt: skip
BOTH = [
    pytest.param(*param.values, layout, id=f"{param.id}-{layout}")
    for param in FILES
    for layout in ("nhwc", "nchw")
    if layout == "nhwc" or not param.id.startswith(LARGE)
]
SMALL = [param for param in FILES if not param.id.startswith(LARGE)]


@pytest.mark.parametrize(("layout", "opset"), [("nhwc", 17), ("nchw", 21)])
@pytest.mark.parametrize("path", SMALL)
def test_onnxruntime_computes_the_same(path, layout, opset, tmp_path):
    model = perturbed(ng.compile(load_graph(path)))
    file, inputs = tmp_path / "model.onnx", examples(model)
    model.export(file, layout=layout, opset=opset)
    given = channels_first(inputs) if layout == "nchw" else inputs
    assert_equal(ask_onnxruntime(file, given), predictions(model, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("path", [param for param in FILES if param.id == "small_ws_78"])
def test_onnxruntime_computes_the_same_of_large_images(path, tmp_path):
    model = perturbed(ng.compile(load_graph(path)))
    inputs = examples(model, 1)
    model.export(tmp_path / "model.onnx")
    assert_equal(ask_onnxruntime(tmp_path / "model.onnx", inputs), predictions(model, inputs))


@pytest.mark.parametrize(("path", "layout"), BOTH)
def test_export_and_import_give_the_model_back(path, layout, tmp_path, monkeypatch):
    """By the nodes alone the same but for composites, which are expanded; with the metadata the very same."""
    large = path.stem.startswith(LARGE)
    if large:  # zeros, for to draw millions of numbers takes longer than all else
        monkeypatch.setattr(Store, "initialize", lambda self, state, array: None)
    model = ng.compile(load_graph(path))
    file = tmp_path / "model.onnx"
    model.export(file, layout=layout)
    found = read_onnx(file, metadata=False)
    assert normal(document_of(found.graph)) == normal(expanded(model.graph))
    own = {**model.parameters(), **model.statistics()}
    assert found.parameters.keys() == own.keys()
    for name, array in own.items():
        np.testing.assert_array_equal(found.parameters[name], array)
    about = about_model(model.trainee)
    graph = restored(found.graph, about) if large else read_onnx(file).graph
    assert plain(document_of(graph)) == plain(document_of(resolve(model.graph)))
    file.unlink()


def plain(document):
    return json.loads(json.dumps(document, default=np.ndarray.tolist))


def normal(document):
    """Without ids and defaults: nodes by number, with all attributes."""
    numbers = {name: name for name in document["inputs"]}
    nodes = []
    for node in document["nodes"]:
        numbers[node["id"]] = len(numbers)
        given = {key: item for key, item in node.items() if key not in ("id", "op", "inputs")}
        for name in ("edge_dropout", "initializer"):  # of training, for which ONNX has no word
            given.pop(name, None)
        attributes = plain(check_attributes(REGISTRY[node["op"]], given))
        nodes.append((node["op"], [numbers[name] for name in node["inputs"]], attributes))
    outputs = [each if isinstance(each, str) else each["name"] for each in document["outputs"]]
    return plain({"inputs": document["inputs"], "nodes": nodes, "outputs": outputs})
