"""``--precision``: chosen once, kept by the run, and not for the processor."""

import json

from nngraph.cli.arguments import precision_option
from nngraph.ir.types import PRECISIONS
from tests.cli.conftest import MODEL


def test_a_run_keeps_its_precision(nngraph, tmp_path):
    model, run = tmp_path / "small.json", tmp_path / "run"
    model.write_text(json.dumps(MODEL | {"inputs": {"image": {"shape": [2]}}}))
    options = ("--device", "cuda", "--precision", "float16", "--epochs", 1, "--batch-size", 10, "--run", run)
    ran = nngraph("train", model, "--data", "blobs:n=24", *options)
    assert ran.code == 0, ran.err
    assert "float32 kept as float16" in ran.out
    assert json.loads((run / "config.json").read_text())["precision"] == "float16"
    found = nngraph("evaluate", run, "--device", "cuda").out
    assert found == nngraph("evaluate", run, "--device", "cuda", "--precision", "float16").out
    assert nngraph("evaluate", run).code == 0  # in full on the processor
    refused = nngraph("train", "--resume", run, "--epochs", 2, "--device", "cpu")
    assert refused.code == 2
    assert "precision: 'float16' given, which device 'cpu' does not have" in refused.err
    assert nngraph("train", "--resume", run, "--epochs", 2).code == 0


def test_the_processor_has_one(nngraph, small):
    ran = nngraph("train", small, "--precision", "mixed")
    assert ran.code == 2
    assert "give device 'cuda', or precision 'full'" in ran.err


def test_all_are_offered():
    (option,) = precision_option(lambda: None).__click_params__
    assert list(option.type.choices) == list(PRECISIONS)


def test_what_it_comes_to_is_seen_without_a_device(nngraph, small):
    options = ("--device", "cuda", "--batch", 512, "--memory", "--json")
    sizes = [nngraph("inspect", small, *options, "--precision", given).json["arena"] for given in ("full", "mixed")]
    assert sizes[1] < sizes[0]
    cuda = ("--device", "cuda", "--precision", "bfloat16")
    assert " as bfloat16" in nngraph("compile", small, "--emit", "graph", *cuda).out
    assert "to_bfloat16(" in nngraph("compile", small, "--emit", "source", *cuda).out
    stages = nngraph("compile", small, *cuda).out
    assert "narrow_to_bfloat16" in stages
    assert "narrow_to_float16" not in stages
    assert nngraph("inspect", small, "--precision", "mixed").code == 2
