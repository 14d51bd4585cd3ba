"""Modules of kernels: they run where nngraph is not, and compute what it computes, bit by bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nngraph as ng
from nngraph.declare.load import load
from nngraph.emit.fingerprint import library_of
from nngraph.errors import OptionError
from nngraph.export.numba_file.calls import Place
from nngraph.export.numba_file.license import LICENSE
from nngraph.export.numba_file.write import export_numba
from nngraph.train.data.standardizer import Standardizer

ROOT = Path(ng.__file__).parents[1]
MODELS = ROOT / "models"
RUN = """
import sys
sys.modules.update(nngraph=None, nngraph_kernels=None)
import numpy as np
import {name} as module
given = np.load("inputs.npz")
found = module.predict(*(given[name] for name in given.files))
np.savez("outputs.npz", **(found if isinstance(found, dict) else {{"": found}}))
assert "llvmlite" in sys.modules and "networkx" not in sys.modules
"""


def answers(folder, name, inputs):
    """What a module makes of inputs, in a process of its own that has nothing of nngraph."""
    np.savez(folder / "inputs.npz", **inputs)
    code = RUN.format(name=name)
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, env={}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    with np.load(folder / "outputs.npz") as found:
        return dict(found)


def drawn(model, count):
    random = np.random.default_rng(0)
    return {
        name: random.normal(size=(count, *array.shape)).astype(array.dtype)
        for name, array in model.signature.inputs.items()
    }


@pytest.mark.parametrize("name", ["digits_mlp", "digits_randwire"])
def test_models_give_the_same_bits(name, tmp_path):
    model = ng.compile(load(MODELS / f"{name}.json"))
    export_numba(model.trainee, tmp_path / f"{name}.py", batch=4)
    x = drawn(model, 9)  # two batches and a rest
    found = answers(tmp_path, name, x)[""]
    np.testing.assert_array_equal(found, model.predict(x))
    none = answers(tmp_path, name, {name: array[:0] for name, array in x.items()})[""]
    assert (none.shape, none.dtype) == ((0, *found.shape[1:]), found.dtype)
    text = (tmp_path / f"{name}.py").read_text()
    assert "nngraph_kernels import" not in text
    assert "# Redistribution and use in source and binary forms" in text


def test_several_inputs_outputs_and_a_standardizer(tmp_path):
    """Small enough for the parameters to be in the module itself."""
    g = ng.Graph("pair")
    left, right = g.input("left", shape=(3,)), g.input("right", shape=(3,))
    g.output(g.linear(g.concat([left, right]), 2), name="both")
    g.output(g.add(left, right), name="sum")
    model = ng.compile(g, loss={"both": "mean_squared_error"}, optimizer="adam")
    x = {name: array * 100 + 7 for name, array in drawn(model, 20).items()}
    model.fit(x, {"both": np.zeros((20, 2))}, epochs=1, standardize=True)
    export_numba(model.trainee, tmp_path / "pair_module.py")
    assert not (tmp_path / "pair_module.npz").exists()
    found, wanted = answers(tmp_path, "pair_module", x), model.predict(x)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-6)


def test_data_is_standardized_whatever_its_input_is_called(tmp_path):
    """Files and tables call their only input x, models call it as they like."""
    g = ng.Graph("s")
    g.output(g.linear(g.input("point", shape=(2,)), 2))
    model = ng.compile(g)
    x = np.random.default_rng(0).normal(size=(20, 2)) * 30 + 100
    model.trainee.standardizer = Standardizer({"x": x.mean(axis=0)}, {"x": x.std(axis=0)})
    export_numba(model.trainee, tmp_path / "s_module.py")
    found = answers(tmp_path, "s_module", {"point": x})[""]
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-6, atol=1e-6)


def test_an_index_outside_of_its_table_is_told(tmp_path):
    g = ng.Graph("table")
    g.output(g.embedding(g.input("word", shape=(2,), dtype="int32"), 5, 3))
    model = ng.compile(g)
    export_numba(model.trainee, tmp_path / "table.py")
    words = np.array([[0, 4], [1, 2]], np.int32)
    np.testing.assert_array_equal(answers(tmp_path, "table", {"word": words})[""], model.predict(words))
    with pytest.raises(AssertionError, match="IndexError: an index outside of its table"):
        answers(tmp_path, "table", {"word": words + 3})


AGAIN = """
import table
try:
    table.predict([[0, 1], [0, 9]])
except IndexError:
    print(table.predict([[0, 1]]).shape)
try:
    table.predict([[0], [1]])
except ValueError as error:
    print(error)
"""


def test_a_wrong_row_is_gone_in_the_next_call(tmp_path):
    """Also where that has fewer rows; and nothing is repeated to fit."""
    g = ng.Graph("table")
    g.output(g.embedding(g.input("word", shape=(2,), dtype="int32"), 5, 3))
    export_numba(ng.compile(g).trainee, tmp_path / "table.py")
    ran = subprocess.run([sys.executable, "-c", AGAIN], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert ran.stdout == "(1, 2, 3)\nword: shape (2, 2) expected, (2, 1) given\n", ran.stderr


def test_another_width_of_vectors_is_told(tmp_path):
    g = ng.Graph("small")
    g.output(g.relu(g.input("x", shape=(2,))))
    export_numba(ng.compile(g).trainee, tmp_path / "small.py")
    path = tmp_path / "small.py"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join("VECTOR_BYTES = 7\n" if line.startswith("VECTOR_BYTES") else line for line in lines))
    with pytest.raises(AssertionError, match="its kernels are for vectors of 7 bytes, this processor's have"):
        answers(tmp_path, "small", {"x": np.zeros((1, 2), np.float32)})


def test_the_library_is_what_the_kernels_import():
    found = library_of(["from nngraph_kernels.simd import load\n"])
    assert {"nngraph_kernels", "nngraph_kernels.simd", "nngraph_kernels.simd.memory"} <= found.keys()
    assert not any(name.startswith(("nngraph_kernels.cuda", "nngraph_kernels.cpu")) for name in found)
    assert all("'''" not in text for text in found.values())


def test_places_are_addresses_that_are_not_known_yet():
    place = Place("h1.weight", 8) + 4
    assert place.text() == "held('h1.weight', 12)"
    assert (Place("arena") + 64).text() == "arena(64)"
    assert Place("h1.bias").text() == "held('h1.bias')"


def test_the_license_is_the_package_s():
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") == LICENSE


def test_what_is_refused(tmp_path):
    g = ng.Graph("own")
    g.output(g.relu(g.input("x", shape=(3,))))
    trainee = ng.compile(g).trainee
    with pytest.raises(OptionError, match="the name of a Python file expected"):
        export_numba(trainee, tmp_path / "own.txt")
    with pytest.raises(OptionError, match="batch: 0 given, a whole number from 1 expected"):
        export_numba(trainee, tmp_path / "own.py", batch=0)
    with pytest.raises(OptionError, match="cannot be written"):
        export_numba(trainee, tmp_path / "no" / "own.py")
    g = ng.Graph("total")
    g.output(g.sum(g.input("x", shape=(3,))), name="total")
    with pytest.raises(OptionError, match="needs the batch as first axis, but 'total' is float32"):
        export_numba(ng.compile(g).trainee, tmp_path / "own.py")
    assert list(tmp_path.iterdir()) == []
