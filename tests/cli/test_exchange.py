"""`nngraph export` and `import` of weights and code; ONNX has tests of its own."""

import runpy

import numpy as np
import pytest

import nngraph as ng


@pytest.fixture(scope="session")
def checkpoint(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    ng.compile(ng.load(small), seed=5).save(path)
    return path


@pytest.mark.parametrize("convention", ["nngraph", "torch"])
def test_weights_there_and_back(nngraph, small, checkpoint, tmp_path, convention):
    weights, model = tmp_path / "weights.safetensors", tmp_path / "model.safetensors"
    ran = nngraph("export", checkpoint, "--to", "safetensors", "--convention", convention, "-o", weights)
    assert (ran.code, ran.out) == (0, f"{weights}: safetensors, {weights.stat().st_size:,} bytes\n"), ran.err
    ran = nngraph("import", weights, "--model", small, "-o", model)
    assert (ran.code, ran.out) == (0, f"{model}: 53 parameters\n"), ran.err
    x = np.ones((2, 6))
    np.testing.assert_array_equal(ng.load_model(model).predict(x), ng.load_model(checkpoint).predict(x))
    ran = nngraph("import", weights, "--model", small, "-o", tmp_path / "both.json")
    assert ran.out == f"{tmp_path / 'both.json'}: 4 nodes; {tmp_path / 'both.safetensors'}: 53 parameters\n", ran.err


def test_a_model_file_is_exported_as_it_begins(nngraph, small, tmp_path):
    assert nngraph("export", small, "-o", tmp_path / "small.py").code == 0
    x = np.ones((2, 6), np.float32)
    found = runpy.run_path(str(tmp_path / "small.py"))["predict"](x)
    np.testing.assert_allclose(found, ng.compile(ng.load(small)).predict(x), rtol=1e-5, atol=1e-6)


def test_weights_of_another_model_are_refused_line_by_line(nngraph, checkpoint, tmp_path):
    g = ng.Graph("other")
    g.output(g.linear(g.input("x", (6,)), 5, name="h1"))
    g.output(g.linear(g["h1"], 3, name="head"))
    g.save(tmp_path / "other.json")
    ran = nngraph("import", checkpoint, "--model", tmp_path / "other.json", "-o", tmp_path / "out.safetensors")
    assert ran.code == 2
    assert sorted(line.removeprefix(f"nngraph: {checkpoint}: ") for line in ran.err.splitlines()) == [
        "'head.bias' is missing, which should have shape (3,)",
        "'head.weight' is missing, which should have shape (3, 5)",
        "'logits.bias' is unexpected: the model has none of that name",
        "'logits.weight' is unexpected: the model has none of that name",
    ]
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "{weights}", "-o", "m.safetensors"), "--model: none given; name the model file"),
        (("import", "{weights}", "--model", "{model}", "-o", "m.onnx"), "as in m.json or m.safetensors"),
        (("import", "{weights}", "--model", "{model}", "--layout", "nchw", "-o", "m.json"), "is no ONNX file"),
        (("import", "a.onnx", "--model", "{model}", "-o", "m.json"), "is an ONNX file; leave it out"),
        (("export", "{model}", "--convention", "torch", "-o", "m.py"), "an option that 'python' does not take"),
        (
            ("export", "{model}", "--to", "numpy", "-o", "m.py"),
            "'numpy' given, one of onnx, safetensors, python, numba",
        ),
    ],
)
def test_what_is_refused(nngraph, small, checkpoint, arguments, said):
    ran = nngraph(*(each.format(weights=checkpoint, model=small) for each in arguments))
    assert ran.code == 2
    assert said in ran.err


def test_what_a_file_needs_beside_it_is_said(nngraph, tmp_path):
    g = ng.Graph("wide")
    g.output(g.linear(g.input("x", (6,)), 80))
    model = ng.compile(g, loss="mean_squared_error", optimizer="adam")
    model.fit(np.arange(60.0).reshape(10, 6), np.zeros((10, 80)), epochs=1, standardize=True)
    model.save(tmp_path / "wide.safetensors")
    ran = nngraph("export", tmp_path / "wide.safetensors", "-o", tmp_path / "wide.py")
    assert ran.out.endswith(f" bytes; its parameters in {tmp_path / 'wide.npz'}\n"), ran.err
    ran = nngraph(
        "export", tmp_path / "wide.safetensors", "--convention", "torch", "-o", tmp_path / "torch.safetensors"
    )
    assert ran.code == 0
    assert ran.err == "note: inputs were standardized in training, which weights of this convention do not say\n"
