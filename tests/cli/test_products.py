"""``--products``: chosen once, kept by the run, and not for the processor."""

import json

import pytest

from nngraph.cli.arguments import products_option
from nngraph.train.checks import PRODUCTS
from tests.cli.conftest import MODEL
from tests.cuda.blas import NumpyBlas


@pytest.fixture
def blas(monkeypatch):
    found = NumpyBlas()
    monkeypatch.setattr("nngraph.machines.cuda.library", lambda: found)
    return found


def test_a_run_keeps_what_does_its_products(nngraph, blas, tmp_path):
    model, run = tmp_path / "small.json", tmp_path / "run"
    model.write_text(json.dumps(MODEL | {"inputs": {"image": {"shape": [2]}}}))
    options = ("--device", "cuda", "--products", "cublas_tf32", "--epochs", 1, "--batch-size", 10, "--run", run)
    ran = nngraph("train", model, "--data", "blobs:n=24", *options)
    assert ran.code == 0, ran.err
    assert "float32, cuda, products by cublas_tf32, seed 0" in ran.out
    assert json.loads((run / "config.json").read_text())["products"] == "cublas_tf32"
    assert {gemm.arithmetic for gemm in blas.done} == {"tf32"}
    blas.done.clear()
    assert nngraph("evaluate", run, "--device", "cuda", "--products", "own").code == 0
    assert nngraph("evaluate", run).code == 0
    assert not blas.done
    assert nngraph("evaluate", run, "--device", "cuda").code == 0
    assert blas.done
    refused = nngraph("train", "--resume", run, "--epochs", 2, "--device", "cpu")
    assert refused.code == 2
    assert "products: 'cublas_tf32' given, which device 'cpu' does not have" in refused.err
    assert nngraph("train", "--resume", run, "--epochs", 2).code == 0
    assert nngraph("train", "--resume", run, "--epochs", 3, "--device", "cpu", "--products", "own").code == 0


@pytest.mark.parametrize("option", [("--products", "cublas"), ("--precision", "mixed")])
@pytest.mark.parametrize("command", ["train", "sweep"])
def test_the_processor_has_none_of_it(nngraph, small, command, option, tmp_path):
    ran = nngraph(command, small, *option, "--run", tmp_path / "run")
    assert ran.code == 2
    assert "which device 'cpu' does not have; give device 'cuda'" in ran.err
    assert not (tmp_path / "run").exists()


def test_all_are_offered():
    (option,) = products_option(lambda: None).__click_params__
    assert tuple(option.type.choices) == PRODUCTS
