"""`nngraph randwire` writes model files of wired networks."""

import json

import nngraph as ng


def test_writes_a_model_with_its_edges(nngraph, tmp_path):
    path = tmp_path / "model.json"
    ran = nngraph("randwire", "ws", "--nodes", 32, "-k", 4, "-p", 0.75, "--seed", 1, "--channels", 78, "-o", path)
    assert ran.out == f"{path}: randwire_small_ws_78, 5.66 M parameters, 0.581 B multiply-adds\n"
    document = json.loads(path.read_text())
    wired = [node for node in document["nodes"] if node["op"] == "randwire"]
    assert [node["channels"] for node in wired] == [78, 156, 312]
    assert all(len(node["edges"]) == 64 and "generator" not in node for node in wired)
    assert ng.load(path)["stage3"].shape[1:] == (7, 7, 312)
    assert document["training"]["optimizer"]["decay"] == ["weight"]


def test_prints_a_model(nngraph):
    ran = nngraph("randwire", "ba", "-m", 2, "--nodes", 8, "--channels", 16, "--input", "32x32x3", "--classes", 10,
                  "--regime", "regular", "--name", "tiny", "--compact")  # fmt: skip
    assert ran.json["name"] == "tiny"
    assert ran.json["inputs"] == {"image": {"shape": [32, 32, 3], "dtype": "float"}}
    generators = [node["generator"] for node in ran.json["nodes"] if node["op"] == "randwire"]
    assert [(g["nodes"], g["m"], g["seed"]) for g in generators] == [(4, 2, 0), (8, 2, 1), (8, 2, 2), (8, 2, 3)]


def test_bad_input_is_one_line(nngraph):
    for arguments, message in (
        (["ws", "-k", 3], "nngraph: wiring 'ws': k=3 given, an even number expected"),
        (["ws", "-p", 2], "nngraph: wiring 'ws': attribute 'p': 2.0 given, a finite number between 0 and 1 expected"),
        (["er", "-m", 3], "nngraph: wiring 'er': no option 'm'"),
        (["ba", "--nodes", 4], "nngraph: wiring 'ba': m=5 given for 4 nodes"),
        (["chain", "--nodes", 0], "nngraph: wiring 'chain': attribute 'nodes': 0 given"),
        (["ws", "--input", "32x32"], "nngraph: --input: '32x32' given, height, width and channels expected"),
        (["tree"], "nngraph: Invalid value for '{ws|er|ba|chain|residual|dense}'"),
    ):
        ran = nngraph("randwire", *arguments)
        assert ran.code == 2
        assert ran.err.startswith(message)
        assert ran.err.count("\n") == 1
