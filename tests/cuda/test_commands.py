"""The command line with ``--device cuda``: what it shows, what it refuses, and what Ctrl-C leaves."""

import ast
import json
import os
import re
import signal

import numpy as np
import pytest

import nngraph as ng
from nngraph.cli.compilation import compilation
from nngraph.compiler import compile_program
from nngraph.emit.cuda.source import cuda_source
from nngraph.programs import scheduled
from nngraph.report.source import source_text
from tests.cli.conftest import lossless, nngraph, small

__all__ = ["lossless", "nngraph", "small"]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)), RNG.integers(0, 3, 20)


def test_source_has_the_ids_of_nodes_beside_its_statements(nngraph, small):
    ran = nngraph("compile", small, "--emit", "source", "--device", "cuda")
    assert ran.code == 0
    lines = [line.strip() for line in ran.out.splitlines()]
    assert any(re.fullmatch(r"s\d+ = .* +# update/\S+/\w+\.bias\S*", line) for line in lines)
    assert any(re.fullmatch(r"def results\(acc, .*\): +# h1/matmul", line) for line in lines)
    assert any(re.fullmatch(r"M = words\[.*\] +# batch", line) for line in lines)
    assert any(re.fullmatch(r"a = \(words\[.*\] >> 2\) +# image: float32\[.*\]", line) for line in lines)
    made = compile_program(compilation(small), "schedule").schedule
    assert made
    comments = " ".join(line.partition("#")[2] for line in lines)
    assert all(id in comments for call in made.calls for id in call.nodes)


def test_source_without_its_comments_is_what_is_compiled(small):
    made = compile_program(compilation(small, device="cuda"), "schedule").schedule
    assert made
    printed = source_text(made, "cuda")
    for kernel in dict.fromkeys(call.kernel for call in made.calls):
        name, source = cuda_source(kernel)
        part = printed[printed.index(f"# {name},") :].split("\n" + "#" * 108)[0]
        assert ast.dump(ast.parse(part)) == ast.dump(ast.parse(source))


def test_source_has_what_products_are_made_of(nngraph, tmp_path):
    """For the batch that is asked for: the gradient of the weight is a sum over it, in pieces if it is long."""
    g = ng.Graph("narrow")
    g.output(g.linear(g.input("x", shape=(2,)), 4, name="out"))
    path = tmp_path / "narrow.json"
    g.save(path)
    options = ("--emit", "source", "--device", "cuda", "--loss", "mean_squared_error", "--batch")
    short, long = (nngraph("compile", path, *options, batch).out for batch in (23, 50))
    total = re.compile(r"# ng_\w+, a product_total kernel")
    assert not total.search(short)
    assert total.search(long)
    assert re.search(r" a = \(words.* # the product, in scratch memory", long)
    model = ng.compile(ng.load(path), loss="mean_squared_error", device="cuda", products="cublas")
    printed = model.source()
    assert re.search(r"# ng_\w+, a product_epilogue kernel", printed)
    made = scheduled(model.programs.compile("gradients"))
    printed = source_text(made, "cuda", model.programs.plan("gradients", 32), library=True)
    assert "a matmul kernel" not in printed


def test_a_models_source_is_that_of_its_device(small):
    printed = ng.compile(ng.load(small), device="cuda").source()
    assert "cuda.gridsize(1)" in printed
    assert "nngraph_kernels.simd" not in printed


def test_stages_and_kernels(nngraph, small):
    ran = nngraph("compile", small, "--device", "cuda")
    assert ran.code == 0
    assert "small: train, float32, batch 16, cuda" in ran.out
    assert re.search(r"emit +\d+ kernels, compiled when a program is bound to the device", ran.out)
    listed = nngraph("compile", small, "--device", "cuda", "--emit", "schedule").out
    made = compile_program(compilation(small, device="cuda"), "schedule").schedule
    assert made
    names = {cuda_source(call.kernel)[0] for call in made.calls}
    assert set(re.findall(r"ng_\w+", listed)) == names
    rows = nngraph("inspect", small, "--device", "cuda", "--purpose", "train", "--json").json["nodes"]
    assert {kernel for row in rows for kernel in row["kernels"]} <= names
    arena = nngraph("inspect", small, "--memory", "--device", "cuda", "--json").json["arena"]
    assert arena % 256 == 0


@pytest.mark.parametrize("arguments", [("gradcheck",), ("bench", "model")])
def test_what_is_for_the_processor_alone(nngraph, small, arguments):
    ran = nngraph(*arguments, small, "--device", "cuda")
    assert ran.code == 2
    expected = f"--device: 'cuda' given, but {' '.join(arguments)} runs kernels of the processor alone"
    assert ran.err == f"nngraph: {expected}; leave --device out\n"


def test_a_sweep(nngraph, tmp_path):
    model = {
        "format": "nngraph-model", "version": 1, "name": "tiny", "inputs": {"x": {"shape": [2]}},
        "nodes": [{"id": "scores", "op": "linear", "inputs": ["x"], "units": 2}], "outputs": ["scores"],
        "training": {"loss": "cross_entropy", "optimizer": "adam", "batch_size": 16},
    }  # fmt: skip
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(model))
    ran = nngraph(
        "sweep", path, "--device", "cuda", "--precision", "bfloat16", "--seeds", "0-1", "--epochs", 1, "--data",
        "moons:n=40", "--quiet", "--run", tmp_path / "study",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    options = json.loads((tmp_path / "study" / "study.json").read_text())["options"]
    assert (options["device"], options["precision"], options["products"]) == ("cuda", "bfloat16", "own")
    results = (tmp_path / "study" / "results.jsonl").read_text().splitlines()
    assert len(results) == 2


def perceptron():
    g = ng.Graph("perceptron")
    g.output(g.linear(g.relu(g.linear(g.input("x", shape=(4,)), 5)), 3))
    return ng.compile(g, loss="cross_entropy", optimizer=ng.Adam(0.02), seed=3, device="cuda")


def test_an_interrupted_training_stops_at_a_steps_end_and_saves(tmp_path, monkeypatch):
    """Ctrl-C while step 4 of 10 is under way: 4 steps are done, and going on is as if nothing had been."""
    options = {"epochs": 2, "batch_size": 4, "progress": False}
    unbroken = perceptron()
    unbroken.fit(X, Y, **options)
    model, steps = perceptron(), []
    made = model.programs.machine.device.step

    def step(launches):
        once = made(launches)

        def counted():
            steps.append(1)
            if len(steps) == 4:
                os.kill(os.getpid(), signal.SIGINT)
            once()

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(model.programs.machine.device, "step", step)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, **options, run=tmp_path / "run")
    done = model.trainee.position.epoch * 5 + model.trainee.position.step
    assert len(steps) == done
    assert 4 <= done < 10
    again = ng.load_model(tmp_path / "run", device="cuda")
    assert all((again.parameters()[name] == array).all() for name, array in model.parameters().items())
    again.fit(X, Y, **options, run=tmp_path / "run", resume=True)
    for name, array in unbroken.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], array, err_msg=name)
