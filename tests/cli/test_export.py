"""``nngraph export`` and ``nngraph import``."""

import json

import pytest

import nngraph as ng

for name in ("onnx", "onnxruntime"):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'nngraph[onnx]'")


def test_a_model_goes_out_and_comes_back(nngraph, small, tmp_path):
    ran = nngraph("export", small, "--to", "onnx", "-o", tmp_path / "small.onnx", "--opset", 18)
    assert ran.code == 0
    assert ran.out.startswith(f"{tmp_path / 'small.onnx'}: onnx, ")
    ran = nngraph("import", tmp_path / "small.onnx", "-o", tmp_path / "back.json")
    assert ran.out == f"{tmp_path / 'back.json'}: 4 nodes; {tmp_path / 'back.safetensors'}: 53 parameters\n"
    document, given = json.loads((tmp_path / "back.json").read_text()), json.loads(small.read_text())
    assert document["nodes"] == given["nodes"]
    assert document["training"] == given["training"]


def test_an_imported_model_predicts_and_is_trained_on(nngraph, small, tmp_path):
    import numpy as np

    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=random.normal(size=(60, 6)).astype(np.float32), y=random.integers(0, 3, 60))
    data = tmp_path / "data.npz"
    run = tmp_path / "run"
    assert nngraph("train", small, "--data", data, "--epochs", 3, "--run", run, "--quiet", "--no-standardize").code == 0
    assert nngraph("export", run, "-o", tmp_path / "small.onnx").code == 0
    assert nngraph("import", tmp_path / "small.onnx", "-o", tmp_path / "back.json").code == 0
    weights = tmp_path / "back.safetensors"
    assert nngraph("predict", weights, "-i", data).out == nngraph("predict", run, "-i", data).out
    again = nngraph("train", tmp_path / "back.json", "--weights", weights, "--data", data, "--epochs", 1, "--quiet",
                    "--run", tmp_path / "again", "--no-standardize")  # fmt: skip
    assert again.code == 0
    first = [json.loads(path.read_text().splitlines()[0])["loss"] for path in (
        run / "metrics.jsonl", tmp_path / "again" / "metrics.jsonl"
    )]  # fmt: skip
    assert first[1] < first[0], "it goes on from where the weights are"


def test_weights_are_of_the_same_graph(nngraph, small, tmp_path):
    other = json.loads(small.read_text())
    other["nodes"][0]["id"] = other["nodes"][1]["inputs"][0] = "hidden"
    (tmp_path / "other.json").write_text(json.dumps(other))
    assert nngraph("export", small, "-o", tmp_path / "m.onnx").code == 0
    assert nngraph("import", tmp_path / "m.onnx", "-o", tmp_path / "m.json").code == 0
    ran = nngraph("train", tmp_path / "other.json", "--weights", tmp_path / "m.safetensors", "--epochs", 1, "--run",
                  tmp_path / "run", "--data", "random:n=30,inputs=6,outputs=3", "--loss", "l1")  # fmt: skip
    assert ran.code == 2
    assert "--weights: 'h" in ran.err
    assert "give a checkpoint of the same graph" in ran.err


