"""What the other tests of this folder need."""

from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import nngraph as ng
from nngraph.export.onnx import protocol


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_the_extra_is_installed(package):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed, and exports are not tested: pip install 'nngraph[onnx]'")


def test_without_onnx_a_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(protocol, "importlib", SimpleNamespace(import_module=missing))
    with pytest.raises(ng.OptionError, match=r"onnx: the package is not installed, .* pip install 'nngraph\[onnx\]'"):
        protocol.onnx_package("helper")
