"""A network that PyTorch's exporter wrote: what it computes, and that it goes on learning here."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.train import data

HERE = Path(__file__).parent
FILES = HERE / "files"


def images_of(arrays):
    """As nngraph has them."""
    return arrays["images"].transpose(0, 2, 3, 1)


def check(folder):
    model = ng.import_onnx(folder / "torch_cnn.onnx")
    expected = np.load(folder / "torch_cnn.npz")
    found = model.predict(images_of(expected))
    np.testing.assert_allclose(found, expected["scores"], rtol=0, atol=1e-6)
    return model


def test_it_computes_what_torch_computes():
    model = check(FILES)
    ops = [attributes["op"] for attributes in model.graph.wiring.nodes.values()]
    assert ops == [
        "input", "conv2d", "relu", "depthwise_conv2d", "conv2d", "gelu", "add", "max_pool", "conv2d", "silu",
        "transpose", "reshape", "linear", "gelu", "linear",
    ]  # fmt: skip
    assert model.signature.inputs["image"].shape == (8, 8, 1)


def test_its_images_may_stay_as_they_are():
    model = ng.import_onnx(FILES / "torch_cnn.onnx", layout="nchw")
    expected = np.load(FILES / "torch_cnn.npz")
    np.testing.assert_allclose(model.predict(expected["images"]), expected["scores"], rtol=0, atol=1e-6)


def test_it_is_trained_on():
    digits = data.load("digits")
    found = ng.import_onnx(FILES / "torch_cnn.onnx")
    model = ng.compile(found.graph, loss="cross_entropy", optimizer=ng.Adam(3e-3), seed=0)
    model.set_parameters(found.parameters())
    x, y = np.asarray(digits.x)[:400].reshape(-1, 8, 8, 1), np.asarray(digits.y)[:400]
    before = model.evaluate(x, y)["accuracy"]
    model.fit(x, y, epochs=15, batch_size=32)
    assert before < 0.3
    assert model.evaluate(x, y)["accuracy"] > 0.9


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.slow
def test_what_the_exporter_writes_today(tmp_path):
    subprocess.run([sys.executable, HERE / "torch_network.py", tmp_path], check=True, capture_output=True)
    check(tmp_path)