def test_bad_input_is_one_line(nngraph, small, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\xff\xff\xff")
    for arguments, message in (
        (["export", small, "-o", tmp_path / "m.bin"], f"nngraph: {tmp_path / 'm.bin'}: one of the suffixes .onnx"),
        (["export", small, "--to", "pdf", "-o", tmp_path / "m"], "nngraph: --to: 'pdf' given, one of onnx"),
        (["export", small, "-o", tmp_path / "m.onnx", "--opset", 3], "nngraph: --opset: 3 given, 17 to 21 expected"),
        (["export", small, "-o", tmp_path / "m.onnx", "--batch", 3], "nngraph: --batch: an option that 'onnx' does"),
        (
            ["export", small, "-o", tmp_path / "m.py", "--to", "onnx"],
            f"nngraph: --to: 'onnx' given, but {tmp_path / 'm.py'} has the name of a python or numba file; end it in ",
        ),
        (
            ["export", small, "-o", tmp_path / "m.json", "--to", "safetensors"],
            f"nngraph: --to: 'safetensors' given, but {tmp_path / 'm.json'} has the name of a model file; end it in ",
        ),
        (["export", tmp_path / "none", "-o", tmp_path / "m.onnx"], f"nngraph: {tmp_path / 'none'}: no such file"),
        (["import", tmp_path / "broken.onnx", "-o", tmp_path / "m.json"], f"nngraph: {tmp_path / 'broken.onnx'}: is"),
        (["import", tmp_path / "broken.onnx", "-o", tmp_path / "m.onnx"], "nngraph: --output: "),
        (["import", tmp_path / "none.onnx", "-o", tmp_path / "m.json"], f"nngraph: {tmp_path / 'none.onnx'}: no such"),
    ):  # fmt: skip
        ran = nngraph(*arguments)
        assert ran.code == 2
        assert ran.err.startswith(message), ran.err
        assert ran.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.onnx"]


def test_a_name_of_no_known_kind_takes_any_target(nngraph, small, tmp_path):
    assert nngraph("export", small, "-o", tmp_path / "m.bin", "--to", "onnx").code == 0
    assert nngraph("export", small, "-o", tmp_path / "m", "--to", "safetensors").code == 0


def test_weights_alone_predict_once_they_are_imported(nngraph, small, tmp_path):
    weights, data = tmp_path / "w.safetensors", "random:n=4,inputs=6,outputs=3"
    assert nngraph("export", small, "-o", weights).code == 0
    ran = nngraph("predict", weights, "--data", data)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    command = ran.err.rstrip().rpartition("make one: nngraph ")[2].replace("MODEL.json", str(small)).split()
    assert command[:2] == ["import", str(weights)]
    command[-1] = tmp_path / command[-1]
    assert nngraph(*command).code == 0
    assert nngraph("predict", command[-1], "--data", data).code == 0


def test_what_is_read_is_not_overwritten(nngraph, small, tmp_path):
    """Weights in PyTorch's names would lose them, and a checkpoint what an optimizer remembers."""
    weights, kept = tmp_path / "m.safetensors", tmp_path / "kept.safetensors"
    assert nngraph("export", small, "-o", weights, "--convention", "torch").code == 0
    assert nngraph("import", weights, "--model", small, "-o", kept).code == 0
    for arguments in (
        ["import", weights, "--model", small, "-o", tmp_path / "m.json"],
        ["import", weights, "--model", small, "-o", weights],
        ["export", kept, "-o", kept],
    ):
        before = weights.read_bytes(), kept.read_bytes()
        ran = nngraph(*arguments)
        assert ran.code == 2
        assert ran.err.endswith("which is the file that is read; give another name\n")
        assert (weights.read_bytes(), kept.read_bytes()) == before
    assert not (tmp_path / "m.json").exists()


def test_of_two_files_both_are_written_or_none(nngraph, tmp_path):
    model = ng.Graph("m")
    model.output(model.linear(model.input("x", shape=(30,)), 10))
    model.save(tmp_path / "model.json")
    assert nngraph("export", tmp_path / "model.json", "-o", tmp_path / "m.onnx").code == 0
    taken = [tmp_path / name for name in ("d.json", "d.py", "e.npz", "f.safetensors")]
    for folder in taken:
        folder.mkdir()
    before = sorted(tmp_path.iterdir())
    assert nngraph("import", tmp_path / "m.onnx", "-o", taken[0]).code == 2
    assert nngraph("import", tmp_path / "m.onnx", "-o", tmp_path / "f.json").code == 2
    assert nngraph("export", tmp_path / "model.json", "-o", taken[1]).code == 2
    assert nngraph("export", tmp_path / "model.json", "-o", tmp_path / "e.py").code == 2
    assert sorted(tmp_path.iterdir()) == before
