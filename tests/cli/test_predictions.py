"""Tables of predictions."""

import json

import numpy as np

from nngraph.cli.predictions import write_predictions

SCORES = {"scores": np.array([[0.5, 2.0], [1.0, -1.0]], np.float32)}
FILES = ("new/a,b.png", "c.png")


def test_files_of_examples(tmp_path):
    """In front of what was predicted for them, in every format that can hold them."""
    for name in ("out.csv", "out.json", "out.npy", "out.npz"):
        write_predictions(SCORES, ("cat", "dog"), tmp_path / name, FILES)
    assert (tmp_path / "out.csv").read_text() == (
        'file,class,score of cat,score of dog\n"new/a,b.png",dog,0.5,2.0\nc.png,cat,1.0,-1.0\n'
    )
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"file": "new/a,b.png", "class": "dog", "output": [0.5, 2.0]},
        {"file": "c.png", "class": "cat", "output": [1.0, -1.0]},
    ]
    assert np.array_equal(np.load(tmp_path / "out.npy"), SCORES["scores"])
    found = np.load(tmp_path / "out.npz")
    assert tuple(found["file"]) == FILES
    assert np.array_equal(found["scores"], SCORES["scores"])


def test_outputs_of_any_name(tmp_path):
    outputs = {name: np.full((2, 1), k) for k, name in enumerate(("file", "allow_pickle", "part/y"))}
    write_predictions(outputs, (), tmp_path / "out.npz")
    found = np.load(tmp_path / "out.npz")
    assert {name: found[name].tolist() for name in found.files} == {n: a.tolist() for n, a in outputs.items()}
