"""The differences of exported files from our own predictions."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("check_exports", ROOT / "tools" / "check_exports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_model_and_one_whose_numpy_file_is_wrong(tool, capsys, monkeypatch):
    path = ROOT / "models" / "two_layer.json"
    assert tool.main([path]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "all within 1e-05"
    right = tool.imported

    def wrong(file):
        module = right(file)
        predict = module.predict
        module.predict = lambda *inputs: predict(*inputs) * 1.0001
        return module

    monkeypatch.setattr(tool, "imported", wrong)
    assert tool.main([path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 beyond 1e-05 or another"
    assert lines[1].split()[:4:3] == ["two_layer", "1.0e-04"]
