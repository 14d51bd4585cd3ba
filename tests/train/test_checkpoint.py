"""Checkpoints: what they hold, in which layouts, and what is wrong with a file."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import nngraph as ng
from nngraph.train.checkpoint import open_file
from tests.train.networks import CLASSES, INPUTS, examples, model, same

X, Y = examples()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    m = model(threads=1, regularizer=ng.ElasticNet(1e-4, beta=0.5))
    m.fit(X, Y, epochs=3, batch_size=32, standardize=True)
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    m.save(path)
    return m, path


def test_a_model_comes_back_as_it_was(trained):
    m, path = trained
    other = ng.load_model(path, threads=1)
    assert same(m.parameters(), other.parameters())
    assert np.array_equal(m.predict(X), other.predict(X))
    assert m.evaluate(X, Y) == other.evaluate(X, Y)
    assert other.history == m.history
    assert other.classes == ("0", "1", "2")
    assert other.programs.objective == m.programs.objective
    first, second = m.loss_and_gradients(X, Y), other.loss_and_gradients(X, Y)
    assert first[0] == second[0]
    assert same(first[1], second[1])


def test_training_goes_on_from_it(trained, tmp_path):
    m, path = trained
    m = ng.load_model(path, threads=1)
    m.save(tmp_path / "again")
    other = ng.load_model(tmp_path / "again", threads=2)
    m.fit(X, Y, epochs=2, batch_size=32)
    other.fit(X, Y, epochs=2, batch_size=32)
    assert same(m.parameters(), other.parameters())


def test_public_layouts_and_a_graph_that_can_be_read(trained):
    m, path = trained
    tensors = load_file(path)
    assert tensors["hidden.weight"].shape == (8, INPUTS)
    assert tensors["logits.weight"].shape == (CLASSES, 8)
    assert np.array_equal(tensors["hidden.weight"], m.parameters()["hidden.weight"])
    assert tensors["moment:mean/hidden.weight"].shape == (8, INPUTS)
    assert tensors["counter:step"] == 12
    about = json.loads(open_file(path)[1]["nngraph"])
    assert json.loads(about["graph"])["format"] == "nngraph-model"
    assert about["config"]["optimizer"]["type"] == "adam"


def test_without_the_optimizer_it_is_smaller(trained, tmp_path):
    m, path = trained
    m.save(tmp_path / "model", optimizer=False)
    assert os.path.getsize(tmp_path / "model") < os.path.getsize(path)
    assert same(ng.load_model(tmp_path / "model").parameters(), m.parameters())


def test_float64(tmp_path):
    m = model(dtype="float64", dropout=0.0)
    m.save(tmp_path / "model")
    other = ng.load_model(tmp_path / "model")
    assert other.programs.dtype == "float64"
    assert same(m.parameters(), other.parameters())


def test_equal_models_make_equal_files(trained, tmp_path):
    _, path = trained
    ng.load_model(path).save(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == path.read_bytes()


def test_nothing_is_left_of_a_file_that_could_not_be_written(trained, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ng.CheckpointError, match="folder: cannot be written"):
        trained[0].save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]
    with pytest.raises(ng.CheckpointError, match="cannot be written"):
        trained[0].save(tmp_path / "none" / "model")


def test_files_that_are_no_checkpoints(tmp_path):
    (tmp_path / "text").write_text("no tensors")
    save_file({"x": np.zeros(3)}, tmp_path / "other")
    for name, message in (
        ("missing", "no such file; give a checkpoint or a run directory"),
        ("text", "is no safetensors file, or not whole"),
        ("other", "is no checkpoint of nngraph"),
        (".", "is no run directory with a checkpoint"),
    ):
        with pytest.raises(ng.CheckpointError, match=message):
            ng.load_model(tmp_path / name)


def test_damage_is_found(trained, tmp_path):
    content = bytearray(trained[1].read_bytes())
    content[-1] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(ng.CheckpointError, match="is damaged"):
        ng.load_model(tmp_path / "damaged")
    (tmp_path / "short").write_bytes(content[:-100])
    with pytest.raises(ng.CheckpointError, match="not whole"):
        ng.load_model(tmp_path / "short")


def test_what_a_callback_saves_can_be_gone_on_with(tmp_path):
    m = model(threads=1)

    def save(epoch, metrics):
        m.save(tmp_path / str(epoch))

    m.fit(X, Y, epochs=4, batch_size=32, callbacks=save)
    other = ng.load_model(tmp_path / "2", threads=1)
    assert (other.trainee.position.epoch, other.history.epochs) == (2, 2)
    assert other.fit(X, Y, epochs=4, batch_size=32, resume=True) == m.history
    assert same(m.parameters(), other.parameters())


@pytest.mark.parametrize("name", ["crc32", "history"])
def test_metadata_that_are_missing(trained, name, tmp_path):
    tensors, metadata = open_file(trained[1])
    about = json.loads(metadata["nngraph"])
    del about[name]
    save_file(tensors, tmp_path / "part", {"nngraph": json.dumps(about)})
    with pytest.raises(ng.CheckpointError, match=f"its metadata has no '{name}'"):
        ng.load_model(tmp_path / "part")
